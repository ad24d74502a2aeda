/*
 * Both ends of a proxy in one thread, so that they cost little and sleep seldom: the
 * origins behind it, and the load before it.
 *
 *     ends [PORT NAME BODY_BYTES ADDRESSES]...
 *
 * It reads one run of the load from each line of its input, as words: --port N
 * [--connections N] [--seconds S] [--requests N] [--rate N [--sleeps]] [--users N]
 * [--hosts N] [--paths N] [--close] [--arms] [--idle paced|burst], and answers each with a
 * line of JSON. It ends with its input, or with status 1 and a message where a run fails.
 */
#include "bench/latency.h"
#include "bench/load.h"
#include "bench/loop.h"
#include "bench/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	LINE_BYTES = 1024,
	MAX_WORDS = 32,
	MAX_BODY_BYTES = 1 << 24,
	MAX_ADDRESSES = 200,
	WORDS_OF_AN_ORIGIN = 4,
};

static struct input {
	struct watched watched;
	char line[LINE_BYTES];
	size_t len;
	bool ended;
} input;

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < least || value > most) {
		fprintf(
		    stderr, "ends: %s is not a number from %lu to %lu\n", text, least, most);
		exit(2);
	}
	return value;
}

static void take_option(int letter, struct load_options *options)
{
	switch (letter) {
	case 'p': options->port = (uint16_t)number(optarg, 1, 65535); break;
	case 'c':
		options->connections = (unsigned)number(optarg, 1, LOAD_MAX_CONNECTIONS);
		break;
	case 's': options->seconds = strtod(optarg, NULL); break;
	case 'n': options->requests = number(optarg, 1, 1000000000); break;
	case 'r': options->rate = (unsigned)number(optarg, 1, 1000000); break;
	case 'z': options->sleeps = true; break;
	case 'u': options->users = (unsigned)number(optarg, 1, LOAD_MAX_USERS); break;
	case 'h': options->hosts = (unsigned)number(optarg, 1, LOAD_MAX_NAMES); break;
	case 'a': options->paths = (unsigned)number(optarg, 1, LOAD_MAX_NAMES); break;
	case 'x': options->close = true; break;
	case 'm': options->arms = true; break;
	case 'i': options->idle = strcmp(optarg, "burst") == 0 ? IDLE_BURST : IDLE_PACED; break;
	default: exit(2);
	}
}

static struct load_options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "requests", 1, NULL, 'n' },
		{ "rate", 1, NULL, 'r' },
		{ "sleeps", 0, NULL, 'z' },
		{ "users", 1, NULL, 'u' },
		{ "hosts", 1, NULL, 'h' },
		{ "paths", 1, NULL, 'a' },
		{ "close", 0, NULL, 'x' },
		{ "arms", 0, NULL, 'm' },
		{ "idle", 1, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	struct load_options options = {
		.connections = 64, .seconds = 1, .users = 100000, .hosts = 1, .paths = 1
	};
	int letter;

	optind = 0; /* getopt starts anew */
	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1)
		take_option(letter, &options);
	if (options.port == 0 || !(options.seconds > 0 && options.seconds <= 600)) {
		fprintf(stderr, "ends: --port, and 0 to 600 --seconds, are needed\n");
		exit(2);
	}
	return options;
}

static void print_result(const struct load_result *result)
{
	printf("{\"requests\": %llu, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"p999_us\": %.1f, \"most_us\": %.1f, \"users\": %u, \"canary\": %u, \"both\": "
	       "%u}\n",
	    (unsigned long long)result->requests, result->seconds, latency_at(0.50),
	    latency_at(0.99), latency_at(0.999), latency_most(), result->users, result->canary,
	    result->both);
	fflush(stdout);
}

static void run_line(char *line)
{
	char *argv[MAX_WORDS + 1] = { "ends" };
	int argc = 1;
	struct load_options options;
	struct load_result result;

	for (char *word = strtok(line, " "); word != NULL && argc < MAX_WORDS;
	     word = strtok(NULL, " "))
		argv[argc++] = word;
	options = parse(argc, argv);
	result = load_run(&options);
	print_result(&result);
}

static void on_input(struct watched *watched, uint32_t events)
{
	struct input *in = (struct input *)watched;
	ssize_t n;

	(void)events;
	while ((n = read(STDIN_FILENO, in->line + in->len, LINE_BYTES - 1 - in->len)) > 0)
		in->len += (size_t)n;
	in->ended = n == 0 || errno != EAGAIN;
	in->line[in->len] = '\0';
}

/* The first whole line that has come, if one has; the caller takes it from the input. */
static char *line_end(void)
{
	return memchr(input.line, '\n', input.len);
}

static void serve(void)
{
	char line[LINE_BYTES], *end;

	input.watched.ready = on_input;
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0)
		die("input");
	loop_watch(&input.watched, STDIN_FILENO, false);
	for (;;) {
		while ((end = line_end()) != NULL) {
			size_t len = (size_t)(end - input.line);

			memcpy(line, input.line, len);
			line[len] = '\0';
			input.len -= len + 1;
			memmove(input.line, end + 1, input.len);
			run_line(line);
		}
		if (input.ended)
			return;
		loop_turn(UINT64_C(3600) * 1000000000);
	}
}

int main(int argc, char **argv)
{
	prctl(PR_SET_TIMERSLACK, 1UL); /* the default, 50 us, would add to latencies */
	if ((argc - 1) % WORDS_OF_AN_ORIGIN != 0) {
		fprintf(stderr, "usage: ends [PORT NAME BODY_BYTES ADDRESSES]...\n");
		return 2;
	}
	for (char **word = argv + 1; *word != NULL; word += WORDS_OF_AN_ORIGIN)
		origin_listen((uint16_t)number(word[0], 1, 65535), word[1],
		    number(word[2], 0, MAX_BODY_BYTES),
		    (unsigned)number(word[3], 1, MAX_ADDRESSES));
	serve();
	return 0;
}

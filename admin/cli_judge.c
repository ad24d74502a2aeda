#include "admin/cli_judge.h"

#include "rollout/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	READ_BYTES = 65536,
	WRITE_BYTES = 65536, /* are gathered before they are written */
};

/* A file on its way through the judge. */
struct reading {
	const char *name; /* for messages */
	int fd;
	struct judge *judge;
	struct buffer in;
	struct buffer out;
};

static bool flush(struct reading *reading)
{
	while (buffer_len(&reading->out) > 0) {
		struct slice rest = buffer_slice(&reading->out);
		ssize_t written = write(STDOUT_FILENO, rest.data, rest.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			fprintf(stderr, "weir judge: standard output: %s\n", strerror(errno));
			return false;
		}
		buffer_consume(&reading->out, (size_t)written);
	}
	buffer_reset(&reading->out, WRITE_BYTES);
	return true;
}

/* What was judged before the line that is wrong has been said by then. */
static bool complain(struct reading *reading, const struct error *err)
{
	uint64_t line = judge_line_number(reading->judge);

	if (!flush(reading))
		return false;
	fprintf(stderr, "%s:", reading->name);
	if (line > 0)
		fprintf(stderr, "%" PRIu64 ":", line);
	fprintf(stderr, " %s\n", err->text);
	return false;
}

static bool take_line(struct reading *reading, struct slice line)
{
	struct error err;

	if (!judge_line(reading->judge, line, &reading->out, &err))
		return complain(reading, &err);
	return buffer_len(&reading->out) < WRITE_BYTES || flush(reading);
}

/* All whole lines that have been read; a line beyond the cap is handed over as it is. */
static bool take_lines(struct reading *reading)
{
	for (;;) {
		struct slice rest = buffer_slice(&reading->in);
		const char *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
		struct slice line = rest;

		if (end == NULL && rest.len <= TICK_LINE_MAX + 1)
			return true;
		if (end != NULL)
			line.len = (size_t)(end - rest.data);
		if (!take_line(reading, line))
			return false;
		buffer_consume(&reading->in, line.len + 1);
	}
}

static bool finish(struct reading *reading)
{
	struct slice last = buffer_slice(&reading->in);
	struct error err;

	if (last.len > 0 && !take_line(reading, last))
		return false;
	if (!judge_end(reading->judge, &reading->out, &err))
		return complain(reading, &err);
	return flush(reading);
}

/* Says what is found at once: the other end of a pipe may still be recording. */
static bool judge_all(struct reading *reading)
{
	for (;;) {
		ssize_t got;

		if (!buffer_reserve(&reading->in, READ_BYTES)) {
			fprintf(stderr, "weir judge: out of memory\n");
			return false;
		}
		got = read(reading->fd, reading->in.data + reading->in.end, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fprintf(stderr, "weir judge: %s: %s\n", reading->name, strerror(errno));
			return false;
		}
		if (got == 0)
			return finish(reading);
		buffer_added(&reading->in, (size_t)got);
		if (!take_lines(reading) || !flush(reading))
			return false;
	}
}

static enum cli_status judge_fd(const char *name, int fd, const struct judge_settings *settings)
{
	struct reading reading = { .name = name, .fd = fd, .judge = judge_new(settings) };
	bool done = false;

	buffer_init(&reading.in, 2 * READ_BYTES);
	buffer_init(&reading.out, WRITE_BYTES + JUDGE_OUTPUT_MAX);
	if (reading.judge == NULL)
		fprintf(stderr, "weir judge: out of memory\n");
	else
		done = judge_all(&reading);
	buffer_done(&reading.in);
	buffer_done(&reading.out);
	judge_free(reading.judge);
	return done ? CLI_OK : CLI_FAILED;
}

static bool read_settings(const struct cli_args *args, struct judge_settings *settings)
{
	const struct cli_values *given = &args->values[CLI_OPTION_SET];
	struct error err;

	judge_settings_init(settings);
	for (size_t i = 0; i < given->n; i++) {
		if (judge_settings_set(settings, given->items[i], &err))
			continue;
		fprintf(stderr, "weir judge: --set: %s\n", err.text);
		return false;
	}
	return true;
}

enum cli_status cli_judge_run(const struct cli_args *args)
{
	struct judge_settings settings;
	enum cli_status status;
	int fd;

	if (!read_settings(args, &settings))
		return CLI_USAGE;
	if (strcmp(args->operand, "-") == 0)
		return judge_fd("standard input", STDIN_FILENO, &settings);
	fd = open(args->operand, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "weir judge: %s: %s\n", args->operand, strerror(errno));
		return CLI_FAILED;
	}
	status = judge_fd(args->operand, fd, &settings);
	close(fd);
	return status;
}

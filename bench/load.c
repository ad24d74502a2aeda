/*
 * A load generator that costs little: one thread, keep-alive connections, each
 * request for the next of many users.
 *
 *     load --port N [--connections N] [--seconds S] [--requests N] [--rate N] ...
 *
 * Without --rate every connection asks again as soon as it was answered. With it,
 * request k is due at start + k / rate whatever became of the ones before, and its
 * latency counts from then, so that a slow server cannot make the load wait for it
 * (no coordinated omission). Prints one line of JSON; anything but a complete 200
 * ends the run with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

enum {
	EVENTS = 256,
	HELD_BYTES = 4096, /* of a response head that came in pieces */
	INPUT_BYTES = 65536,
	REQUEST_BYTES = 512,
	MAX_CONNECTIONS = 60000,
	MAX_USERS = 1000000, /* six digits */
	MAX_NAMES = 100000,  /* five digits */
	DRAIN_S = 20,        /* for the answers to what was sent */
};

static const uint64_t second_ns = 1000000000;

enum idle {
	IDLE_NONE,
	IDLE_PACED,
	IDLE_BURST
};

static struct options {
	uint16_t port;
	unsigned connections;
	double seconds;
	uint64_t requests; /* at most; 0: as many as the time allows */
	unsigned rate;     /* per second; 0: at once */
	unsigned users;
	unsigned hosts, paths; /* how many the requests go round */
	bool close;            /* a connection for each request */
	bool arms;             /* note which arm answers each user */
	enum idle idle;        /* one request on each connection, then wait */
} options = { .connections = 64, .seconds = 1, .users = 100000, .hosts = 1, .paths = 1 };

struct conn {
	int fd;
	bool head_done, closing; /* closing: answered, the end of the stream is due */
	uint32_t user;
	uint32_t held_bytes;
	uint64_t due_ns;
	size_t body_left;
	char *held;
};

static struct conn *conns;
static struct conn **free_ring; /* connections without a request, oldest first */
static unsigned free_first, free_count;
static uint64_t started, finished, target, end_ns, start_ns;
static unsigned outstanding;
static int epoll;
static char request[REQUEST_BYTES];
static size_t request_len;
static char *user_digits, *host_digits, *path_digits;
static uint8_t *arm_of; /* by user: 0, 'l' or 'c', or 'b' for both */

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno != 0 ? strerror(errno) : "refused");
	exit(EXIT_FAILURE);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

/* The numbers have a fixed width, so that all requests are equally long. */
static void request_make(void)
{
	int n = snprintf(request, sizeof(request),
	    "GET /c00000/orders/7 HTTP/1.1\r\nHost: h00000.example.com\r\n"
	    "User-Agent: bench\r\nAccept: */*\r\nX-User-Id: user-000000\r\n%s\r\n",
	    options.close ? "Connection: close\r\n" : "");

	request_len = (size_t)n;
	path_digits = strstr(request, "/c00000") + 2;
	host_digits = strstr(request, "h00000") + 1;
	user_digits = strstr(request, "user-") + 5;
}

static void put_digits(char *to, int width, unsigned value)
{
	for (int i = width - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void conn_open(struct conn *conn)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(options.port) };
	struct epoll_event in = { EPOLLIN, { .ptr = conn } };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0 ||
	    connect(conn->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &in) < 0)
		die("connect");
}

/* Answered to the end: a reset spares both sides the minute of TIME_WAIT. */
static void conn_close(struct conn *conn)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(conn->fd);
}

static void conn_free(struct conn *conn)
{
	unsigned at = free_first + free_count++;

	free_ring[at < options.connections ? at : at - options.connections] = conn;
}

static void conn_ask(struct conn *conn, uint64_t due_ns)
{
	if (options.close)
		conn_open(conn);
	conn->user = (uint32_t)(started % options.users);
	put_digits(user_digits, 6, conn->user);
	if (options.hosts > 1)
		put_digits(host_digits, 5, (unsigned)(started % options.hosts));
	if (options.paths > 1)
		put_digits(path_digits, 5, (unsigned)(started % options.paths));
	conn->head_done = false;
	conn->closing = false;
	conn->held_bytes = 0;
	conn->due_ns = due_ns;
	started++;
	outstanding++;
	if (send(conn->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
		die("send");
}

static bool may_start(uint64_t now_ns)
{
	return started < target && now_ns < end_ns;
}

static uint64_t next_due_ns(void)
{
	return options.rate == 0 ? 0 : start_ns + started * second_ns / options.rate;
}

static void ask_what_is_due(uint64_t now_ns)
{
	while (free_count > 0 && may_start(now_ns) && next_due_ns() <= now_ns) {
		struct conn *conn = free_ring[free_first];

		free_first = free_first + 1 == options.connections ? 0 : free_first + 1;
		free_count--;
		conn_ask(conn, options.rate == 0 ? now_ns : next_due_ns());
	}
}

static void note_arm(const struct conn *conn, const char *head, size_t len)
{
	const char *field = memmem(head, len, "-Arm: ", 6);
	uint8_t arm;

	if (field == NULL)
		field = memmem(head, len, "-arm: ", 6);
	if (field == NULL)
		die("a response without X-Arm");
	arm = (uint8_t)field[6];
	if (arm_of[conn->user] == 0)
		arm_of[conn->user] = arm;
	else if (arm_of[conn->user] != arm)
		arm_of[conn->user] = 'b';
}

static size_t content_length(const char *head, size_t len)
{
	const char *field = memmem(head, len, "ontent-", 7);

	while (field != NULL && strncasecmp(field + 7, "length: ", 8) != 0)
		field = memmem(field + 7, len - (size_t)(field + 7 - head), "ontent-", 7);
	if (field == NULL)
		die("a response without Content-Length");
	return strtoul(field + 15, NULL, 10);
}

/* Takes a response head from the bytes; returns how many it was, or 0: more are needed. */
static size_t take_head(struct conn *conn, const char *bytes, size_t len)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);
	size_t head_len;

	if (end == NULL)
		return 0;
	head_len = (size_t)(end - bytes) + 4;
	if (memcmp(bytes, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "load: answered %.*s\n", (int)head_len, bytes);
		exit(EXIT_FAILURE);
	}
	if (options.arms)
		note_arm(conn, bytes, head_len);
	conn->body_left = content_length(bytes, head_len);
	conn->head_done = true;
	return head_len;
}

/* A head in pieces is put together in the connection's own small buffer. */
static size_t take_head_in_pieces(struct conn *conn, const char *bytes, size_t len)
{
	size_t before = conn->held_bytes;
	size_t room = HELD_BYTES - before;
	size_t part = len < room ? len : room;
	size_t head_len;

	if (conn->held == NULL && (conn->held = malloc(HELD_BYTES)) == NULL)
		die("malloc");
	memcpy(conn->held + before, bytes, part);
	head_len = take_head(conn, conn->held, before + part);
	if (head_len == 0 && part < len)
		die("a response head of more than 4 KiB");
	conn->held_bytes += (uint32_t)part;
	return head_len == 0 ? len : head_len - before;
}

static void answered(struct conn *conn, uint64_t now_ns)
{
	latency_record(now_ns > conn->due_ns ? now_ns - conn->due_ns : 0);
	finished++;
	outstanding--;
	conn_free(conn);
}

static ssize_t receive(struct conn *conn, char *input)
{
	/* Of a long body only the count is needed: the kernel drops it uncopied. */
	bool drop = conn->head_done && conn->body_left > INPUT_BYTES;
	ssize_t n = drop ? recv(conn->fd, NULL, conn->body_left, MSG_DONTWAIT | MSG_TRUNC)
			 : recv(conn->fd, input, INPUT_BYTES, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("recv");
	return n;
}

static void conn_readable(struct conn *conn, uint64_t now_ns)
{
	static char input[INPUT_BYTES];
	ssize_t n = receive(conn, input);
	size_t at = 0;

	if (n < 0)
		return;
	if (n == 0 && conn->closing) {
		conn_close(conn);
		answered(conn, now_ns);
		return;
	}
	errno = 0;
	if (n == 0)
		die("closed before the end of a response");
	if (!conn->head_done) {
		if (conn->held_bytes == 0)
			at = take_head(conn, input, (size_t)n);
		if (!conn->head_done)
			at = take_head_in_pieces(conn, input, (size_t)n);
	}
	if (conn->head_done) {
		if (conn->closing || (size_t)n - at > conn->body_left)
			die("bytes after the end of a response");
		conn->body_left -= (size_t)n - at;
		if (conn->body_left == 0 && options.close)
			conn->closing = true;
		else if (conn->body_left == 0)
			answered(conn, now_ns);
	}
}

/* What epoll waits at most: until the next request is due and can be sent. */
static struct timespec wait_time(uint64_t now_ns)
{
	uint64_t wait_ns = second_ns / 10;
	uint64_t due_ns = next_due_ns();

	if (free_count > 0 && may_start(now_ns) && due_ns < now_ns + wait_ns)
		wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
	return (struct timespec) { .tv_nsec = (long)wait_ns };
}

/* Until nothing more may start and all is answered. */
static void run(void)
{
	struct epoll_event events[EVENTS];
	uint64_t now_ns = clock_ns();

	for (;;) {
		struct timespec wait;
		int n;

		ask_what_is_due(now_ns);
		if (outstanding == 0 && !may_start(now_ns))
			return;
		if (now_ns > end_ns + DRAIN_S * second_ns)
			die("requests are still not answered");
		wait = wait_time(now_ns);
		n = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
		now_ns = clock_ns();
		for (int i = 0; i < n; i++) {
			conn_readable(events[i].data.ptr, now_ns);
			if (options.rate == 0)
				ask_what_is_due(now_ns);
		}
	}
}

static void run_idle(void)
{
	char byte;

	end_ns = clock_ns() + 60 * second_ns;
	for (unsigned i = 0; i < options.connections; i++) {
		conn_open(&conns[i]);
		conn_free(&conns[i]);
		if (options.idle == IDLE_PACED) {
			target = i + 1;
			run();
			free_count = 0;
			free_first = 0;
		}
	}
	if (options.idle == IDLE_BURST) {
		usleep(500000); /* all are accepted */
		target = options.connections;
		run();
	}
	printf("{\"idle\": %u}\n", options.connections);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void run_load(void)
{
	for (unsigned i = 0; i < options.connections; i++) {
		if (!options.close)
			conn_open(&conns[i]);
		conn_free(&conns[i]);
	}
	target = options.requests != 0 ? options.requests : UINT64_MAX;
	start_ns = clock_ns();
	end_ns = start_ns + (uint64_t)(options.seconds * (double)second_ns);
	run();
}

static void print_result(void)
{
	double seconds = (double)(clock_ns() - start_ns) / (double)second_ns;
	unsigned seen = 0, canary = 0, both = 0;

	for (unsigned user = 0; options.arms && user < options.users; user++) {
		seen += arm_of[user] != 0;
		canary += arm_of[user] == 'c';
		both += arm_of[user] == 'b';
	}
	printf("{\"requests\": %llu, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"p999_us\": %.1f, \"most_us\": %.1f, \"users\": %u, \"canary\": %u, \"both\": "
	       "%u}\n",
	    (unsigned long long)finished, seconds, latency_at(0.50), latency_at(0.99),
	    latency_at(0.999), latency_most(), seen, canary, both);
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < least || value > most) {
		fprintf(
		    stderr, "load: %s is not a number from %lu to %lu\n", text, least, most);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "requests", 1, NULL, 'n' },
		{ "rate", 1, NULL, 'r' },
		{ "users", 1, NULL, 'u' },
		{ "hosts", 1, NULL, 'h' },
		{ "paths", 1, NULL, 'a' },
		{ "close", 0, NULL, 'x' },
		{ "arms", 0, NULL, 'm' },
		{ "idle", 1, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (letter) {
		case 'p': options.port = (uint16_t)number(optarg, 1, 65535); break;
		case 'c':
			options.connections = (unsigned)number(optarg, 1, MAX_CONNECTIONS);
			break;
		case 's': options.seconds = strtod(optarg, NULL); break;
		case 'n': options.requests = number(optarg, 1, 1000000000); break;
		case 'r': options.rate = (unsigned)number(optarg, 1, 1000000); break;
		case 'u': options.users = (unsigned)number(optarg, 1, MAX_USERS); break;
		case 'h': options.hosts = (unsigned)number(optarg, 1, MAX_NAMES); break;
		case 'a': options.paths = (unsigned)number(optarg, 1, MAX_NAMES); break;
		case 'x': options.close = true; break;
		case 'm': options.arms = true; break;
		case 'i':
			options.idle = strcmp(optarg, "burst") == 0 ? IDLE_BURST : IDLE_PACED;
			break;
		default: exit(2);
		}
	}
	if (options.port == 0 || !(options.seconds > 0 && options.seconds <= 600)) {
		fprintf(stderr, "load: --port, and 0 to 600 --seconds, are needed\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	prctl(PR_SET_TIMERSLACK, 1UL); /* the default, 50 us, would add to latencies */
	request_make();
	conns = calloc(options.connections, sizeof(*conns));
	free_ring = calloc(options.connections, sizeof(struct conn *));
	arm_of = calloc(options.users, 1);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (conns == NULL || free_ring == NULL || arm_of == NULL || epoll < 0)
		die("start");
	if (options.idle != IDLE_NONE) {
		run_idle();
		return 0;
	}
	run_load();
	print_result();
	return 0;
}

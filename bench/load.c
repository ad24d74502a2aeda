#include "bench/load.h"

#include "bench/latency.h"
#include "bench/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HELD_BYTES = 4096, /* of a response head that came in pieces */
	INPUT_BYTES = 65536,
	REQUEST_BYTES = 512,
	DRAIN_S = 20, /* for the answers to what was sent */
	IDLE_S = 60,  /* for all connections of an idle run */
	/* Requests sent in one turn of the loop: the origins get theirs in between. */
	ASKS_AT_ONCE = 64,
};

static const uint64_t second_ns = 1000000000;

struct conn {
	struct watched watched;
	int fd;
	bool head_done, closing; /* closing: answered, the end of the stream is due */
	uint32_t user;
	uint32_t held_bytes;
	uint64_t due_ns;
	size_t body_left;
	char *held;
};

static struct load_options options;
static struct conn *conns;
static struct conn **free_ring; /* connections without a request, oldest first */
static unsigned free_first, free_count;
static bool at_rest; /* an idle run is over, and its connections are open */
static uint64_t started, finished, target, end_ns, start_ns;
static unsigned outstanding;
static char request[REQUEST_BYTES];
static size_t request_len;
static char *user_digits, *host_digits, *path_digits;
static uint8_t *arm_of; /* by user: 0, 'l' or 'c', or 'b' for both */

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

static void on_conn(struct watched *watched, uint32_t events);

static void conn_open(struct conn *conn)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(options.port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	conn->watched.ready = on_conn;
	loop_watch(&conn->watched, conn->fd, false);
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

static bool may_start(void)
{
	return started < target && loop_now_ns() < end_ns;
}

static uint64_t next_due_ns(void)
{
	return options.rate == 0 ? 0 : start_ns + started * second_ns / options.rate;
}

static void ask_what_is_due(void)
{
	uint64_t now_ns = loop_now_ns();

	for (int i = 0;
	     i < ASKS_AT_ONCE && free_count > 0 && may_start() && next_due_ns() <= now_ns;
	     i++) {
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

static void answered(struct conn *conn)
{
	uint64_t now_ns = loop_now_ns();

	latency_record(now_ns > conn->due_ns ? now_ns - conn->due_ns : 0);
	finished++;
	outstanding--;
	conn_free(conn);
}

/* Of a long body only the count is needed: the kernel drops it uncopied. */
static ssize_t receive(struct conn *conn, char *input, size_t *asked)
{
	bool drop = conn->head_done && conn->body_left > INPUT_BYTES;
	ssize_t n;

	*asked = drop ? conn->body_left : INPUT_BYTES;
	n = recv(conn->fd, input, *asked, MSG_DONTWAIT | (drop ? MSG_TRUNC : 0));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("recv");
	return n;
}

static void take(struct conn *conn, const char *input, size_t n)
{
	size_t at = 0;

	errno = 0;
	if (!conn->head_done) {
		if (conn->held_bytes == 0)
			at = take_head(conn, input, n);
		if (!conn->head_done)
			at = take_head_in_pieces(conn, input, n);
	}
	if (!conn->head_done)
		return;
	if (conn->closing || n - at > conn->body_left)
		die("bytes after the end of a response");
	conn->body_left -= n - at;
}

/* Reads as long as there may be more; false once all is answered. */
static bool conn_read(struct conn *conn)
{
	static char input[INPUT_BYTES];
	size_t asked;
	ssize_t n = receive(conn, input, &asked);

	if (n < 0)
		return false;
	if (n == 0 && conn->closing) {
		conn_close(conn);
		answered(conn);
		return false;
	}
	errno = 0;
	if (n == 0)
		die("closed before the end of a response");
	take(conn, input, (size_t)n);
	if (!conn->head_done || conn->body_left > 0)
		return (size_t)n == asked;
	if (!options.close)
		answered(conn);
	conn->closing = options.close;
	return options.close;
}

static void on_conn(struct watched *watched, uint32_t events)
{
	struct conn *conn = (struct conn *)watched;

	(void)events;
	if (at_rest) {
		/* Nothing is expected but its end. */
		close(conn->fd);
		conn->fd = -1;
		return;
	}
	while (conn_read(conn))
		continue;
	if (options.rate == 0)
		ask_what_is_due();
}

/*
 * A paced load does not sleep. Clients and servers are other machines: to wake one is
 * nothing that a proxy pays for, and a load's own waking up is no latency of a proxy's.
 */
static uint64_t wait_ns(void)
{
	uint64_t now_ns = loop_now_ns();
	uint64_t most_ns = second_ns / 10;
	uint64_t due_ns = next_due_ns();

	if (free_count == 0 || !may_start())
		return most_ns;
	if (!options.sleeps || due_ns <= now_ns)
		return 0;
	return due_ns < now_ns + most_ns ? due_ns - now_ns : most_ns;
}

/* Until nothing more may start and all is answered. */
static void run(void)
{
	for (;;) {
		ask_what_is_due();
		if (outstanding == 0 && !may_start())
			return;
		errno = 0;
		if (loop_now_ns() > end_ns + DRAIN_S * second_ns)
			die("requests are still not answered");
		loop_turn(wait_ns());
	}
}

static void drop_connections(void)
{
	for (unsigned i = 0; conns != NULL && i < options.connections; i++) {
		if (conns[i].fd > 0 && !options.close)
			close(conns[i].fd);
		free(conns[i].held);
	}
	free(conns);
	free(free_ring);
	conns = NULL;
	free_ring = NULL;
	at_rest = false;
}

static void begin(const struct load_options *next)
{
	drop_connections();
	free(arm_of);
	options = *next;
	conns = calloc(options.connections, sizeof(*conns));
	free_ring = calloc(options.connections, sizeof(struct conn *));
	arm_of = calloc(options.users, 1);
	if (conns == NULL || free_ring == NULL || arm_of == NULL)
		die("start");
	free_first = free_count = 0;
	started = finished = 0;
	latency_reset();
	request_make();
	loop_turn(0); /* what time is it? */
}

static void run_idle(void)
{
	end_ns = loop_now_ns() + IDLE_S * second_ns;
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
	at_rest = true;
}

static void run_timed(void)
{
	for (unsigned i = 0; i < options.connections; i++) {
		if (!options.close)
			conn_open(&conns[i]);
		conn_free(&conns[i]);
	}
	target = options.requests != 0 ? options.requests : UINT64_MAX;
	loop_turn(0);
	start_ns = loop_now_ns();
	end_ns = start_ns + (uint64_t)(options.seconds * (double)second_ns);
	run();
}

static void count_users(struct load_result *result)
{
	for (unsigned user = 0; options.arms && user < options.users; user++) {
		result->users += arm_of[user] != 0;
		result->canary += arm_of[user] == 'c';
		result->both += arm_of[user] == 'b';
	}
}

struct load_result load_run(const struct load_options *next)
{
	struct load_result result = { 0 };

	begin(next);
	if (options.idle != IDLE_NONE) {
		run_idle();
		result.requests = finished;
		return result;
	}
	run_timed();
	result.requests = finished;
	result.seconds = (double)(loop_now_ns() - start_ns) / (double)second_ns;
	count_users(&result);
	drop_connections();
	return result;
}

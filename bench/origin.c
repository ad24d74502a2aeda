#include "bench/origin.h"

#include "bench/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INPUT_BYTES = 65536,
	BACKLOG = 4096,
};

struct answer {
	char *bytes;
	size_t len;
};

struct listener {
	struct watched watched;
	int fd;
	const struct answer *answer;
};

struct conn {
	struct watched watched;
	int fd;
	uint8_t seen; /* how much of "\r\n\r\n" the bytes so far ended with */
	size_t owed;  /* bytes of answers not written yet */
	const struct answer *answer;
};

static unsigned heads_in(const char *bytes, size_t n, uint8_t *seen)
{
	static const char end[] = "\r\n\r\n";
	unsigned heads = 0;

	/* A whole head in one piece, by far the most common. */
	if (*seen == 0 && n >= 4 && memmem(bytes, n, end, 4) == bytes + n - 4)
		return 1;
	for (size_t i = 0; i < n; i++) {
		*seen = bytes[i] == end[*seen] ? (uint8_t)(*seen + 1) : bytes[i] == '\r';
		if (*seen == 4) {
			heads++;
			*seen = 0;
		}
	}
	return heads;
}

static bool write_owed(struct conn *conn)
{
	const struct answer *answer = conn->answer;

	while (conn->owed > 0) {
		size_t part = conn->owed % answer->len;
		size_t from = part == 0 ? 0 : answer->len - part;
		ssize_t n =
		    send(conn->fd, answer->bytes + from, answer->len - from, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
		conn->owed -= (size_t)n;
	}
	return true;
}

static bool serve(struct conn *conn, bool closed)
{
	static char input[INPUT_BYTES];
	ssize_t n;

	do {
		n = recv(conn->fd, input, sizeof(input), 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		conn->owed += heads_in(input, (size_t)n, &conn->seen) * conn->answer->len;
	} while (closed || n == sizeof(input));
	return true;
}

static void on_conn(struct watched *watched, uint32_t events)
{
	struct conn *conn = (struct conn *)watched;

	bool may_read = (events & ~(uint32_t)EPOLLOUT) != 0;

	if ((!may_read || serve(conn, events & EPOLLRDHUP)) && write_owed(conn))
		return;
	close(conn->fd);
	free(conn);
}

static void on_listener(struct watched *watched, uint32_t events)
{
	const struct listener *listener = (struct listener *)watched;
	int fd;

	(void)events;
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *conn = calloc(1, sizeof(*conn));

		if (conn == NULL)
			die("an origin's connection");
		conn->watched.ready = on_conn;
		conn->fd = fd;
		conn->answer = listener->answer;
		loop_watch(&conn->watched, fd, true);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		die("an origin's accept");
}

static void listen_on(uint32_t host, uint16_t port, const struct answer *answer)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct listener *listener = calloc(1, sizeof(*listener));
	int on = 1;

	if (listener == NULL)
		die("an origin");
	address.sin_addr.s_addr = htonl(host);
	listener->watched.ready = on_listener;
	listener->answer = answer;
	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (listener->fd < 0 ||
	    bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener->fd, BACKLOG) < 0)
		die("an origin's port");
	loop_watch(&listener->watched, listener->fd, false);
}

static struct answer *answer_new(const char *name, size_t body_bytes)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	size_t room = body_bytes + 256;
	int head;

	if (answer == NULL || (answer->bytes = malloc(room)) == NULL)
		die("an origin's answer");
	head = snprintf(answer->bytes, room,
	    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
	    "Content-Type: text/plain\r\nX-Arm: %.32s\r\nContent-Length: %zu\r\n\r\n",
	    name, body_bytes);
	memset(answer->bytes + head, 'x', body_bytes);
	answer->len = (size_t)head + body_bytes;
	return answer;
}

void origin_listen(uint16_t port, const char *name, size_t body_bytes, unsigned addresses)
{
	const struct answer *answer = answer_new(name, body_bytes);

	for (unsigned i = 0; i < addresses; i++)
		listen_on(INADDR_LOOPBACK + i, port, answer);
}

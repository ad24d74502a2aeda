/*
 * An upstream that costs as little as an upstream can, so that the proxy is what
 * a benchmark measures: it answers each request head with the same bytes.
 *
 *     origin PORT NAME [BODY_BYTES [ADDRESSES]]
 *
 * It listens on 127.0.0.1, or on as many addresses from there on. One thread;
 * requests without bodies. Ends with SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 256,
	FDS = 65536,
	INPUT = 65536,
	MAX_ADDRESSES = 200
};

static char *answer;
static size_t answer_len;
static uint8_t seen[FDS]; /* how much of "\r\n\r\n" each connection ended with */
static size_t owed[FDS];  /* bytes of answers not written yet */
static bool listens[FDS];

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int listen_on(uint32_t host, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(host);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

static unsigned heads_in(const char *bytes, ssize_t n, uint8_t *state)
{
	static const char end[] = "\r\n\r\n";
	unsigned heads = 0;

	for (ssize_t i = 0; i < n; i++) {
		*state = bytes[i] == end[*state] ? (uint8_t)(*state + 1) : bytes[i] == '\r';
		if (*state == 4) {
			heads++;
			*state = 0;
		}
	}
	return heads;
}

static bool write_owed(int epoll, int fd)
{
	while (owed[fd] > 0) {
		size_t part = owed[fd] % answer_len;
		size_t from = part == 0 ? 0 : answer_len - part;
		ssize_t n = send(fd, answer + from, answer_len - from, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct epoll_event both = { EPOLLIN | EPOLLOUT, { .fd = fd } };

			epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &both);
			return true;
		}
		if (n < 0)
			return false;
		owed[fd] -= (size_t)n;
	}
	return true;
}

static bool serve(int epoll, int fd, uint32_t events)
{
	static char input[INPUT];
	ssize_t n;

	if (events & EPOLLOUT) {
		struct epoll_event in = { EPOLLIN, { .fd = fd } };

		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &in);
		return write_owed(epoll, fd);
	}
	n = read(fd, input, sizeof(input));
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	owed[fd] += heads_in(input, n, &seen[fd]) * answer_len;
	return write_owed(epoll, fd);
}

static void accept_all(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event in = { EPOLLIN, { .fd = fd } };

		if (fd >= FDS) {
			close(fd);
			continue;
		}
		seen[fd] = 0;
		owed[fd] = 0;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &in);
	}
}

static void make_answer(const char *name, size_t body_bytes)
{
	size_t room = body_bytes + 256;
	int head;

	answer = malloc(room);
	if (answer == NULL)
		die("malloc");
	head = snprintf(answer, room,
	    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
	    "Content-Type: text/plain\r\nX-Arm: %s\r\nContent-Length: %zu\r\n\r\n",
	    name, body_bytes);
	memset(answer + head, 'x', body_bytes);
	answer_len = (size_t)head + body_bytes;
}

static void listen_on_all(int epoll, unsigned addresses, uint16_t port)
{
	for (unsigned i = 0; i < addresses; i++) {
		int fd = listen_on(INADDR_LOOPBACK + i, port);
		struct epoll_event in = { EPOLLIN, { .fd = fd } };

		listens[fd] = true;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &in) < 0)
			die("epoll");
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	unsigned long addresses = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	int epoll = epoll_create1(0);

	if (argc < 3 || argc > 5 || addresses < 1 || addresses > MAX_ADDRESSES || epoll < 0) {
		fprintf(stderr, "usage: origin PORT NAME [BODY_BYTES [ADDRESSES]]\n");
		return 2;
	}
	make_answer(argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : 32);
	listen_on_all(epoll, (unsigned)addresses, (uint16_t)atoi(argv[1]));
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (listens[fd])
				accept_all(epoll, fd);
			else if (!serve(epoll, fd, events[i].events))
				close(fd);
		}
	}
}

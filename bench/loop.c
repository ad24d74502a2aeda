#include "bench/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum {
	EVENTS = 256
};

static const uint64_t second_ns = 1000000000;
static int epoll = -1;
static uint64_t now_ns;

void die(const char *what)
{
	fprintf(stderr, "ends: %s: %s\n", what, errno != 0 ? strerror(errno) : "refused");
	exit(EXIT_FAILURE);
}

static void read_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

void loop_watch(struct watched *watched, int fd, bool room)
{
	struct epoll_event all = { EPOLLIN | EPOLLRDHUP | EPOLLET | (room ? EPOLLOUT : 0),
		{ .ptr = watched } };

	if (epoll < 0)
		epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &all) < 0)
		die("epoll");
}

void loop_turn(uint64_t wait_ns)
{
	struct timespec wait = { .tv_sec = (time_t)(wait_ns / second_ns),
		.tv_nsec = (long)(wait_ns % second_ns) };
	struct epoll_event events[EVENTS];
	int n = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);

	read_clock();
	for (int i = 0; i < n; i++) {
		struct watched *watched = events[i].data.ptr;

		watched->ready(watched, events[i].events);
	}
}

uint64_t loop_now_ns(void)
{
	if (now_ns == 0)
		read_clock();
	return now_ns;
}

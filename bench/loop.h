/*
 * One thread's loop over sockets, edge-triggered: what is ready is told once, so its
 * owner reads until less comes than it asked for.
 *
 * Thread     one, and one loop.
 * Errors     end the program with what failed.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* The first member of whatever owns a socket. */
struct watched {
	void (*ready)(struct watched *watched, uint32_t events); /* as epoll(7) names them */
};

/*
 * From now on ready() is called when there is something to read, and where the owner asks
 * for it, when there is room to write again.
 */
void loop_watch(struct watched *watched, int fd, bool room);

/* Waits for the first event, at most that long, and calls all that are ready. */
void loop_turn(uint64_t wait_ns);

/* When the events of this turn came, CLOCK_MONOTONIC: a turn reads the clock once. */
uint64_t loop_now_ns(void);

_Noreturn void die(const char *what);

#endif

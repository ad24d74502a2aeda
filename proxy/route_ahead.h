/*
 * One of thousands of routes is cold, and its parts hang on one another: the host's entry,
 * the route, its cohort, its counters. Each look would wait for the memory of the one
 * before. So they are fetched ahead, while the work goes on that needs none of them, from
 * a peek at the request's bytes as they came.
 *
 * Only time is won or lost by a guess: which route a request takes is decided by the router,
 * from the head as it was read strictly.
 *
 * Thread  a worker's.
 */
#ifndef PROXY_ROUTE_AHEAD_H
#define PROXY_ROUTE_AHEAD_H

#include "proxy/snapshot.h"

/* All zero: nothing is known. */
struct route_ahead {
	struct slice authority; /* whose host it is: bytes of the input */
	struct router_host host;
	const struct route *likely; /* NULL: no guess */
};

/* Looks for the host in the bytes with which a request begins, and fetches its entry. */
void route_ahead_peek(
    struct route_ahead *ahead, const struct snapshot *snapshot, struct slice input);

/* A while later: guesses the route and fetches it. */
void route_ahead_guess(struct route_ahead *ahead, const struct snapshot *snapshot);

/*
 * The head is read: the host is known, and what the likely route consists of is fetched.
 * Valid until the next peek.
 */
const struct router_host *route_ahead_settle(
    struct route_ahead *ahead, const struct snapshot *snapshot, struct slice authority);

/* The input's bytes go away: others may stand in their place. */
static inline void route_ahead_forget(struct route_ahead *ahead)
{
	ahead->authority = (struct slice) { 0 };
	ahead->likely = NULL;
}

#endif

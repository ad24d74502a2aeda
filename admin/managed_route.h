/*
 * The routes as the control thread sees them: each with its release, its budgets
 * and its counters, and what a decision about it entails.
 *
 * Thread     the control thread's.
 * Time       monotonic microseconds as now_us; wall_us for the journal's readers.
 * Ownership  the set owns names and releases; routes and counters are the live
 *            snapshot's.
 */
#ifndef ADMIN_MANAGED_ROUTE_H
#define ADMIN_MANAGED_ROUTE_H

#include "admin/journal.h"
#include "admin/latches.h"
#include "metrics/budget.h"
#include "proxy/snapshot.h"
#include "rollout/release.h"

struct managed_route {
	size_t index;              /* in the live snapshot */
	const struct route *route; /* likewise */
	struct release release;
	struct route_budgets budgets;
};

struct managed_routes {
	struct managed_route *items; /* in file order */
	size_t n;
	struct snapshot *snapshot; /* the live one; the caller's reference */
	struct journal *journal;
	struct latches *latches;
	size_t ticks;
};

/* The instant of a decision, on both clocks. */
struct instant {
	uint64_t now_us;
	uint64_t wall_us;
};

/*
 * Makes room for the routes of a snapshot that is about to replace the live one.
 * NULL when out of memory; give it to managed_routes_take_over() or free() it.
 */
__attribute__((warn_unused_result)) struct managed_route *managed_routes_prepare(
    const struct snapshot *next);

/*
 * The snapshot's routes from now on: each goes on with the release it has, or
 * begins one. Cannot fail; sets the weights in `next`, which is published after.
 */
void managed_routes_take_over(struct managed_routes *routes, struct managed_route *items,
    struct snapshot *next, struct instant now, const char *who);

/*
 * Judges the releases on whose routes something has happened, and carries out what
 * follows. The others are looked at every ten seconds, a part with each tick: nothing
 * changes for them but time. all: every one of them, now.
 */
void managed_routes_tick(struct managed_routes *routes, struct instant now, bool all);

/* As control_command(). */
__attribute__((warn_unused_result)) bool managed_routes_command(struct managed_routes *routes,
    const char *route, enum release_command command, struct instant now, const char *who,
    const char *why, struct error *err);

void managed_routes_done(struct managed_routes *routes);

#endif

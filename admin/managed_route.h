/*
 * The routes as the control thread sees them: each with its release, its budgets
 * and its counters.
 *
 * Thread     the control thread's.
 * Time       an instant on all the clocks that decisions go by.
 * Ownership  the set owns releases, budgets and logs; routes and counters are the live
 *            snapshot's; store and webhooks are the caller's.
 */
#ifndef ADMIN_MANAGED_ROUTE_H
#define ADMIN_MANAGED_ROUTE_H

#include "admin/evidence_log.h"
#include "admin/instant.h"
#include "admin/store.h"
#include "admin/webhook.h"
#include "metrics/budget.h"
#include "proxy/snapshot.h"
#include "rollout/release.h"

struct drill_session;

struct managed_route {
	/* What each tick asks, of thousands of routes: on one cache line. */
	struct drill_session *drill; /* the latest rehearsal; NULL: none in this process */
	uint64_t due_us;  /* when time alone will change something; UINT64_MAX: never */
	uint64_t keep_us; /* when the store is to be told, where it is unkept */
	bool unkept;      /* it was looked at since: it is again when the store is to be told */
	bool more_to_read;         /* of its counters: it is looked at in the next tick, too */
	size_t index;              /* in the live snapshot */
	const struct route *route; /* likewise */
	uint64_t kept_us;          /* when the store was last told */
	struct release release;
	struct route_budgets budgets;
	struct evidence_log log;
};

struct managed_routes {
	struct managed_route *items; /* in file order */
	size_t n;
	struct snapshot *snapshot; /* the live one; the caller's reference */
	struct store *store;
	struct webhooks *webhooks;
	size_t ticks;
	unsigned fresh_ticks;                     /* in which all are looked at */
	struct path_evidence paths[PATH_CLASSES]; /* of the route being looked at */
};

/*
 * Makes room for the routes of a snapshot that is about to replace the live one.
 * NULL when out of memory; give it to managed_routes_take_over().
 */
__attribute__((warn_unused_result)) struct managed_route *managed_routes_prepare(
    const struct snapshot *next);

/*
 * The snapshot's routes from now on: each goes on with the release it has, with what
 * the store knows of it, or begins one. Cannot fail; sets the exposures in `next`,
 * which is published after.
 */
void managed_routes_take_over(struct managed_routes *routes, struct managed_route *items,
    struct snapshot *next, const struct instant *now, const char *who);

/*
 * Judges the releases on whose routes something has happened, and carries out what
 * follows. The others are looked at every ten seconds, a part with each tick: nothing
 * changes for them but time. all: every one of them, now.
 */
void managed_routes_tick(struct managed_routes *routes, const struct instant *now, bool all);

/* As control_command(). */
__attribute__((warn_unused_result)) bool managed_routes_command(struct managed_routes *routes,
    const char *route, const struct release_order *order, const struct instant *now,
    struct error *err);

/* A webhook has answered a gate's question. */
void managed_routes_gate_answer(struct managed_routes *routes,
    const struct webhook_answer *answer, const struct instant *now);

/* NULL: there is no such route. */
struct managed_route *managed_routes_find(
    const struct managed_routes *routes, const char *name);

/* Tells the store how every release stands, and frees all. */
void managed_routes_done(struct managed_routes *routes, const struct instant *now);

#endif

/*
 * A drill of a route's release (rollout/drill.h) on live counters: begun by a person,
 * fed with each tick, and its result remembered, until the next one.
 *
 * A live drill has the data plane fail the canary's synthetic requests. That is
 * switched off with the drill's end, whatever ends it: its verdict, its time, a person,
 * a reload, or that nobody has asked for its progress for a few seconds.
 *
 * Thread     the control thread's.
 * Ownership  a managed_route owns its session: drill_session_free().
 */
#ifndef ADMIN_DRILL_SESSION_H
#define ADMIN_DRILL_SESSION_H

#include "admin/managed_route.h"
#include "rollout/drill.h"

enum {
	DRILL_FOR_MIN_MS = 1000,
	DRILL_FOR_MAX_MS = 24 * 3600 * 1000,
	DRILL_PATIENCE_S = 5, /* a live one ends when nobody has asked for so long */
};

struct drill_session {
	struct drill drill;
	struct drill_counts told[ARMS]; /* of the route's synthetic requests */
	uint64_t asked_us;              /* monotonic: when its progress was last asked for */
	int64_t token_expires_s;        /* since 1970; of a live drill's */
	char who[TRANSITION_WHO_SIZE];
};

struct drill_order {
	uint32_t fail_ppm; /* 1 to PPM */
	uint32_t for_ms;
	bool live;
	const char *who;
};

/* Takes the place of the session before. False: err says why, for a person. */
__attribute__((warn_unused_result)) bool drill_session_begin(struct managed_routes *routes,
    struct managed_route *managed, const struct drill_order *order, const struct instant *now,
    struct error *err);

static inline bool drill_session_is_running(const struct managed_route *managed)
{
	return managed->drill != NULL && managed->drill->drill.state == DRILL_RUNNING;
}

/* With each tick of the route, once the release has had its own. */
void drill_session_tick(struct managed_routes *routes, struct managed_route *managed,
    const struct release_evidence *evidence, double dt_s, const struct instant *now);

/* Ends it, if one is running, without a result. */
void drill_session_stop(
    struct managed_routes *routes, struct managed_route *managed, const char *why);

void drill_session_free(struct managed_route *managed);

#endif

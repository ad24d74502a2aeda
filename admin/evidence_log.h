/*
 * A route's evidence on its way to the store: ticks added up to about a second, for
 * each path class and weight. What `weir judge` reads is this.
 *
 * Thread     the control thread's.
 * Ownership  evidence_log_done() frees it; what it holds is plain memory, so it may be moved.
 */
#ifndef ADMIN_EVIDENCE_LOG_H
#define ADMIN_EVIDENCE_LOG_H

#include "admin/instant.h"
#include "admin/store.h"
#include "metrics/route_stats.h"
#include "rollout/release.h"
#include "router/path_class.h"

struct evidence_log {
	struct evidence_log_row *rows; /* the route's own first */
	size_t n;
	size_t size;
	double dt_s; /* since the last time they were stored */
	uint64_t stored_us;
	uint32_t stage;
	char release[RELEASE_ID_SIZE];
};

void evidence_log_done(struct evidence_log *log);

/* One tick's. Where memory is short a tick is missing from what is stored. */
void evidence_log_add(struct evidence_log *log, const struct release *release,
    const struct release_evidence *evidence, double dt_s);

/*
 * Hands what has come together to the store: all of it, before a stage or a release
 * changes;
 */
void evidence_log_flush(struct evidence_log *log, struct store *store, const char *route,
    const struct path_classes *path_classes, const struct instant *now);

/*
 * or after a second (ten at a weight set by hand, more where there are thousands of
 * routes), each of the routes in its turn.
 */
void evidence_log_store(struct evidence_log *log, struct store *store, const char *route,
    const struct release *release, const struct path_classes *path_classes,
    const struct instant *now, size_t index, size_t n_routes);

#endif

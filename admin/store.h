/*
 * State that outlives the process, in STATE_DIR/weir.db: releases, latches, budgets,
 * the journal, recorded evidence, drills (docs/state.md).
 *
 * A thread of the store's own owns the database. Functions called here never wait
 * for a disk (but for store_open(), store_close() and, briefly, store_latch()): they
 * change what the store holds in memory, and the thread writes that. What is asked
 * for is answered from memory, so it is never older than what was last told.
 *
 * The store never stands in a decision's way. Where it cannot write it says so in the
 * log and in store_health(), tries again every few seconds, and then writes what is
 * pending: each route's latest record, the latches and the decisions.
 *
 * At the start, and whenever a route gets a release it did not have:
 *
 *   if (!store_is_readable(store))                        hold it back, weight 0
 *   else if (store_latch_why(store, route, release, ...)) hold it back, weight 0
 *   else if (store_record(store, route, &record))         go on from it (same release),
 *                                                         and with store_epoch()
 *   else                                                  begin
 *   if (store_drill_passed_s(store, route, release) > 0)  it may have its drill already
 *
 * A latch wins over a record: it is stored first.
 * With each decision:
 *
 *   rollback:  store_latch(); publish weight 0; store_decide(); store_keep()
 *   resume:    publish; store_unlatch(); store_keep(); store_decide()
 *   others:    publish; store_keep(); store_decide()
 *
 * After the start: store_started(). More often than each second, where something was counted:
 * store_keep(), store_keep_epoch(), store_keep_budgets(), store_add_evidence().
 *
 * Thread  all functions: the control thread.
 * Time    wall clock, for what is to be read after a restart.
 */
#ifndef ADMIN_STORE_H
#define ADMIN_STORE_H

#include "base/arm.h"
#include "base/error.h"
#include "base/path_slots.h"
#include "metrics/evidence.h"
#include "rollout/plan.h"
#include "rollout/release_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/*
 * Makes the directory (0700) where it is not there, reads what is stored, and starts
 * the thread. NULL only where the directory cannot be made, another weir uses it, or
 * memory or threads are short: err says why. What is stored but cannot be read is no
 * error: see store_is_readable().
 */
__attribute__((warn_unused_result)) struct store *store_open(
    const char *state_dir, struct error *err);

/* Writes what is pending, waits for that at most five seconds, and frees the store. */
void store_close(struct store *store);

/*
 * Whether what was stored before the start is known. False: a release may have been
 * rolled back before without anyone knowing: hold it back. *why (the store's; may be
 * NULL): in words. It becomes true when a disk comes back, and, where a damaged
 * database was moved aside, with store_started().
 */
bool store_is_readable(struct store *store, const char **why);

/*
 * The caller has looked at every release it starts with, and held back what it had to:
 * from now on a database that was begun afresh counts as readable.
 */
void store_started(struct store *store);

/* The releases that were rolled back and not cleared since, by route. */
bool store_has_latch(const struct store *store, const char *route, const char *release);

/*
 * Returns when the latch will outlive a kill of the process, or after 20 ms (in which
 * case: false, and it is written as soon as can be), whichever comes first.
 */
bool store_latch(struct store *store, const char *route, const char *release, uint64_t wall_us,
    const char *why);
void store_unlatch(struct store *store, const char *route, const char *release);

/* Why it was latched; copied, cut where it is longer. False: it is not latched. */
bool store_latch_why(
    const struct store *store, const char *route, const char *release, char *why, size_t size);

/*
 * The latest record of the route's release, stored or kept. False: none. Free
 * record->detail with free().
 */
bool store_record(const struct store *store, const char *route, struct release_record *record);

/* The route's record from now on; copied. Many in a row cost no more than the last. */
void store_keep(struct store *store, const char *route, const struct release_record *record);

/*
 * The users whose failure was counted in the release's present epoch
 * (route_stats_save_epoch()); copied. Which epoch it is, `number` says: plan.entered.
 * To keep what is kept already costs nothing.
 */
void store_keep_epoch(struct store *store, const char *route, const char *release,
    uint32_t number, const uint16_t *units, size_t n);

/* How many are stored of that very epoch; *units is to be freed with free(). */
size_t store_epoch(const struct store *store, const char *route, const char *release,
    uint32_t number, uint16_t **units);

/* One decision, for the journal; it is on disk together with the route's record. */
void store_decide(struct store *store, uint64_t wall_us, const char *route, const char *release,
    const struct transition *transition);

/* What a release has spent of one budget: requests and failures since it began. */
struct store_budget {
	char path[PATH_CLASS_NAME_MAX + 1]; /* "": the whole route */
	uint64_t n[ARMS];
	uint64_t bad[ARMS];
};

/* Those of the route's present release, all of them; copied. */
void store_keep_budgets(struct store *store, const char *route, const char *release,
    const struct store_budget *budgets, size_t n);

/* How many there are for that release; *budgets is to be freed with free(). */
size_t store_budgets(const struct store *store, const char *route, const char *release,
    struct store_budget **budgets);

/*
 * What `weir judge` reads: what a route (path "") or one of its paths counted under
 * one weight. The rows of one moment go together in one call, generation by generation,
 * the latest first: of each the route's own row, then those of its paths. dt_s is the
 * time since the call before in the rows of the latest, and 0 in the others.
 */
struct store_evidence {
	char path[PATH_CLASS_NAME_MAX + 1];
	uint32_t stage; /* from 1; 0: a weight set by hand */
	double dt_s;
	double weight;    /* 0..1 */
	bool has_latency; /* slow, good and half_slow are under thresholds in force */
	struct evidence_counts arms[ARMS];
};
void store_add_evidence(struct store *store, const char *route, const char *release,
    uint64_t wall_us, const struct store_evidence *rows, size_t n);

void store_drill(struct store *store, const char *route, const char *release, uint64_t wall_us,
    bool passed, const char *text);

/* When a drill of that release last passed there, in seconds since 1970; 0: never. */
int64_t store_drill_passed_s(const struct store *store, const char *route, const char *release);

struct store_health {
	bool ok;
	char text[256];    /* "ok", or what is wrong */
	uint64_t failures; /* decisions that the journal lacks for good */
	size_t pending;    /* decisions that wait for the disk */
};
void store_health(const struct store *store, struct store_health *health);

#endif

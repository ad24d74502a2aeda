/*
 * All that is counted of one route: requests, failures and latencies per path
 * class and arm, and the evidence that the guard judges.
 *
 * Each worker has a shard of its own; the cells of a path class and arm appear in
 * it when that worker first sees one (about 9 kB each). From then on a
 * request costs a few relaxed adds: no lock, no allocation, and no locked
 * instruction except on a failure, and on what is slower than the latency budget.
 *
 * Thread     route_stats_record(), _in_flight() and _assigned(): worker `worker` alone.
 *            The rest: the control thread, at any time; what it reads may lag the
 *            workers by an instant.
 * Time       none.
 * Ownership  route_stats_free() frees everything; no worker may be recording.
 */
#ifndef METRICS_ROUTE_STATS_H
#define METRICS_ROUTE_STATS_H

#include "metrics/evidence.h"
#include "metrics/handicap.h"
#include "metrics/histogram.h"
#include "metrics/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct route_stats;

/* In place of a path class: the whole route. */
enum {
	PATH_CLASS_ALL = PATH_CLASSES
};

enum status_class {
	STATUS_NONE, /* no response head came */
	STATUS_1XX,
	STATUS_2XX,
	STATUS_3XX,
	STATUS_4XX,
	STATUS_5XX,
	STATUS_CLASSES, /* how many */
};

enum latency_kind {
	LATENCY_FIRST_BYTE, /* request wholly forwarded to first byte; none forced */
	LATENCY_TOTAL,      /* first byte from the client to last byte of the response */
};

/* One path class (or all) on one arm, since the start. */
struct arm_totals {
	uint64_t requests; /* all of them, those below included */
	uint64_t status[STATUS_CLASSES];
	uint64_t failures[FAILURE_KINDS]; /* by kind; [FAILURE_NONE] stays 0 */
	uint64_t failed;                  /* all kinds */
	uint64_t client_gone;
	uint64_t slow; /* past the explicit latency budget's threshold */
	/* What the error budget is kept on: neither client gone nor forced. */
	uint64_t budget_n;
	uint64_t budget_bad;
};

/* slow_threshold_us 0: no explicit latency budget. NULL when out of memory. */
__attribute__((warn_unused_result)) struct route_stats *route_stats_new(
    size_t workers, uint32_t slow_threshold_us);
void route_stats_free(struct route_stats *stats);

/*
 * Fetches what route_stats_record() will touch, while there is other work to do: of one
 * route among thousands it is cold. First where the cell is; then the cell, when the
 * request has gone and once more when the response is there; and once it is known how long
 * that took, where in the histograms it is. No cell: NULL, it is made when it is first needed.
 */
struct cell;
void route_stats_prefetch_place(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm);
const struct cell *route_stats_cell(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm);
void route_stats_prefetch(
    const struct route_stats *stats, const struct cell *cell, uint32_t generation);
void route_stats_prefetch_latency(
    const struct cell *cell, uint64_t first_byte_us, uint64_t total_us);

/*
 * Counts one exchange. True when three new canary failures have been counted on
 * this worker since it last said so: wake the control thread, the cadence is the
 * leak. An outcome assigned eight or more generations before current_generation is
 * counted, but no longer as evidence.
 */
bool route_stats_record(struct route_stats *stats, size_t worker, uint32_t current_generation,
    const struct outcome *outcome);

/*
 * An exchange has waited so long for its response, and goes on: what is slow counts
 * when it becomes slow, not when it ends. Keeps in the outcome what it has counted.
 * True as for route_stats_record().
 */
bool route_stats_in_flight(struct route_stats *stats, size_t worker,
    uint32_t current_generation, struct outcome *outcome, uint64_t waited_us);

/*
 * Which keys are looked at for the sample-ratio test: one in 16, so that its map of
 * 65,536 bits serves for half a million users.
 */
static inline bool route_stats_samples_unit(uint64_t unit_hash)
{
	return (unit_hash & 15) == 0;
}

/* A key that is sampled was assigned to an arm by its bucket: counts its first request. */
void route_stats_assigned(struct route_stats *stats, size_t worker, uint32_t generation,
    enum arm arm, uint64_t unit_hash);

/* A reload may change the latency budget; what was counted stays. */
void route_stats_set_slow_threshold(struct route_stats *stats, uint32_t slow_threshold_us);

/* A release begins: users count as seen for the first time again. */
void route_stats_begin_units(struct route_stats *stats);

/*
 * Freezes legacy's quantiles as they are now; the canary's are those with the handicap.
 * In force for requests of that generation and later ones: call it before the
 * generation is published. False while legacy has had fewer than 100 requests: nothing
 * has changed then.
 */
bool route_stats_freeze_thresholds(
    struct route_stats *stats, uint32_t generation, const struct handicap *handicap);

/* Another handicap from that generation on; classes that had too few requests catch up. */
void route_stats_settle_thresholds(
    struct route_stats *stats, uint32_t generation, const struct handicap *handicap);

/* Legacy's frozen quantiles of a class, or of the route; false where there are none. */
bool route_stats_thresholds(
    const struct route_stats *stats, unsigned path_class, uint32_t us[LATENCY_THRESHOLDS]);

/* False where nothing was recorded there yet; totals are then all zeros. */
bool route_stats_totals(const struct route_stats *stats, unsigned path_class, enum arm arm,
    struct arm_totals *totals);
bool route_stats_latency(const struct route_stats *stats, unsigned path_class, enum arm arm,
    enum latency_kind kind, struct histogram_sum *sum);

/*
 * What has been counted since the last call: of the route, and of each path class that
 * has news (room for PATH_CLASSES). The one reader. Returns how many those are.
 */
size_t route_stats_read_evidence(struct route_stats *stats, uint32_t generation,
    struct evidence *route, struct path_evidence *paths);

/*
 * Whether classes of a route that has many wait for their turn to be read: those without a
 * failure or something far too slow, one in ten with each read. Read on.
 */
bool route_stats_has_unread(const struct route_stats *stats);

/* From here on each unit's next failure counts again. */
void route_stats_begin_epoch(struct route_stats *stats);

/*
 * The epoch as it outlives the process: which bits of the map are set of those whose
 * failure was counted. Past so many none are saved: that many failures are no matter of a
 * few users who come again after every restart.
 */
enum {
	EPOCH_SAVED_MAX = 8192
};
size_t route_stats_save_epoch(const struct route_stats *stats, uint16_t units[EPOCH_SAVED_MAX]);
/* Adds them to the epoch. */
void route_stats_restore_epoch(struct route_stats *stats, const uint16_t *units, size_t n);

/* Synthetic requests, since the start. */
struct drill_counts {
	uint64_t n;
	uint64_t failed;
};
void route_stats_drill(const struct route_stats *stats, struct drill_counts counts[ARMS]);

#endif

/*
 * All that is counted of one route: requests, failures and latencies per path
 * class and arm, and the evidence that the guard judges.
 *
 * Each worker has a shard of its own; the cells of a path class and arm appear in
 * it when that worker first sees one (about 14 kB each). From then on a
 * request costs a few relaxed adds: no lock, no allocation, and no locked
 * instruction except on a failure.
 *
 * Thread     route_stats_record(): worker `worker` alone. The rest: the control thread,
 *            at any time; what it reads may lag the workers by an instant.
 * Time       none.
 * Ownership  route_stats_free() frees everything; no worker may be recording.
 */
#ifndef METRICS_ROUTE_STATS_H
#define METRICS_ROUTE_STATS_H

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
	LATENCY_FIRST_BYTE, /* request wholly forwarded to first byte of the response */
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

/*
 * The guard's evidence: counters that only grow, by the generation of the weight
 * under which a request was assigned. Slot g % EVIDENCE_GENERATIONS holds generation g
 * on top of all earlier ones of that slot: the reader works with differences.
 */
enum {
	EVIDENCE_GENERATIONS = 8
};

struct evidence_counts {
	uint64_t n;
	uint64_t failed; /* of those */
	uint64_t bad;    /* of the failed: once for each unit and epoch */
};

struct evidence {
	struct evidence_counts slots[EVIDENCE_GENERATIONS][ARMS];
	bool epoch_is_full; /* time for route_stats_begin_epoch() */
};

/* slow_threshold_us 0: no explicit latency budget. NULL when out of memory. */
__attribute__((warn_unused_result)) struct route_stats *route_stats_new(
    size_t workers, uint32_t slow_threshold_us);
void route_stats_free(struct route_stats *stats);

/*
 * Counts one exchange. True when three new canary failures have been counted on
 * this worker since it last said so: wake the control thread, the cadence is the
 * leak. An outcome assigned eight or more generations before current_generation is
 * counted, but no longer as evidence.
 */
bool route_stats_record(struct route_stats *stats, size_t worker, uint32_t current_generation,
    const struct outcome *outcome);

/* A reload may change the latency budget; what was counted stays. */
void route_stats_set_slow_threshold(struct route_stats *stats, uint32_t slow_threshold_us);

/* False where nothing was recorded there yet; totals are then all zeros. */
bool route_stats_totals(const struct route_stats *stats, unsigned path_class, enum arm arm,
    struct arm_totals *totals);
bool route_stats_latency(const struct route_stats *stats, unsigned path_class, enum arm arm,
    enum latency_kind kind, struct histogram_sum *sum);

/* Of one path class, or of the route with PATH_CLASS_ALL; merged over the workers. */
void route_stats_evidence(
    const struct route_stats *stats, unsigned path_class, struct evidence *evidence);

/* From here on each unit's next failure counts again. */
void route_stats_begin_epoch(struct route_stats *stats);

#endif

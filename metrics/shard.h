/*
 * The counters behind route_stats, as they lie in memory. Private to metrics/.
 *
 * What one request touches lies together: a route's counters are cold when it is one of
 * thousands, and each line of them costs a cache miss.
 *
 * Thread  a shard and its cells have one writer, their worker; `seen` is the control
 *         thread's own.
 */
#ifndef METRICS_SHARD_H
#define METRICS_SHARD_H

#include "base/cache_line.h"
#include "base/path_slots.h"
#include "metrics/epoch_map.h"
#include "metrics/histogram.h"
#include "metrics/route_stats.h"
#include "metrics/thresholds.h"

#include <stdatomic.h>

enum {
	LEVEL_THRESHOLDS = THRESHOLD_FAR, /* those that have levels: all but `far` */
	LATENCY_LEVELS = LEVEL_THRESHOLDS + 1,
	LATENCY_HALVES = 2,
};

/*
 * One generation of one class on one arm: a cache line. Each counts modulo 2^32; the
 * reader works with differences. A request that has ended is in one of the levels: how
 * many thresholds it had passed. One in flight is in `early` for each that it has passed.
 */
struct evidence_slot {
	_Alignas(CACHE_LINE_BYTES) _Atomic uint32_t level[LATENCY_HALVES][LATENCY_LEVELS];
	_Atomic uint32_t early[LEVEL_THRESHOLDS];
	_Atomic uint32_t far; /* once for each unit and epoch */
	_Atomic uint32_t failed;
	_Atomic uint32_t bad; /* of those */
};

/* What the control thread had read of it: on the line behind, which comes with it. */
struct evidence_seen {
	_Alignas(CACHE_LINE_BYTES) uint32_t level[LATENCY_HALVES][LATENCY_LEVELS];
	uint32_t slow[LEVEL_THRESHOLDS];
	uint32_t far;
	uint32_t failed;
	uint32_t bad;
};

/* One path class on one arm, as one worker has seen it. */
struct cell {
	_Alignas(CACHE_LINE_BYTES) struct counter status[STATUS_CLASSES];
	struct counter first_byte_sum_us;
	struct counter total_sum_us;
	/* What most requests do not touch: */
	struct counter failures[FAILURE_KINDS];
	struct counter client_gone;
	struct counter slow;
	struct counter uncounted;        /* forced or synthetic: no evidence, no budget */
	struct counter uncounted_failed; /* of those */
	struct {
		struct evidence_slot slot;
		struct evidence_seen seen;
	} evidence[EVIDENCE_GENERATIONS];
	struct histogram first_byte;
	struct histogram total;
};

/* One generation of the whole route on one arm. */
struct route_slot {
	_Atomic uint32_t over; /* the latency budget's threshold: once for each unit */
	_Atomic uint32_t over_all;
	_Atomic uint32_t units;
};

struct route_seen {
	uint32_t over;
	uint32_t over_all;
	uint32_t units;
};

/*
 * Where there is something to read: a bit for each path class. The worker sets them with
 * a plain store after it has counted; a bit that comes back after the reader has taken it
 * costs a look in vain, no more.
 */
struct marks {
	_Atomic uint64_t news;
	_Atomic uint64_t late; /* of an older generation */
	_Atomic uint64_t harm; /* a failure, or something far too slow */
	atomic_uchar other;    /* PATH_CLASS_OTHER has news */
	atomic_uchar route;    /* and the route's own slots */
};

/* One worker's. Nobody else writes here. */
struct shard {
	_Alignas(CACHE_LINE_BYTES) struct marks marks;
	_Atomic uint64_t classes; /* a bit for each slot that has a cell */
	uint32_t canary_failures; /* counted since the control thread was last woken */
	_Atomic(struct cell *) cells[PATH_CLASSES][ARMS];
	struct route_slot slots[EVIDENCE_GENERATIONS][ARMS];
	struct route_seen seen[EVIDENCE_GENERATIONS][ARMS];
	struct counter drill[ARMS];
	struct counter drill_failed[ARMS]; /* of those */
};

struct route_stats {
	_Atomic uint32_t slow_threshold_us;
	uint32_t read_generation; /* the latest that evidence was read of */
	uint32_t n_reads;
	uint64_t unread; /* classes whose news wait for their turn */
	uint64_t unread_late;
	_Atomic(struct epoch_map *) over;  /* whose slow request was counted; NULL: no budget */
	_Atomic(struct epoch_map *) far;   /* likewise past `far`; NULL: no thresholds yet */
	_Atomic(struct epoch_map *) units; /* whose first request was; NULL: not counted yet */
	_Atomic(struct thresholds *) thresholds;
	size_t n_shards;
	struct epoch_map *failed; /* whose failure was counted */
	struct shard shards[];    /* so that one is found without a look at this */
};

static inline void count32(_Atomic uint32_t *count, uint32_t more)
{
	uint32_t value = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, value + more, memory_order_release);
}

/*
 * The map at that place, made when it is first needed, and kept: workers may be looking
 * at it. NULL when out of memory: each then counts, as if it had no key.
 */
struct epoch_map *stats_need_map(_Atomic(struct epoch_map *) *place);

#endif

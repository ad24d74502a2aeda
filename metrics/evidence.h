/*
 * What was newly counted on a route or one of its path classes, by the weight under
 * which each request was assigned: all that the guard judges.
 *
 * Counts are differences since the last read; they fit 32 bits.
 */
#ifndef METRICS_EVIDENCE_H
#define METRICS_EVIDENCE_H

#include "base/arm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EVIDENCE_GENERATIONS = 8 /* how many of the latest weights outcomes are kept for */
};

/* Legacy's quantiles 0.5, 0.9 and 0.99, frozen, and twice the last (docs/policy.md, 5). */
enum latency_threshold {
	THRESHOLD_Q50,
	THRESHOLD_Q90,
	THRESHOLD_Q99,
	THRESHOLD_FAR,
	LATENCY_THRESHOLDS, /* how many */
};

/* One arm under one weight. */
struct evidence_counts {
	uint32_t n;      /* requests that ended */
	uint32_t failed; /* of those */
	uint32_t bad;    /* of the failed: once for each unit and epoch */
	/*
	 * Past each threshold (each arm's own: the canary's is handicapped), counted when
	 * it was passed; and those that ended before it. Zeros where none are in force.
	 * `far` is rare, and a user who is always slow must not look like many: like a
	 * failure it counts once for each unit and epoch, and there is no good[far].
	 */
	uint32_t slow[LATENCY_THRESHOLDS];
	uint32_t good[LATENCY_THRESHOLDS];
	uint32_t half_slow[2][LATENCY_THRESHOLDS]; /* slow ones that ended, in halves by key */
	uint32_t half_n[2]; /* so too, all that ended; zeros where it is not known */
	/* Of the whole route alone; zeros for a path class: */
	uint32_t over;     /* past the explicit latency budget: once for each unit and epoch */
	uint32_t over_all; /* all of them */
	uint32_t units;    /* keys first seen (a sample of them): the sample-ratio test's */
};

struct evidence_entry {
	uint32_t generation;
	bool has_latency; /* slow and good were counted under frozen thresholds */
	struct evidence_counts arms[ARMS];
};

void evidence_counts_add(struct evidence_counts *sum, const struct evidence_counts *more);

/* entries[0] is the latest generation, always there; older ones where they have news. */
struct evidence {
	size_t n_entries;
	struct evidence_entry entries[EVIDENCE_GENERATIONS];
	bool epoch_is_full; /* of the route: time for route_stats_begin_epoch() */
};

/*
 * A path class is compared with its own legacy's quantiles, and so is the route, which is
 * their sum: a shift of the traffic from one class to another is no change of speed.
 */
struct path_evidence {
	unsigned path_class; /* slot, PATH_CLASS_OTHER at most */
	struct evidence evidence;
};

#endif

/*
 * From when on a request counts as slow: legacy's quantiles, frozen for a stage, for each
 * path class and arm (docs/policy.md, 5).
 *
 * A class in which legacy had too few requests to tell takes the whole route's.
 *
 * Thread     thresholds_level(): any worker. The rest: the control thread, before it
 *            publishes the generation they are for.
 */
#ifndef METRICS_THRESHOLDS_H
#define METRICS_THRESHOLDS_H

#include "base/path_slots.h"
#include "metrics/evidence.h"
#include "metrics/handicap.h"
#include "metrics/histogram.h"

#include <stdatomic.h>

enum {
	THRESHOLD_SAMPLES_MIN = 100 /* of legacy, before its quantiles mean anything */
};

struct arm_thresholds {
	_Atomic uint32_t us[LATENCY_THRESHOLDS];
};

struct thresholds {
	_Atomic uint32_t since; /* the generation they count from; 0: none yet */
	struct arm_thresholds of[PATH_CLASSES][ARMS];
	/* The control thread's: */
	uint32_t frozen_us[PATH_CLASSES + 1][LATENCY_THRESHOLDS]; /* without the handicap */
	bool own[PATH_CLASSES + 1]; /* the class's own quantiles, not the route's */
};

/* Legacy's, of one class or of the route: false with too few samples. */
__attribute__((warn_unused_result)) bool thresholds_quantiles(
    const struct histogram_sum *legacy, uint32_t us[LATENCY_THRESHOLDS]);

/* From that generation on; the canary's are legacy's with the handicap. */
void thresholds_publish(
    struct thresholds *thresholds, uint32_t generation, const struct handicap *handicap);

/* How many thresholds a wait has passed: 0 to 4, and 0 under an older generation. */
static inline unsigned thresholds_level(const struct thresholds *thresholds,
    uint32_t generation, unsigned path_class, enum arm arm, uint64_t waited_us)
{
	uint32_t since = atomic_load_explicit(&thresholds->since, memory_order_relaxed);
	const struct arm_thresholds *of = &thresholds->of[path_class][arm];
	unsigned level = 0;

	if (since == 0 || (int32_t)(generation - since) < 0)
		return 0;
	for (unsigned i = 0; i < LATENCY_THRESHOLDS; i++)
		level += waited_us > atomic_load_explicit(&of->us[i], memory_order_relaxed);
	return level;
}

#endif

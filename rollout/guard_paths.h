/*
 * The comparisons of a route's path classes: those that ever had news. One that had
 * none has M = 1 (docs/policy.md, 6).
 *
 * Thread     none of its own.
 * Ownership  one allocation, which moves as it grows; free() frees it. NULL is none yet.
 */
#ifndef ROLLOUT_GUARD_PATHS_H
#define ROLLOUT_GUARD_PATHS_H

#include "base/path_slots.h"
#include "rollout/comparison.h"

#include <stddef.h>
#include <stdint.h>

/* What is asked for at every tick lies together, apart from what is not. */
struct guard_paths {
	size_t n;
	size_t capacity;
	uint8_t index[PATH_CLASSES];      /* 1 + where its item is; 0: none */
	uint8_t path_class[PATH_CLASSES]; /* of each item */
	double m_errors[PATH_CLASSES];    /* so too; 0 for a withdrawn one */
	double m_latency[PATH_CLASSES];
	struct comparison items[];
};

/* NULL where the class has had no news. */
const struct comparison *guard_paths_find(const struct guard_paths *paths, unsigned path_class);

/*
 * The class's item, a new one where it had none: zeroed but for its slot, the caller's
 * to begin. NULL when out of memory: *paths is as it was.
 */
struct comparison *guard_paths_take(
    struct guard_paths **paths, unsigned path_class, bool *is_new);

/* Its M were changed. */
void guard_paths_refresh(struct guard_paths *paths, size_t item);

/* A copy of its own; NULL when out of memory, or where there is nothing to copy. */
struct guard_paths *guard_paths_copy(const struct guard_paths *paths);

/* The mean of M over all 65 classes, of errors or latency: unused ones have M = 1. */
double guard_paths_mean_errors(const struct guard_paths *paths);
double guard_paths_mean_latency(const struct guard_paths *paths);

#endif

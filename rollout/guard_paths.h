/*
 * The comparisons of a route's path classes: those that ever had news. One that had
 * none has M = 1 (docs/policy.md, 6).
 *
 * What a tick looks at lies together, apart from what it rarely needs: first of all the
 * classes' M, then their batches, then their comparisons.
 *
 * Thread     none of its own.
 * Ownership  one allocation, which moves as it grows; free() frees it. NULL is none yet.
 */
#ifndef ROLLOUT_GUARD_PATHS_H
#define ROLLOUT_GUARD_PATHS_H

#include "base/path_slots.h"
#include "rollout/comparison.h"
#include "rollout/guard_batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GUARD_MARK_WORDS = (PATH_CLASSES + 63) / 64
};

/* A bit for each of some items. */
struct guard_marks {
	uint64_t words[GUARD_MARK_WORDS];
};

struct guard_paths {
	size_t n;
	size_t capacity;
	struct guard_batch *batches; /* in this allocation; of each item */
	struct comparison *items;    /* so too */
	struct guard_marks waiting;  /* whose batch is not empty */
	bool changed;                /* an M was, since the means were taken */
	double mean_errors;          /* over all 65 classes */
	double mean_latency;
	uint8_t index[PATH_CLASSES];      /* 1 + where its item is; 0: none */
	uint8_t path_class[PATH_CLASSES]; /* of each item */
	double m_errors[PATH_CLASSES];    /* of each item; 0 for a withdrawn one */
	double m_latency[PATH_CLASSES];
	double m_thresholds[PATH_CLASSES][LATENCY_THRESHOLDS]; /* of whose M that is the mean */
};

/* paths may be NULL. */
void guard_paths_free(struct guard_paths *paths);

/* NULL where the class has had no news. */
const struct comparison *guard_paths_find(const struct guard_paths *paths, unsigned path_class);

/*
 * The class's item, a new one where it had none: *is_new, its comparison zeroed and its
 * batch empty, the caller's to begin. False when out of memory: *paths is as it was.
 */
__attribute__((warn_unused_result)) bool guard_paths_take(
    struct guard_paths **paths, unsigned path_class, size_t *item, bool *is_new);

/*
 * Its M were changed, those of failures and `far` only where there was harm. That of a
 * withdrawn class counts for nothing.
 */
void guard_paths_refresh(struct guard_paths *paths, size_t item, bool withdrawn, bool harm);

/* Takes the means once, for all who ask until an M changes. */
void guard_paths_sum_up(struct guard_paths *paths);

static inline bool guard_is_marked(const struct guard_marks *marks, size_t item)
{
	return (marks->words[item / 64] >> (item % 64) & 1) != 0;
}

static inline void guard_mark(struct guard_marks *marks, size_t item)
{
	marks->words[item / 64] |= UINT64_C(1) << item % 64;
}

static inline void guard_unmark(struct guard_marks *marks, size_t item)
{
	marks->words[item / 64] &= ~(UINT64_C(1) << item % 64);
}

/* A copy of its own; NULL when out of memory, or where there is nothing to copy. */
struct guard_paths *guard_paths_copy(const struct guard_paths *paths);

/* The mean of M over all 65 classes, of errors or latency: unused ones have M = 1. */
double guard_paths_mean_errors(const struct guard_paths *paths);
double guard_paths_mean_latency(const struct guard_paths *paths);

#endif

#include "rollout/guard_paths.h"

#include "base/dense.h"

#include <string.h>

enum {
	FIRST_CAPACITY = 4,
	BATCHES_AT = (sizeof(struct guard_paths) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES *
		     CACHE_LINE_BYTES,
};

/* Header, batches, comparisons. */
static size_t paths_bytes(size_t capacity)
{
	return BATCHES_AT + capacity * (sizeof(struct guard_batch) + sizeof(struct comparison));
}

/* Room for so many, none in use; NULL when out of memory. */
static struct guard_paths *new_paths(size_t capacity)
{
	size_t items_at = BATCHES_AT + capacity * sizeof(struct guard_batch);
	struct guard_paths *paths = dense_take(paths_bytes(capacity));

	if (paths == NULL)
		return NULL;
	*paths = (struct guard_paths) {
		.capacity = capacity,
		.batches = (struct guard_batch *)((char *)paths + BATCHES_AT),
		.items = (struct comparison *)((char *)paths + items_at),
		.mean_errors = 1,
		.mean_latency = 1,
	};
	return paths;
}

/* All that `from` holds, into one with room for it. */
static void fill(struct guard_paths *paths, const struct guard_paths *from)
{
	struct guard_paths empty = *paths;

	*paths = *from;
	paths->capacity = empty.capacity;
	paths->batches = empty.batches;
	paths->items = empty.items;
	memcpy(paths->batches, from->batches, from->n * sizeof(*from->batches));
	memcpy(paths->items, from->items, from->n * sizeof(*from->items));
}

const struct comparison *guard_paths_find(const struct guard_paths *paths, unsigned path_class)
{
	if (paths == NULL || path_class >= PATH_CLASSES || paths->index[path_class] == 0)
		return NULL;
	return &paths->items[paths->index[path_class] - 1];
}

static bool make_room(struct guard_paths **paths)
{
	struct guard_paths *old = *paths, *new;
	size_t capacity = FIRST_CAPACITY;

	if (old != NULL && old->n < old->capacity)
		return true;
	if (old != NULL)
		capacity = 2 * old->capacity < PATH_CLASSES ? 2 * old->capacity : PATH_CLASSES;
	new = new_paths(capacity);
	if (new == NULL)
		return false;
	if (old != NULL)
		fill(new, old);
	guard_paths_free(old);
	*paths = new;
	return true;
}

void guard_paths_free(struct guard_paths *paths)
{
	if (paths != NULL)
		dense_give(paths, paths_bytes(paths->capacity));
}

bool guard_paths_take(
    struct guard_paths **paths, unsigned path_class, size_t *item, bool *is_new)
{
	struct guard_paths *all;

	*is_new = *paths == NULL || (*paths)->index[path_class] == 0;
	if (!*is_new) {
		*item = (*paths)->index[path_class] - 1U;
		return true;
	}
	if (!make_room(paths))
		return false;
	all = *paths;
	*item = all->n++;
	all->index[path_class] = (uint8_t)(*item + 1);
	all->path_class[*item] = (uint8_t)path_class;
	all->m_errors[*item] = all->m_latency[*item] = 1;
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		all->m_thresholds[*item][i] = 1;
	memset(&all->batches[*item], 0, sizeof(all->batches[*item]));
	memset(&all->items[*item], 0, sizeof(all->items[*item]));
	return true;
}

void guard_paths_refresh(struct guard_paths *paths, size_t item, bool withdrawn, bool harm)
{
	const struct comparison *path = &paths->items[item];
	double *m = paths->m_thresholds[item], sum = 0;

	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		if (harm || i < LATENCY_QUANTILES)
			m[i] = eprocess_m(&path->latency.thresholds[i]);
		sum += m[i];
	}
	paths->m_latency[item] = withdrawn ? 0 : sum / LATENCY_THRESHOLDS;
	if (harm)
		paths->m_errors[item] = withdrawn ? 0 : failure_bets_m(&path->errors);
	paths->changed = true;
}

static double mean(const double *m, size_t n)
{
	double sum = (double)(PATH_CLASSES - n);

	for (size_t i = 0; i < n; i++)
		sum += m[i];
	return sum / PATH_CLASSES;
}

void guard_paths_sum_up(struct guard_paths *paths)
{
	if (paths == NULL || !paths->changed)
		return;
	paths->mean_errors = mean(paths->m_errors, paths->n);
	paths->mean_latency = mean(paths->m_latency, paths->n);
	paths->changed = false;
}

struct guard_paths *guard_paths_copy(const struct guard_paths *paths)
{
	struct guard_paths *copy = paths != NULL ? new_paths(paths->capacity) : NULL;

	if (copy != NULL)
		fill(copy, paths);
	return copy;
}

double guard_paths_mean_errors(const struct guard_paths *paths)
{
	if (paths == NULL)
		return 1;
	return paths->changed ? mean(paths->m_errors, paths->n) : paths->mean_errors;
}

double guard_paths_mean_latency(const struct guard_paths *paths)
{
	if (paths == NULL)
		return 1;
	return paths->changed ? mean(paths->m_latency, paths->n) : paths->mean_latency;
}

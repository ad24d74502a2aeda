#include "rollout/guard_paths.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAPACITY = 4
};

static size_t size_of(size_t capacity)
{
	return sizeof(struct guard_paths) + capacity * sizeof(struct comparison);
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
	new = realloc(old, size_of(capacity));
	if (new == NULL)
		return false;
	if (old == NULL)
		memset(new, 0, sizeof(*new));
	new->capacity = capacity;
	*paths = new;
	return true;
}

struct comparison *guard_paths_take(
    struct guard_paths **paths, unsigned path_class, bool *is_new)
{
	struct guard_paths *all;
	size_t item;

	*is_new = *paths == NULL || (*paths)->index[path_class] == 0;
	if (!*is_new)
		return &(*paths)->items[(*paths)->index[path_class] - 1];
	if (!make_room(paths))
		return NULL;
	all = *paths;
	item = all->n++;
	all->index[path_class] = (uint8_t)(item + 1);
	all->path_class[item] = (uint8_t)path_class;
	all->m_errors[item] = all->m_latency[item] = 1;
	memset(&all->items[item], 0, sizeof(all->items[item]));
	return &all->items[item];
}

void guard_paths_refresh(struct guard_paths *paths, size_t item)
{
	paths->m_errors[item] = failure_bets_m(&paths->items[item].errors);
	paths->m_latency[item] = latency_m(&paths->items[item].latency);
}

struct guard_paths *guard_paths_copy(const struct guard_paths *paths)
{
	struct guard_paths *copy = paths != NULL ? malloc(size_of(paths->capacity)) : NULL;

	if (copy != NULL)
		memcpy(copy, paths, size_of(paths->n));
	return copy;
}

static double mean(const double *m, size_t n)
{
	double sum = (double)(PATH_CLASSES - n);

	for (size_t i = 0; i < n; i++)
		sum += m[i];
	return sum / PATH_CLASSES;
}

double guard_paths_mean_errors(const struct guard_paths *paths)
{
	return paths != NULL ? mean(paths->m_errors, paths->n) : 1;
}

double guard_paths_mean_latency(const struct guard_paths *paths)
{
	return paths != NULL ? mean(paths->m_latency, paths->n) : 1;
}

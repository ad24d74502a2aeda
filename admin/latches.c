#include "admin/latches.h"

#include <stdlib.h>
#include <string.h>

static void free_latch(struct latch *latch)
{
	if (latch == NULL)
		return;
	free(latch->route);
	free(latch->release);
	free(latch->why);
	free(latch);
}

void latches_done(struct latches *latches)
{
	for (size_t i = 0; i < latches->n; i++)
		free_latch(latches->items[i]);
	free(latches->items);
	*latches = (struct latches) { .n = 0 };
}

/* The first that is not before (route, release). */
static size_t place_of(const struct latches *latches, const char *route, const char *release)
{
	size_t low = 0, high = latches->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(latches->items[middle]->route, route);

		if (order == 0)
			order = strcmp(latches->items[middle]->release, release);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(
    const struct latches *latches, size_t place, const char *route, const char *release)
{
	return place < latches->n && strcmp(latches->items[place]->route, route) == 0 &&
	       strcmp(latches->items[place]->release, release) == 0;
}

const struct latch *latches_find(
    const struct latches *latches, const char *route, const char *release)
{
	size_t place = place_of(latches, route, release);

	return is_at(latches, place, route, release) ? latches->items[place] : NULL;
}

static void take_out(struct latches *latches, size_t place)
{
	free_latch(latches->items[place]);
	latches->n--;
	memmove(latches->items + place, latches->items + place + 1,
	    (latches->n - place) * sizeof(struct latch *));
}

void latches_remove(struct latches *latches, const char *route, const char *release)
{
	size_t place = place_of(latches, route, release);

	if (is_at(latches, place, route, release))
		take_out(latches, place);
}

static size_t oldest(const struct latches *latches)
{
	size_t found = 0;

	for (size_t i = 1; i < latches->n; i++) {
		if (latches->items[i]->since_us < latches->items[found]->since_us)
			found = i;
	}
	return found;
}

static bool make_room(struct latches *latches)
{
	size_t size = latches->size > 0 ? 2 * latches->size : 16;
	struct latch **items;

	if (latches->n == LATCHES_MAX)
		take_out(latches, oldest(latches));
	if (latches->n < latches->size)
		return true;
	items = realloc(latches->items, size * sizeof(struct latch *));
	if (items == NULL)
		return false;
	latches->items = items;
	latches->size = size;
	return true;
}

static struct latch *new_latch(
    const char *route, const char *release, int64_t since_us, const char *why)
{
	struct latch *latch = calloc(1, sizeof(*latch));

	if (latch == NULL)
		return NULL;
	latch->route = strdup(route);
	latch->release = strdup(release);
	latch->why = strdup(why);
	latch->since_us = since_us;
	if (latch->route != NULL && latch->release != NULL && latch->why != NULL)
		return latch;
	free_latch(latch);
	return NULL;
}

bool latches_add(struct latches *latches, const char *route, const char *release,
    int64_t since_us, const char *why)
{
	struct latch *latch;
	size_t place;

	if (latches_find(latches, route, release) != NULL)
		return true;
	latch = new_latch(route, release, since_us, why);
	if (latch == NULL || !make_room(latches)) {
		free_latch(latch);
		return false;
	}
	place = place_of(latches, route, release);
	memmove(latches->items + place + 1, latches->items + place,
	    (latches->n - place) * sizeof(struct latch *));
	latches->items[place] = latch;
	latches->n++;
	return true;
}

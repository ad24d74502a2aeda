#include "admin/latches.h"

#include "admin/journal.h"
#include "base/log.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The oldest go first; a route has had so many broken releases never. */
enum {
	LATCHES_MAX = 100000
};

struct latch {
	char *route;
	char *release;
};

struct latches {
	struct latch *items;
	size_t n;
	size_t size;
};

struct latches *latches_new(void)
{
	return calloc(1, sizeof(struct latches));
}

static void take_out(struct latches *latches, size_t i)
{
	free(latches->items[i].route);
	free(latches->items[i].release);
	latches->n--;
	memmove(latches->items + i, latches->items + i + 1,
	    (latches->n - i) * sizeof(latches->items[0]));
}

void latches_free(struct latches *latches)
{
	while (latches->n > 0)
		take_out(latches, latches->n - 1);
	free(latches->items);
	free(latches);
}

static size_t find(const struct latches *latches, const char *route, const char *release)
{
	size_t i = 0;

	while (i < latches->n && (strcmp(latches->items[i].route, route) != 0 ||
				     strcmp(latches->items[i].release, release) != 0))
		i++;
	return i;
}

bool latches_has(const struct latches *latches, const char *route, const char *release)
{
	return find(latches, route, release) < latches->n;
}

void latches_remove(struct latches *latches, const char *route, const char *release)
{
	size_t i = find(latches, route, release);

	if (i < latches->n)
		take_out(latches, i);
}

static bool make_room(struct latches *latches)
{
	size_t size = latches->size > 0 ? 2 * latches->size : 16;
	struct latch *items;

	if (latches->n == LATCHES_MAX)
		take_out(latches, 0);
	if (latches->n < latches->size)
		return true;
	items = realloc(latches->items, size * sizeof(items[0]));
	if (items == NULL)
		return false;
	latches->items = items;
	latches->size = size;
	return true;
}

void latches_add(struct latches *latches, const char *route, const char *release)
{
	struct latch latch = { strdup(route), strdup(release) };

	if (latch.route != NULL && latch.release != NULL &&
	    !latches_has(latches, route, release) && make_room(latches)) {
		latches->items[latches->n++] = latch;
		return;
	}
	free(latch.route);
	free(latch.release);
}

/* A row that a release was latched with, or cleared by. */
static void apply(struct latches *latches, const char *line)
{
	const char *route, *release, *action, *to;
	json_t *row = json_loads(line, 0, NULL);

	if (json_unpack(row, "{s:s, s:s, s:s, s:{s:s}}", "route", &route, "release", &release,
		"action", &action, "to", "state", &to) == 0) {
		if (strcmp(to, "rolled_back") == 0)
			latches_add(latches, route, release);
		else if (strcmp(action, "resume") == 0)
			latches_remove(latches, route, release);
	}
	json_decref(row);
}

void latches_load(struct latches *latches, const char *state_dir)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", state_dir, journal_file_name);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (getline(&line, &size, file) > 0) {
		/* Most rows are of other things; these words are in all that matter. */
		if (strstr(line, "rolled_back") != NULL)
			apply(latches, line);
	}
	if (ferror(file))
		log_error("%s could not be read to its end: a rolled-back release may be "
			  "missing from what is held back",
		    path);
	free(line);
	fclose(file);
}

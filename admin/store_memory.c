#include "admin/store_memory.h"

#include <stdlib.h>
#include <string.h>

static void free_route(struct stored_route *route)
{
	free(route->name);
	free(route->record.detail);
	free(route->budgets_release);
	free(route->budgets);
	stored_epoch_done(&route->epoch);
	for (size_t i = 0; i < STORE_DRILLS_MAX; i++)
		free(route->drills[i].release);
	free(route);
}

static void free_change(struct latch_change *change)
{
	free(change->route);
	free(change->release);
}

void store_memory_done(struct store_memory *memory)
{
	for (size_t i = 0; i < memory->n_routes; i++)
		free_route(memory->routes[i]);
	free(memory->routes);
	for (size_t i = 0; i < memory->n_changes; i++)
		free_change(&memory->changes[i]);
	free(memory->changes);
	latches_done(&memory->latches);
	*memory = (struct store_memory) { .n_routes = 0 };
}

/* The first whose name is not before. */
static size_t place_of(const struct store_memory *memory, const char *name)
{
	size_t low = 0, high = memory->n_routes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(memory->routes[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct stored_route *store_memory_find(const struct store_memory *memory, const char *name)
{
	size_t place = place_of(memory, name);

	if (place < memory->n_routes && strcmp(memory->routes[place]->name, name) == 0)
		return memory->routes[place];
	return NULL;
}

static bool make_room(struct store_memory *memory)
{
	size_t size = memory->size > 0 ? 2 * memory->size : 16;
	struct stored_route **routes;

	if (memory->n_routes == STORE_ROUTES_MAX)
		return false;
	if (memory->n_routes < memory->size)
		return true;
	routes = realloc(memory->routes, size * sizeof(struct stored_route *));
	if (routes == NULL)
		return false;
	memory->routes = routes;
	memory->size = size;
	return true;
}

struct stored_route *store_memory_route(struct store_memory *memory, const char *name)
{
	struct stored_route *route = store_memory_find(memory, name);
	size_t place;

	if (route != NULL || !make_room(memory))
		return route;
	route = calloc(1, sizeof(*route));
	if (route == NULL)
		return NULL;
	route->name = strdup(name);
	if (route->name == NULL) {
		free(route);
		return NULL;
	}
	place = place_of(memory, name);
	memmove(memory->routes + place + 1, memory->routes + place,
	    (memory->n_routes - place) * sizeof(struct stored_route *));
	memory->routes[place] = route;
	memory->n_routes++;
	return route;
}

bool store_copy_record(struct release_record *to, const struct release_record *from)
{
	unsigned char *detail;

	if (from->detail_len > RELEASE_DETAIL_MAX)
		return false;
	detail = malloc(from->detail_len > 0 ? from->detail_len : 1);
	if (detail == NULL)
		return false;
	if (from->detail_len > 0)
		memcpy(detail, from->detail, from->detail_len);
	*to = *from;
	to->detail = detail;
	return true;
}

bool stored_route_set_record(struct stored_route *route, const struct release_record *record)
{
	struct release_record copy;

	if (!store_copy_record(&copy, record))
		return false;
	free(route->record.detail);
	route->record = copy;
	route->has_record = true;
	return true;
}

bool stored_route_set_budgets(struct stored_route *route, const char *release,
    const struct store_budget *budgets, size_t n)
{
	size_t bytes = n * sizeof(budgets[0]);
	struct store_budget *copy;
	char *of;

	if (n > STORE_BUDGETS_MAX)
		return false;
	copy = malloc(bytes > 0 ? bytes : 1);
	of = strdup(release);
	if (copy == NULL || of == NULL) {
		free(copy);
		free(of);
		return false;
	}
	if (n > 0)
		memcpy(copy, budgets, bytes);
	free(route->budgets);
	free(route->budgets_release);
	route->budgets = copy;
	route->budgets_release = of;
	route->n_budgets = n;
	return true;
}

bool stored_route_note_drill(struct stored_route *route, const char *release, int64_t passed_s)
{
	struct stored_drill *place = &route->drills[0];
	char *copy;

	for (size_t i = 0; i < STORE_DRILLS_MAX; i++) {
		struct stored_drill *drill = &route->drills[i];

		if (drill->release != NULL && strcmp(drill->release, release) == 0) {
			drill->passed_s = passed_s;
			return true;
		}
		/* A free one, or else the oldest. */
		if (place->release != NULL &&
		    (drill->release == NULL || drill->passed_s < place->passed_s))
			place = drill;
	}
	if (place->release != NULL && passed_s < place->passed_s)
		return true;
	copy = strdup(release);
	if (copy == NULL)
		return false;
	free(place->release);
	*place = (struct stored_drill) { .release = copy, .passed_s = passed_s };
	return true;
}

int64_t stored_route_drill_passed_s(const struct stored_route *route, const char *release)
{
	for (size_t i = 0; i < STORE_DRILLS_MAX; i++) {
		const struct stored_drill *drill = &route->drills[i];

		if (drill->release != NULL && strcmp(drill->release, release) == 0)
			return drill->passed_s;
	}
	return 0;
}

static struct latch_change *find_change(
    const struct store_memory *memory, const char *route, const char *release)
{
	for (size_t i = 0; i < memory->n_changes; i++) {
		if (strcmp(memory->changes[i].route, route) == 0 &&
		    strcmp(memory->changes[i].release, release) == 0)
			return &memory->changes[i];
	}
	return NULL;
}

bool store_memory_has_change(
    const struct store_memory *memory, const char *route, const char *release)
{
	return find_change(memory, route, release) != NULL;
}

static bool make_room_for_change(struct store_memory *memory)
{
	size_t size = memory->changes_size > 0 ? 2 * memory->changes_size : 16;
	struct latch_change *changes;

	if (memory->n_changes < memory->changes_size)
		return true;
	changes = realloc(memory->changes, size * sizeof(changes[0]));
	if (changes == NULL)
		return false;
	memory->changes = changes;
	memory->changes_size = size;
	return true;
}

static struct latch_change *add_change(
    struct store_memory *memory, const char *route, const char *release)
{
	struct latch_change change = { .route = strdup(route), .release = strdup(release) };

	if (change.route == NULL || change.release == NULL || !make_room_for_change(memory)) {
		free_change(&change);
		return NULL;
	}
	memory->changes[memory->n_changes] = change;
	return &memory->changes[memory->n_changes++];
}

uint64_t store_memory_note_latch(
    struct store_memory *memory, const char *route, const char *release)
{
	struct latch_change *change = find_change(memory, route, release);

	if (change == NULL)
		change = add_change(memory, route, release);
	if (change == NULL)
		return 0;
	change->ticket = ++memory->ticket;
	return change->ticket;
}

static bool merge_latches(struct store_memory *memory, const struct latches *found, bool first)
{
	bool ok = true;

	for (size_t i = 0; i < found->n; i++) {
		const struct latch *latch = found->items[i];

		/* What was decided meanwhile is newer. */
		if (find_change(memory, latch->route, latch->release) != NULL)
			continue;
		if (!first &&
		    latches_find(&memory->latches, latch->route, latch->release) == NULL)
			ok =
			    store_memory_note_latch(memory, latch->route, latch->release) > 0 &&
			    ok;
		else if (first)
			ok = latches_add(&memory->latches, latch->route, latch->release,
				 latch->since_us, latch->why) &&
			     ok;
	}
	return ok;
}

static bool merge_drills(struct stored_route *route, const struct stored_route *found)
{
	bool ok = true;

	for (size_t i = 0; i < STORE_DRILLS_MAX; i++) {
		const struct stored_drill *drill = &found->drills[i];

		if (drill->release != NULL &&
		    stored_route_drill_passed_s(route, drill->release) == 0)
			ok = stored_route_note_drill(route, drill->release, drill->passed_s) &&
			     ok;
	}
	return ok;
}

static bool merge_route(struct store_memory *memory, struct stored_route *found)
{
	struct stored_route *route = store_memory_route(memory, found->name);

	if (route == NULL)
		return false;
	if (!route->has_record && found->has_record) {
		route->record = found->record;
		route->has_record = true;
		found->record.detail = NULL;
	}
	if (route->budgets_release == NULL && found->budgets_release != NULL) {
		route->budgets_release = found->budgets_release;
		route->budgets = found->budgets;
		route->n_budgets = found->n_budgets;
		found->budgets_release = NULL;
		found->budgets = NULL;
	}
	if (route->epoch.release == NULL) {
		route->epoch = found->epoch;
		found->epoch = (struct stored_epoch) { .release = NULL };
	}
	return merge_drills(route, found);
}

bool store_memory_merge(struct store_memory *memory, struct store_memory *found, bool first)
{
	bool ok = merge_latches(memory, &found->latches, first);

	for (size_t i = 0; i < found->n_routes; i++)
		ok = merge_route(memory, found->routes[i]) && ok;
	return ok;
}

void store_memory_mark_all(struct store_memory *memory)
{
	for (size_t i = 0; i < memory->n_routes; i++) {
		struct stored_route *route = memory->routes[i];

		route->record_changed = route->has_record;
		route->budgets_changed = route->budgets_release != NULL;
		route->epoch_changed = route->epoch.release != NULL;
	}
	for (size_t i = 0; i < memory->latches.n; i++) {
		const struct latch *latch = memory->latches.items[i];

		/* Out of memory: it is noted again with the next new database. */
		(void)store_memory_note_latch(memory, latch->route, latch->release);
	}
}

void store_memory_settle(struct store_memory *memory, uint64_t ticket)
{
	size_t kept = 0;

	for (size_t i = 0; i < memory->n_changes; i++) {
		if (memory->changes[i].ticket <= ticket)
			free_change(&memory->changes[i]);
		else
			memory->changes[kept++] = memory->changes[i];
	}
	memory->n_changes = kept;
}

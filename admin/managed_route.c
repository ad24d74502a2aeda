#include "admin/managed_route.h"

#include "admin/decision.h"
#include "admin/drill_session.h"
#include "admin/turns.h"
#include "base/dense.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A route is looked at in a tick where so many requests have come, or anything that
 * matters; for fewer, once in a while, and the more routes there are the less often: at
 * each tick up to a hundred routes, each 10 s from 10,000 on, as without traffic.
 */
enum {
	BUSY_REQUESTS = 16,
	BUSY_REQUESTS_OF_MANY = 64, /* with more than ROUTES_ARE_MANY */
	ROUTES_ARE_MANY = 2500,
	ROUTES_EACH_TICK = 100,
	QUIET_TICKS = 100,
	/* After a reload: until each worker has it, what they count is marked in the one
	 * before. */
	FRESH_TICKS = 3,
};

_Static_assert((int)BUSY_REQUESTS_OF_MANY <= (int)TOUCH_MATTERS, "a failure is enough");

static size_t calm_ticks(const struct managed_routes *routes)
{
	size_t ticks = routes->n / ROUTES_EACH_TICK + 1;

	return ticks < QUIET_TICKS ? ticks : QUIET_TICKS;
}

/* How often the budgets' windows move. */
static const uint64_t BUDGETS_EVERY_US = 1000000;

/*
 * How often what changes all the time is stored: for a plan under way, so that a restart
 * goes on within a second of where it was, although it takes a tick to be told and the
 * store's period to be written; and for a weight set by hand. But thousands of routes
 * together get no more than so much of a core and the disk, and not all in one tick.
 */
static const uint64_t KEEP_PLAN_US = 600000;
static const uint64_t KEEP_PLAN_PACE_US = 1000; /* times the routes */
static const uint64_t KEEP_FIXED_US = 30000000;
static const uint64_t KEEP_FIXED_PACE_US = 10000;

static uint64_t next_keep_us(
    const struct managed_routes *routes, const struct managed_route *managed)
{
	bool fixed = managed->release.plan.state == PLAN_FIXED;
	uint64_t every_us = fixed ? paced_us(KEEP_FIXED_US, KEEP_FIXED_PACE_US, routes->n)
				  : paced_us(KEEP_PLAN_US, KEEP_PLAN_PACE_US, routes->n);

	return next_turn_us(managed->kept_us, every_us, managed->index, routes->n);
}

/* Whether the store is to be told now how the release stands. */
static bool is_to_be_kept(const struct managed_route *managed, uint64_t now_us)
{
	return managed->unkept && now_us >= managed->keep_us;
}

struct managed_route *managed_routes_find(const struct managed_routes *routes, const char *name)
{
	int index = routes->snapshot != NULL ? snapshot_find_route(routes->snapshot, name) : -1;

	return index >= 0 ? &routes->items[index] : NULL;
}

static size_t items_bytes(size_t n)
{
	return n * sizeof(struct managed_route);
}

struct managed_route *managed_routes_prepare(const struct snapshot *next)
{
	return dense_take(items_bytes(next->n_routes));
}

/* What the release had spent before weir was restarted. */
static void restore_budgets(struct managed_routes *routes, struct managed_route *managed)
{
	struct path_classes *classes = managed->route->live->path_classes;
	struct store_budget *stored;
	size_t n = store_budgets(
	    routes->store, managed->route->conf->name, managed->release.id, &stored);

	for (size_t i = 0; i < n; i++) {
		unsigned c = stored[i].path[0] == '\0'
				 ? PATH_CLASS_ALL
				 : path_classes_slot_for(classes, slice_of(stored[i].path));

		for (enum arm arm = 0; arm < ARMS; arm++)
			budget_restore(&managed->budgets.budgets[c][arm], stored[i].n[arm],
			    stored[i].bad[arm]);
	}
	if (n > 0)
		free(stored);
}

/* A release that goes on, and was rolled back before: its record did not know. */
static void hold_back(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now)
{
	char before[TRANSITION_WHY_SIZE], why[TRANSITION_WHY_SIZE];
	const struct release_order order = {
		.command = RELEASE_ROLL_BACK,
		.at_once = true,
		.who = "weir",
		.why = why,
	};
	struct release_step step;
	struct error err;

	if (release_is_latched(&managed->release) ||
	    !store_latch_why(routes->store, managed->route->conf->name, managed->release.id,
		before, sizeof(before)))
		return;
	release_held_back_words(before, why);
	if (release_command(&managed->release, &order, &now->clock, &step, &err))
		decision_carry_out(routes, managed, &step, now);
	else
		log_error("route %s: %s", managed->route->conf->name, err.text);
}

/* Counted once in this epoch, a user's failure does not count again for a restart. */
static void restore_epoch(struct managed_routes *routes, struct managed_route *managed)
{
	const struct release *release = &managed->release;
	uint16_t *units;
	size_t n = store_epoch(routes->store, managed->route->conf->name, release->id,
	    release->plan.entered, &units);

	route_stats_restore_epoch(managed->route->live->stats, units, n);
	free(units);
}

/* Before the record: a user in the epoch whose failure it lacks is let off, no more. */
static void keep_all(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now)
{
	static uint16_t units[EPOCH_SAVED_MAX];
	const struct release *release = &managed->release;
	size_t n = route_stats_save_epoch(managed->route->live->stats, units);

	store_keep_epoch(routes->store, managed->route->conf->name, release->id,
	    release->plan.entered, units, n);
	decision_keep(routes, managed, now);
	managed->unkept = false;
}

/*
 * One that passed, and that the release's record does not know of: there was no time. One
 * from the future stands in for none, nor in the way of one.
 */
static void recall_drill(
    struct managed_routes *routes, struct managed_route *managed, int64_t wall_s)
{
	struct plan *plan = &managed->release.plan;
	int64_t passed_s = store_drill_passed_s(
	    routes->store, managed->route->conf->name, managed->release.id);

	if (passed_s <= wall_s &&
	    (passed_s > plan->drill_wall_s || plan->drill_wall_s > wall_s))
		plan->drill_wall_s = passed_s;
}

/* The configured release, where it is one that was rolled back before. */
static bool begin_held_back(struct managed_routes *routes, struct managed_route *managed,
    const struct instant *now, struct release_step *step)
{
	const struct route_conf *conf = managed->route->conf;
	char before[TRANSITION_WHY_SIZE];

	if (conf->canary == NULL ||
	    !store_latch_why(routes->store, conf->name, conf->release, before, sizeof(before)))
		return false;
	release_begin_held_back(&managed->release, conf, &now->clock, "weir", before, step);
	return true;
}

static void begin_new(struct managed_routes *routes, struct managed_route *managed,
    const struct instant *now, const char *who, struct release_step *step)
{
	const struct route_conf *conf = managed->route->conf;

	if (!begin_held_back(routes, managed, now, step))
		release_begin(&managed->release, conf, &now->clock, who, step);
}

/*
 * The route's first release in this process: as it was left, or a new one. True where it
 * goes on.
 */
static bool begin(struct managed_routes *routes, struct managed_route *managed,
    const struct instant *now, const char *who, struct release_step *step)
{
	const struct route_conf *conf = managed->route->conf;
	struct release *release = &managed->release;
	struct release_record record;
	struct error err = { "" };
	const char *why = NULL;
	bool goes_on = false;

	if (conf->canary == NULL) {
		begin_new(routes, managed, now, who, step);
		return false;
	}
	if (!store_is_readable(routes->store, &why)) {
		release_begin_unreadable(release, conf, &now->clock, "weir", why, step);
		return false;
	}
	if (!store_record(routes->store, conf->name, &record)) {
		begin_new(routes, managed, now, who, step);
		return false;
	}
	if (strcmp(record.release, conf->release) != 0)
		begin_new(routes, managed, now, who, step);
	else if (release_restore(release, conf, &record, managed->route->live->path_classes,
		     &now->clock, step, &err))
		goes_on = true;
	else
		release_begin_unreadable(release, conf, &now->clock, "weir", err.text, step);
	free(record.detail);
	return goes_on;
}

static void begin_or_go_on(struct managed_routes *routes, struct managed_route *managed,
    struct managed_route *before, const struct instant *now, const char *who)
{
	const struct route_conf *conf = managed->route->conf;
	const struct route_stats *stats = managed->route->live->stats;
	struct release_step step;
	bool goes_on = false, goes_on_here = false;

	if (before == NULL) {
		goes_on = begin(routes, managed, now, who, &step);
		route_budgets_begin(
		    &managed->budgets, conf->error_budget_ppm, stats, now->clock.now_us);
		restore_budgets(routes, managed);
	} else {
		/* Moved, not copied: there is one of each. */
		managed->release = before->release;
		managed->log = before->log;
		managed->drill = before->drill;
		before->drill = NULL;
		managed->budgets = before->budgets;
		managed->kept_us = before->kept_us;
		managed->unkept = before->unkept;
		managed->keep_us = before->keep_us;
		before->route = NULL;
		goes_on_here = strcmp(managed->release.id, conf->release) == 0;
		if (goes_on_here || !begin_held_back(routes, managed, now, &step))
			release_reload(&managed->release, conf, &now->clock, who, &step);
		managed->budgets.share = (double)conf->error_budget_ppm / PPM;
		if (!goes_on_here)
			route_budgets_begin(&managed->budgets, conf->error_budget_ppm, stats,
			    now->clock.now_us);
	}
	if (!goes_on_here)
		recall_drill(routes, managed, now->clock.wall_s);
	/* A new snapshot knows no weight yet, changed or not. */
	step.new_weight = true;
	decision_carry_out(routes, managed, &step, now);
	/* The step has begun an epoch: into that. */
	if (goes_on)
		restore_epoch(routes, managed);
}

static void done(struct managed_route *managed)
{
	drill_session_free(managed);
	/* One whose release has moved on has nothing left of its own. */
	if (managed->route == NULL)
		return;
	release_done(&managed->release);
	evidence_log_done(&managed->log);
}

void managed_routes_take_over(struct managed_routes *routes, struct managed_route *items,
    struct snapshot *next, const struct instant *now, const char *who)
{
	struct managed_route *before = routes->items;
	struct snapshot *snapshot_before = routes->snapshot;
	size_t n_before = routes->n;

	for (size_t i = 0; i < n_before; i++)
		drill_session_stop(routes, &before[i], "the configuration was reloaded");
	routes->items = items;
	routes->n = next->n_routes;
	routes->snapshot = next;
	routes->fresh_ticks = FRESH_TICKS;
	for (size_t i = 0; i < routes->n; i++) {
		struct managed_route *managed = &items[i];
		const struct route_conf *conf = next->routes[i].conf;
		int old = snapshot_before != NULL
			      ? snapshot_find_route(snapshot_before, conf->name)
			      : -1;

		managed->index = i;
		managed->route = &next->routes[i];
		route_stats_set_slow_threshold(
		    managed->route->live->stats, conf->latency_budget.threshold_us);
		begin_or_go_on(routes, managed, old >= 0 ? &before[old] : NULL, now, who);
		if (conf->canary != NULL)
			hold_back(routes, managed, now);
	}
	for (size_t i = 0; i < n_before; i++)
		done(&before[i]);
	dense_give(before, items_bytes(n_before));
}

static void tick(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now)
{
	struct route_live *live = managed->route->live;
	uint64_t now_us = now->clock.now_us;
	double dt_s = (double)(now_us - managed->release.last_tick_us) / 1e6;
	struct evidence route;
	struct release_evidence evidence = {
		.route = &route,
		.paths = routes->paths,
		.path_classes = live->path_classes,
	};
	struct release_step step;

	if (now_us >= managed->budgets.last_us + BUDGETS_EVERY_US)
		route_budgets_tick(&managed->budgets, live->stats, now_us);
	if (managed->route->conf->canary == NULL) {
		managed->unkept = false;
		managed->more_to_read = false;
		return;
	}
	evidence.n_paths = route_stats_read_evidence(
	    live->stats, release_generation(&managed->release), &route, routes->paths);
	managed->more_to_read = route_stats_has_unread(live->stats);
	if (!route_stats_thresholds(live->stats, PATH_CLASS_ALL, evidence.threshold_us))
		memset(evidence.threshold_us, 0, sizeof(evidence.threshold_us));
	managed->unkept = true;
	evidence_log_add(&managed->log, &managed->release, &evidence, dt_s);
	release_tick(&managed->release, &evidence, &now->clock, &step);
	decision_carry_out(routes, managed, &step, now);
	drill_session_tick(routes, managed, &evidence, dt_s, now);
	evidence_log_store(&managed->log, routes->store, managed->route->conf->name,
	    &managed->release, live->path_classes, now, managed->index, routes->n);
	managed->keep_us = next_keep_us(routes, managed);
	if (is_to_be_kept(managed, now_us))
		keep_all(routes, managed, now);
}

void managed_routes_tick(struct managed_routes *routes, const struct instant *now, bool all)
{
	size_t turn = routes->ticks++;
	bool fresh = routes->fresh_ticks > 0;
	size_t calm = calm_ticks(routes);
	unsigned busy = routes->n > ROUTES_ARE_MANY ? BUSY_REQUESTS_OF_MANY : BUSY_REQUESTS;
	size_t next_calm = (calm - turn % calm) % calm;
	size_t next_quiet = (QUIET_TICKS - turn % QUIET_TICKS) % QUIET_TICKS;

	all = all || fresh;
	routes->fresh_ticks -= fresh;
	for (size_t i = 0; i < routes->n; i++) {
		bool is_calm = i == next_calm, is_quiet = i == next_quiet;
		unsigned least = is_calm ? 1 : busy;

		next_calm += is_calm ? calm : 0;
		next_quiet += is_quiet ? QUIET_TICKS : 0;
		if (snapshot_route_was_touched(routes->snapshot, i, least) || all ||
		    is_to_be_kept(&routes->items[i], now->clock.now_us) ||
		    now->clock.now_us >= routes->items[i].due_us ||
		    routes->items[i].more_to_read ||
		    drill_session_is_running(&routes->items[i]) || is_quiet)
			tick(routes, &routes->items[i], now);
	}
}

bool managed_routes_command(struct managed_routes *routes, const char *route,
    const struct release_order *order, const struct instant *now, struct error *err)
{
	struct managed_route *managed = managed_routes_find(routes, route);
	struct release_step step;

	if (managed == NULL) {
		error_set(err, "there is no route '%s'", route);
		return false;
	}
	if (managed->route->conf->canary == NULL) {
		error_set(err, "route '%s' has no canary: there is nothing to decide", route);
		return false;
	}
	if (!release_command(&managed->release, order, &now->clock, &step, err))
		return false;
	decision_carry_out(routes, managed, &step, now);
	return true;
}

void managed_routes_gate_answer(struct managed_routes *routes,
    const struct webhook_answer *answer, const struct instant *now)
{
	struct managed_route *managed = managed_routes_find(routes, answer->route);
	char who[TRANSITION_WHO_SIZE];
	struct release_step step;

	if (managed == NULL || strcmp(managed->release.id, answer->release) != 0)
		return;
	snprintf(who, sizeof(who), "webhook:%s", answer->webhook);
	if (release_gate_answer(&managed->release, answer->ask, answer->allowed, who,
		answer->words, &now->clock, &step))
		decision_carry_out(routes, managed, &step, now);
}

void managed_routes_done(struct managed_routes *routes, const struct instant *now)
{
	/* What the workers counted last is evidence, too. */
	managed_routes_tick(routes, now, true);
	for (size_t i = 0; i < routes->n; i++) {
		struct managed_route *managed = &routes->items[i];

		if (managed->route->conf->canary != NULL) {
			evidence_log_flush(&managed->log, routes->store,
			    managed->route->conf->name, managed->route->live->path_classes,
			    now);
			keep_all(routes, managed, now);
		}
		done(managed);
	}
	dense_give(routes->items, items_bytes(routes->n));
	*routes = (struct managed_routes) { .n = 0 };
}

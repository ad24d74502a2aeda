#include "admin/managed_route.h"

#include "base/log.h"

#include <stdlib.h>

/* A route without traffic is looked at once in so many ticks. */
enum {
	QUIET_TICKS = 100
};

/* How often the budgets' windows move; they do not mind how often. */
static const uint64_t BUDGETS_EVERY_US = 1000000;

static void announce(const struct managed_route *managed, const struct transition *t)
{
	enum log_level level = t->to == PLAN_ROLLED_BACK ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;

	log_line(level,
	    "decision route=%s release=%s who=%s state=%s->%s weight=%.4g%%->%.4g%% why=%s",
	    managed->route->conf->name, managed->release.id, t->who, plan_state_name(t->from),
	    plan_state_name(t->to), t->weight_from_ppm / 1e4, t->weight_to_ppm / 1e4, t->why);
}

static void remember_latch(struct managed_routes *routes, const struct managed_route *managed,
    const struct transition *t)
{
	const char *route = managed->route->conf->name;

	if (t->to == PLAN_ROLLED_BACK)
		latches_add(routes->latches, route, managed->release.id);
	else if (t->from == PLAN_ROLLED_BACK && t->cause == PLAN_EVENT_RESUME)
		latches_remove(routes->latches, route, managed->release.id);
}

/* The weight first: everything else can wait for it. */
static void carry_out(struct managed_routes *routes, struct managed_route *managed,
    const struct release_step *step, struct instant now)
{
	if (step->new_weight)
		snapshot_set_weight(routes->snapshot, managed->index,
		    release_generation(&managed->release),
		    release_weight_ppm(&managed->release));
	if (step->new_epoch)
		route_stats_begin_epoch(managed->route->live->stats);
	if (!step->changed || managed->route->conf->canary == NULL)
		return;
	remember_latch(routes, managed, &step->transition);
	announce(managed, &step->transition);
	if (!journal_write(routes->journal, now.wall_us, managed->route->conf->name,
		managed->release.id, &step->transition))
		log_error(
		    "the journal could not be written: this decision is in the log alone");
}

static struct managed_route *find(const struct managed_routes *routes, const char *name)
{
	int index = routes->snapshot != NULL ? snapshot_find_route(routes->snapshot, name) : -1;

	return index >= 0 ? &routes->items[index] : NULL;
}

struct managed_route *managed_routes_prepare(const struct snapshot *next)
{
	return calloc(next->n_routes, sizeof(struct managed_route));
}

static void begin_or_go_on(struct managed_route *managed, const struct managed_route *before,
    struct instant now, const char *who, struct release_step *step)
{
	const struct route_conf *conf = managed->route->conf;
	const struct route_stats *stats = managed->route->live->stats;

	if (before == NULL) {
		release_begin(&managed->release, conf, now.now_us, who, step);
		route_budgets_begin(
		    &managed->budgets, conf->error_budget_ppm, stats, now.now_us);
		return;
	}
	managed->release = before->release;
	managed->budgets = before->budgets;
	release_reload(&managed->release, conf, now.now_us, who, step);
	if (strcmp(before->release.id, managed->release.id) != 0)
		route_budgets_begin(
		    &managed->budgets, conf->error_budget_ppm, stats, now.now_us);
	else
		managed->budgets.share = (double)conf->error_budget_ppm / PPM;
}

/* A release that was rolled back before does not begin again by itself. */
static void hold_back(
    struct managed_routes *routes, struct managed_route *managed, struct instant now)
{
	struct release_step step;

	if (managed->route->conf->canary == NULL || release_is_latched(&managed->release) ||
	    !latches_has(routes->latches, managed->route->conf->name, managed->release.id))
		return;
	if (release_command(&managed->release, RELEASE_ROLL_BACK, now.now_us, "weir",
		"this release was rolled back before: `weir resume` clears it, or a new "
		"release id",
		&step, NULL))
		carry_out(routes, managed, &step, now);
}

void managed_routes_take_over(struct managed_routes *routes, struct managed_route *items,
    struct snapshot *next, struct instant now, const char *who)
{
	struct managed_routes before = *routes;

	routes->items = items;
	routes->n = next->n_routes;
	routes->snapshot = next;
	for (size_t i = 0; i < routes->n; i++) {
		struct managed_route *managed = &items[i];
		struct release_step step;

		managed->index = i;
		managed->route = &next->routes[i];
		begin_or_go_on(
		    managed, find(&before, managed->route->conf->name), now, who, &step);
		/* A new snapshot knows no weight yet, changed or not. */
		step.new_weight = true;
		carry_out(routes, managed, &step, now);
		hold_back(routes, managed, now);
		route_stats_set_slow_threshold(managed->route->live->stats,
		    managed->route->conf->latency_budget.threshold_us);
	}
	free(before.items);
}

static void tick(
    struct managed_routes *routes, struct managed_route *managed, struct instant now)
{
	const struct route_stats *stats = managed->route->live->stats;
	struct release_step step;
	struct evidence evidence;

	if (now.now_us >= managed->budgets.last_us + BUDGETS_EVERY_US)
		route_budgets_tick(&managed->budgets, stats, now.now_us);
	if (managed->route->conf->canary == NULL)
		return;
	route_stats_evidence(stats, PATH_CLASS_ALL, &evidence);
	release_tick(&managed->release, &evidence, now.now_us, &step);
	carry_out(routes, managed, &step, now);
}

void managed_routes_tick(struct managed_routes *routes, struct instant now, bool all)
{
	size_t turn = routes->ticks++ % QUIET_TICKS;

	for (size_t i = 0; i < routes->n; i++) {
		if (snapshot_route_was_touched(routes->snapshot, i) || all ||
		    i % QUIET_TICKS == turn)
			tick(routes, &routes->items[i], now);
	}
}

bool managed_routes_command(struct managed_routes *routes, const char *route,
    enum release_command command, struct instant now, const char *who, const char *why,
    struct error *err)
{
	struct managed_route *managed = find(routes, route);
	struct release_step step;

	if (managed == NULL) {
		error_set(err, "there is no route '%s'", route);
		return false;
	}
	if (managed->route->conf->canary == NULL) {
		error_set(err, "route '%s' has no canary: there is nothing to decide", route);
		return false;
	}
	if (!release_command(&managed->release, command, now.now_us, who, why, &step, err))
		return false;
	carry_out(routes, managed, &step, now);
	return true;
}

void managed_routes_done(struct managed_routes *routes)
{
	free(routes->items);
	*routes = (struct managed_routes) { 0 };
}

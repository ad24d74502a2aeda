#include "admin/status.h"

#include "admin/json_values.h"
#include "base/clock.h"
#include "metrics/exposition.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	WEIGHT_TEXT_SIZE = 16,
	REASON_SIZE = TRANSITION_WHO_SIZE + TRANSITION_WHY_SIZE + VERDICT_TEXT_SIZE + 32,
};

/* What a cell of the tables is of: a route's path class, or the whole of it. */
struct cell {
	const struct managed_route *managed;
	unsigned path_class;
	enum arm arm;
};

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *failures_by_kind(const struct arm_totals *totals)
{
	json_t *json = json_object();

	for (enum failure_kind kind = FAILURE_NONE + 1; kind < FAILURE_KINDS; kind++)
		json_object_set_new(
		    json, outcome_failure_name(kind), count(totals->failures[kind]));
	return json;
}

static json_t *by_status(const struct arm_totals *totals)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "none",
	    count(totals->status[STATUS_NONE]), "1xx", count(totals->status[STATUS_1XX]), "2xx",
	    count(totals->status[STATUS_2XX]), "3xx", count(totals->status[STATUS_3XX]), "4xx",
	    count(totals->status[STATUS_4XX]), "5xx", count(totals->status[STATUS_5XX]));
}

static json_t *quantile_ms(const struct histogram_sum *sum, double p)
{
	if (sum->count == 0)
		return json_null();
	return json_number((double)histogram_quantile(sum, p) / 1000);
}

/* False when out of memory, as json_object_set_new() with a NULL is. */
static bool add_latency(json_t *json, const struct cell *cell, enum latency_kind kind,
    const char *p50, const char *p99)
{
	struct histogram_sum sum = { .count = 0 };

	route_stats_latency(
	    cell->managed->route->live->stats, cell->path_class, cell->arm, kind, &sum);
	return json_object_set_new(json, p50, quantile_ms(&sum, 0.5)) == 0 &&
	       json_object_set_new(json, p99, quantile_ms(&sum, 0.99)) == 0;
}

static json_t *arm_json(const struct cell *cell)
{
	const struct route *route = cell->managed->route;
	struct arm_totals totals;
	json_t *json;

	if (route->arms[cell->arm] == NULL)
		return json_null();
	route_stats_totals(route->live->stats, cell->path_class, cell->arm, &totals);
	json = json_pack("{s:s*, s:o, s:o, s:o, s:o, s:o}", "upstream",
	    cell->path_class == PATH_CLASS_ALL ? route->arms[cell->arm]->conf->name : NULL,
	    "requests", count(totals.requests), "failures", count(totals.failed),
	    "failures_by_kind", failures_by_kind(&totals), "client_gone",
	    count(totals.client_gone), "status", by_status(&totals));
	if (!add_latency(json, cell, LATENCY_FIRST_BYTE, "p50_ms", "p99_ms") ||
	    !add_latency(json, cell, LATENCY_TOTAL, "p50_total_ms", "p99_total_ms")) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *arm_budget(const struct cell *cell)
{
	const struct route_budgets *budgets = &cell->managed->budgets;
	const struct budget *budget = &budgets->budgets[cell->path_class][cell->arm];
	json_t *burn;

	if (cell->managed->route->arms[cell->arm] == NULL)
		return json_null();
	burn = json_object();
	for (enum series_window window = WINDOW_5_MIN; window < WINDOWS; window++)
		json_object_set_new(burn, series_window_name(window),
		    json_number(budget_burn_rate(budget, budgets->share, window)));
	return json_pack("{s:o, s:o}", "remaining",
	    json_number(budget_remaining(budget, budgets->share)), "burn", burn);
}

/* Adds what the counters tell of a path class, or of the whole route. */
static bool add_counters(json_t *json, const struct managed_route *managed, unsigned path_class)
{
	struct cell legacy = { managed, path_class, ARM_LEGACY };
	struct cell canary = { managed, path_class, ARM_CANARY };

	return json_object_set_new(json, "arms",
		   json_pack("{s:o, s:o}", "legacy", arm_json(&legacy), "canary",
		       arm_json(&canary))) == 0 &&
	       json_object_set_new(json, "budget",
		   json_pack("{s:o, s:o, s:o}", "share", json_number(managed->budgets.share),
		       "legacy", arm_budget(&legacy), "canary", arm_budget(&canary))) == 0;
}

static bool was_seen(const struct route_stats *stats, unsigned path_class)
{
	struct arm_totals totals;
	bool on_legacy = route_stats_totals(stats, path_class, ARM_LEGACY, &totals);

	return route_stats_totals(stats, path_class, ARM_CANARY, &totals) || on_legacy;
}

static json_t *path_classes_json(const struct managed_route *managed)
{
	const struct route_live *live = managed->route->live;
	json_t *list = json_array();

	for (unsigned slot = 0; slot < PATH_CLASSES; slot++) {
		const char *name = path_classes_name(live->path_classes, slot);
		json_t *json;

		if (name == NULL || !was_seen(live->stats, slot))
			continue;
		json = json_pack("{s:o}", "name", json_text(name));
		if (!add_counters(json, managed, slot) || json_array_append(list, json) < 0) {
			json_decref(json);
			json_decref(list);
			return NULL;
		}
		json_decref(json);
	}
	return list;
}

/* Why it stands where it stands: a person's order where that is why, and the guard's words. */
static json_t *reason_json(const struct managed_route *managed)
{
	const struct release *release = &managed->release;
	const struct transition *last = &release->last;
	enum plan_state state = release->plan.state;
	bool rolled_back = state == PLAN_ROLLED_BACK && last->cause == PLAN_EVENT_ROLL_BACK;
	bool paused = state == PLAN_PAUSED && last->cause == PLAN_EVENT_PAUSE;
	char words[VERDICT_TEXT_SIZE];
	char text[REASON_SIZE];

	if (managed->route->arms[ARM_CANARY] == NULL)
		return json_string("the route has no canary");
	verdict_reason_text(&release->verdict, words, sizeof(words));
	if (!rolled_back && !paused)
		return json_text(words);
	snprintf(text, sizeof(text), "%s by %s%s%s%s%s", rolled_back ? "rolled back" : "paused",
	    last->who, last->why[0] != '\0' ? ": " : "", last->why, paused ? "; " : "",
	    paused ? words : "");
	return json_text(text);
}

static json_t *weight_text(uint32_t weight_ppm)
{
	char text[WEIGHT_TEXT_SIZE];

	snprintf(text, sizeof(text), "%g%%", weight_ppm / 10000.0);
	return json_string(text);
}

static json_t *held_json(const struct plan *plan)
{
	return plan->hold != VERDICT_CONTINUE ? json_string(verdict_name(plan->hold))
					      : json_null();
}

static json_t *route_json(const struct managed_route *managed, uint64_t now_us)
{
	const struct release *release = &managed->release;
	const struct plan *plan = &release->plan;
	uint64_t age_us =
	    now_us > release->stage_began_us ? now_us - release->stage_began_us : 0;
	json_t *json = json_pack(
	    "{s:o, s:o, s:o, s:o, s:i, s:o, s:i, s:o, s:s, s:o, s:o, s:b, s:o}", "name",
	    json_text(managed->route->conf->name), "release", json_text(release->id), "state",
	    json_state(plan->state), "stage", json_stage(plan->state, plan->stage), "stages",
	    plan->spec.staged ? (int)plan->spec.n_stages : 0, "stage_age_s",
	    json_number((double)age_us / 1e6), "weight_ppm", (int)plan->weight_ppm, "weight",
	    weight_text(plan->weight_ppm), "verdict", verdict_name(release->verdict.action),
	    "reason", reason_json(managed), "evidence", json_evidence(&release->verdict),
	    "latched", (int)release_is_latched(release), "held", held_json(plan));

	if (!add_counters(json, managed, PATH_CLASS_ALL) ||
	    json_object_set_new(json, "path_classes", path_classes_json(managed)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *status_json(struct control *ctl)
{
	uint64_t now_us = clock_monotonic_us();
	uint64_t started_us = control_started_us(ctl);
	size_t n;
	const struct managed_route *routes = control_routes(ctl, &n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(list, route_json(&routes[i], now_us)) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:I, s:I, s:o, s:I, s:o}", "version", WEIR_VERSION, "workers",
	    (json_int_t)control_workers(ctl), "generation",
	    (json_int_t)control_snapshot(ctl)->generation, "uptime_s",
	    json_number(now_us > started_us ? (double)(now_us - started_us) / 1e6 : 0),
	    "journal_failures", (json_int_t)control_journal_failures(ctl), "routes", list);
}

static struct metrics_route_view route_view(const struct managed_route *managed)
{
	const struct release *release = &managed->release;
	const struct route *route = managed->route;
	struct metrics_route_view view = {
		.route = route->conf->name,
		.release = release->id,
		.stats = route->live->stats,
		.budgets = &managed->budgets,
		.has_canary = route->arms[ARM_CANARY] != NULL,
		.weight_ppm = release_weight_ppm(release),
		.ln_e = release->verdict.ln_e,
		.verdict = verdict_name(release->verdict.action),
		.latched = release_is_latched(release),
	};

	for (unsigned slot = 0; slot < PATH_CLASSES; slot++)
		view.path_classes[slot] = path_classes_name(route->live->path_classes, slot);
	return view;
}

static void write_own(struct control *ctl, struct prometheus *out)
{
	prometheus_family(out, "weir_uptime_seconds", PROMETHEUS_GAUGE, "Since the start.");
	prometheus_sample(
	    out, "", NULL, 0, (double)(clock_monotonic_us() - control_started_us(ctl)) / 1e6);
	prometheus_family(out, "weir_journal_failures_total", PROMETHEUS_COUNTER,
	    "Decisions that could not be stored in the journal.");
	prometheus_sample(out, "", NULL, 0, (double)control_journal_failures(ctl));
}

void status_metrics(struct control *ctl, struct prometheus *out)
{
	struct metrics_view view = {
		.version = WEIR_VERSION, .verdicts = verdict_names, .n_verdicts = VERDICTS
	};
	const struct managed_route *routes = control_routes(ctl, &view.n_routes);
	struct metrics_route_view *views = calloc(view.n_routes + 1, sizeof(*views));

	if (views == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < view.n_routes; i++)
		views[i] = route_view(&routes[i]);
	view.routes = views;
	metrics_write(out, &view);
	write_own(ctl, out);
	free(views);
}

#include "admin/status_counters.h"

#include "admin/json_values.h"

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
	json = json_pack("{s:s*, s:o, s:o, s:o, s:o, s:o, s:o}", "upstream",
	    cell->path_class == PATH_CLASS_ALL ? route->arms[cell->arm]->conf->name : NULL,
	    "requests", count(totals.requests), "failures", count(totals.failed),
	    "failures_by_kind", failures_by_kind(&totals), "slow", count(totals.slow),
	    "client_gone", count(totals.client_gone), "status", by_status(&totals));
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

bool status_add_counters(json_t *json, const struct managed_route *managed, unsigned path_class)
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

static bool is_withdrawn(const struct managed_route *managed, unsigned slot)
{
	return slot < PATH_CLASS_SLOTS && (managed->release.plan.withdrawn >> slot & 1) != 0;
}

static json_t *path_evidence(const struct guard *guard, unsigned slot)
{
	return json_pack("{s:o, s:o}", "errors",
	    json_number(guard_path_ln_m(guard, slot, EVIDENCE_PATH_ERRORS)), "latency",
	    json_number(guard_path_ln_m(guard, slot, EVIDENCE_PATH_LATENCY)));
}

json_t *status_path_classes(const struct managed_route *managed)
{
	const struct route_live *live = managed->route->live;
	json_t *list = json_array();

	for (unsigned slot = 0; slot < PATH_CLASSES; slot++) {
		const char *name = path_classes_name(live->path_classes, slot);
		json_t *json;

		if (name == NULL || !was_seen(live->stats, slot))
			continue;
		json = json_pack("{s:o, s:b, s:o}", "name", json_text(name), "withdrawn",
		    (int)is_withdrawn(managed, slot), "evidence",
		    path_evidence(&managed->release.guard, slot));
		if (!status_add_counters(json, managed, slot) ||
		    json_array_append(list, json) < 0) {
			json_decref(json);
			json_decref(list);
			return NULL;
		}
		json_decref(json);
	}
	return list;
}

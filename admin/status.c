#include "admin/status.h"

#include "admin/cost.h"
#include "admin/json_values.h"
#include "admin/status_route.h"
#include "metrics/exposition.h"

#include <stdlib.h>

static double uptime_s(const struct status_view *view)
{
	return view->clock.now_us > view->started_us
		   ? (double)(view->clock.now_us - view->started_us) / 1e6
		   : 0;
}

static json_t *routes_json(const struct status_view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_routes; i++) {
		if (json_array_append_new(list,
			status_route_json(&view->routes[i], view->latches, &view->clock)) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *store_json(const struct store_health *store)
{
	return json_pack("{s:b, s:o, s:I, s:I}", "ok", (int)store->ok, "text",
	    json_text(store->text), "failures", (json_int_t)store->failures, "pending",
	    (json_int_t)store->pending);
}

static json_t *webhooks_json(const struct webhook_stats *webhooks)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "pending", (json_int_t)webhooks->pending,
	    "delivered", (json_int_t)webhooks->delivered, "failed",
	    (json_int_t)webhooks->failed, "dropped", (json_int_t)webhooks->dropped, "questions",
	    (json_int_t)webhooks->questions);
}

json_t *status_json(const struct status_view *view)
{
	return json_pack("{s:s, s:I, s:I, s:o, s:I, s:o, s:o, s:o}", "version", WEIR_VERSION,
	    "workers", (json_int_t)view->workers, "generation", (json_int_t)view->generation,
	    "uptime_s", json_number(uptime_s(view)), "journal_failures",
	    (json_int_t)view->store.failures, "store", store_json(&view->store), "webhooks",
	    webhooks_json(&view->webhooks), "routes", routes_json(view));
}

_Static_assert((int)METRICS_STATE_SIZE == (int)SHOWN_STATE_SIZE, "same room");

static struct metrics_route_view route_view(
    const struct managed_route *managed, const struct release_clock *clock)
{
	const struct release *release = &managed->release;
	const struct route *route = managed->route;
	struct release_outlook outlook;
	struct metrics_route_view view = {
		.route = route->conf->name,
		.release = release->id,
		.stats = route->live->stats,
		.budgets = &managed->budgets,
		.has_canary = route->arms[ARM_CANARY] != NULL,
		.weight_ppm = release_weight_ppm(release),
		.ln_e = release->verdict.ln_e,
		.ln_parts = release->verdict.ln_parts,
		.sample_ratio_ln_e = release->verdict.sample_ratio_ln_e,
		.verdict = verdict_name(release->verdict.action),
		.latched = release_is_latched(release),
		.evidence_lost = release->evidence_was_lost,
		.stage = shown_stage(release->plan.state, release->plan.stage),
		.failures_seen = cost_of(managed).failed_seen,
		.withdrawn_paths = (unsigned)__builtin_popcountll(release->plan.withdrawn),
	};

	release_outlook(release, clock, &outlook);
	view.waiting_for = release_wait_name(outlook.waiting_for);
	view.hold_left_s = outlook.hold_left_s;
	view.clean_up_due = outlook.clean_up_due;
	view.has_thresholds =
	    route_stats_thresholds(route->live->stats, PATH_CLASS_ALL, view.threshold_us);
	shown_state(release->plan.state, view.state);
	for (unsigned slot = 0; slot < PATH_CLASSES; slot++)
		view.path_classes[slot] = path_classes_name(route->live->path_classes, slot);
	return view;
}

static void write_one(struct prometheus *out, const char *name, enum prometheus_type type,
    const char *help, double value)
{
	prometheus_family(out, name, type, help);
	prometheus_sample(out, "", NULL, 0, value);
}

static void write_own(const struct status_view *view, struct prometheus *out)
{
	write_one(
	    out, "weir_uptime_seconds", PROMETHEUS_GAUGE, "Since the start.", uptime_s(view));
	write_one(out, "weir_journal_failures_total", PROMETHEUS_COUNTER,
	    "Decisions that could not be stored in the journal.", (double)view->store.failures);
	write_one(out, "weir_store_ok", PROMETHEUS_GAUGE,
	    "1 while what is decided can be stored, else 0.", view->store.ok ? 1 : 0);
	write_one(out, "weir_store_pending", PROMETHEUS_GAUGE,
	    "Decisions that wait for the disk.", (double)view->store.pending);
	write_one(out, "weir_webhook_pending", PROMETHEUS_GAUGE,
	    "Notices on their way to a webhook.", (double)view->webhooks.pending);
	write_one(out, "weir_webhook_delivered_total", PROMETHEUS_COUNTER,
	    "Notices that a webhook has taken.", (double)view->webhooks.delivered);
	write_one(out, "weir_webhook_failures_total", PROMETHEUS_COUNTER,
	    "Notices that were given up, or dropped for want of room.",
	    (double)(view->webhooks.failed + view->webhooks.dropped));
}

void status_metrics(const struct status_view *view, struct prometheus *out)
{
	const char *forms[EVIDENCE_KINDS];
	struct metrics_view metrics = { .version = WEIR_VERSION,
		.verdicts = verdict_names,
		.n_verdicts = VERDICTS,
		.forms = forms,
		.n_forms = EVIDENCE_KINDS,
		.n_routes = view->n_routes };
	struct metrics_route_view *views = calloc(view->n_routes + 1, sizeof(*views));

	if (views == NULL) {
		out->failed = true;
		return;
	}
	for (enum evidence_kind kind = 0; kind < EVIDENCE_KINDS; kind++)
		forms[kind] = evidence_kind_name(kind);
	for (enum latency_threshold i = 0; i < LATENCY_THRESHOLDS; i++)
		metrics.threshold_names[i] = latency_threshold_name(i);
	for (size_t i = 0; i < view->n_routes; i++)
		views[i] = route_view(&view->routes[i], &view->clock);
	metrics.routes = views;
	metrics_write(out, &metrics);
	write_own(view, out);
	free(views);
}

#include "metrics/exposition.h"

#include "conf/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	LABELS_MAX = 5,
	SLOT_TEXT_SIZE = 8,
};

/* Upper bounds of the latency buckets; the last one is +Inf. */
static const struct {
	uint64_t us;
	const char *le;
} ladder[] = {
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
	{ 30000000, "30" },
	{ 60000000, "60" },
};

enum {
	LADDER_STEPS = sizeof(ladder) / sizeof(ladder[0])
};

/* The labels that say which series; a family adds its own at the end. */
struct labels {
	struct prometheus_label items[LABELS_MAX];
	size_t n;
	char slot_text[SLOT_TEXT_SIZE];
};

static void labels_add(struct labels *labels, const char *name, const char *value)
{
	labels->items[labels->n++] = (struct prometheus_label) { .name = name, .value = value };
}

static void sample(
    struct prometheus *out, const struct labels *base, const char *suffix, double value)
{
	prometheus_sample(out, suffix, base->items, base->n, value);
}

static void sample_with(struct prometheus *out, const struct labels *base, const char *suffix,
    const char *name, const char *label, double value)
{
	struct labels labels = *base;

	labels_add(&labels, name, label);
	prometheus_sample(out, suffix, labels.items, labels.n, value);
}

/* Of one route: what it is of, an arm and a path class that were seen. */
struct cell_view {
	const struct metrics_route_view *route;
	unsigned path_class;
	enum arm arm;
	struct labels labels;
};

typedef void write_cell(struct prometheus *out, const struct cell_view *cell);

static const char *class_label(
    const struct metrics_route_view *route, unsigned path_class, char text[SLOT_TEXT_SIZE])
{
	if (path_class == PATH_CLASS_ALL)
		return "";
	if (route->path_classes[path_class] != NULL)
		return route->path_classes[path_class];
	if (path_class == PATH_CLASS_OTHER)
		return "other";
	snprintf(text, SLOT_TEXT_SIZE, "%u", path_class);
	return text;
}

static void each_cell(
    struct prometheus *out, const struct metrics_view *view, write_cell *write)
{
	for (size_t i = 0; i < view->n_routes; i++) {
		const struct metrics_route_view *route = &view->routes[i];

		for (unsigned c = 0; c < PATH_CLASSES; c++) {
			for (enum arm arm = 0; arm < ARMS; arm++) {
				struct cell_view cell = {
					.route = route, .path_class = c, .arm = arm
				};
				struct arm_totals totals;

				if (!route_stats_totals(route->stats, c, arm, &totals))
					continue;
				labels_add(&cell.labels, "route", route->route);
				labels_add(&cell.labels, "arm", arm_name(arm));
				labels_add(&cell.labels, "path_class",
				    class_label(route, c, cell.labels.slot_text));
				write(out, &cell);
			}
		}
	}
}

static void write_requests(struct prometheus *out, const struct cell_view *cell)
{
	static const char *const codes[STATUS_CLASSES] = { "none", "1xx", "2xx", "3xx", "4xx",
		"5xx" };
	struct arm_totals totals;

	route_stats_totals(cell->route->stats, cell->path_class, cell->arm, &totals);
	for (size_t i = 0; i < STATUS_CLASSES; i++)
		if (totals.status[i] > 0)
			sample_with(
			    out, &cell->labels, "", "code", codes[i], (double)totals.status[i]);
}

static void write_failures(struct prometheus *out, const struct cell_view *cell)
{
	struct arm_totals totals;

	route_stats_totals(cell->route->stats, cell->path_class, cell->arm, &totals);
	for (enum failure_kind kind = FAILURE_NONE + 1; kind < FAILURE_KINDS; kind++)
		sample_with(out, &cell->labels, "", "kind", outcome_failure_name(kind),
		    (double)totals.failures[kind]);
}

static void write_client_gone(struct prometheus *out, const struct cell_view *cell)
{
	struct arm_totals totals;

	route_stats_totals(cell->route->stats, cell->path_class, cell->arm, &totals);
	sample(out, &cell->labels, "", (double)totals.client_gone);
}

static void write_latency(
    struct prometheus *out, const struct cell_view *cell, enum latency_kind kind)
{
	struct histogram_sum sum;

	route_stats_latency(cell->route->stats, cell->path_class, cell->arm, kind, &sum);
	for (size_t i = 0; i < LADDER_STEPS; i++)
		sample_with(out, &cell->labels, "_bucket", "le", ladder[i].le,
		    (double)histogram_count_at_most(&sum, ladder[i].us));
	sample_with(out, &cell->labels, "_bucket", "le", "+Inf", (double)sum.count);
	sample(out, &cell->labels, "_sum", (double)sum.sum_us / 1e6);
	sample(out, &cell->labels, "_count", (double)sum.count);
}

static void write_first_byte(struct prometheus *out, const struct cell_view *cell)
{
	write_latency(out, cell, LATENCY_FIRST_BYTE);
}

static void write_total(struct prometheus *out, const struct cell_view *cell)
{
	write_latency(out, cell, LATENCY_TOTAL);
}

static void write_remaining(struct prometheus *out, const struct cell_view *cell)
{
	const struct route_budgets *budgets = cell->route->budgets;

	if (budgets != NULL)
		sample(out, &cell->labels, "",
		    budget_remaining(
			&budgets->budgets[cell->path_class][cell->arm], budgets->share));
}

static void write_burn_rate(struct prometheus *out, const struct cell_view *cell)
{
	const struct route_budgets *budgets = cell->route->budgets;

	if (budgets == NULL)
		return;
	for (enum series_window window = WINDOW_5_MIN; window < WINDOWS; window++)
		sample_with(out, &cell->labels, "", "window", series_window_name(window),
		    budget_burn_rate(&budgets->budgets[cell->path_class][cell->arm],
			budgets->share, window));
}

static void write_traffic(struct prometheus *out, const struct metrics_view *view)
{
	prometheus_family(out, "weir_requests_total", PROMETHEUS_COUNTER,
	    "Requests sent to an arm, by the class of the status it answered with.");
	each_cell(out, view, write_requests);
	prometheus_family(out, "weir_failures_total", PROMETHEUS_COUNTER,
	    "Requests that an arm failed, by kind of failure.");
	each_cell(out, view, write_failures);
	prometheus_family(out, "weir_client_gone_total", PROMETHEUS_COUNTER,
	    "Requests whose client went away first: neither failed nor served.");
	each_cell(out, view, write_client_gone);
	prometheus_family(out, "weir_first_byte_seconds", PROMETHEUS_HISTOGRAM,
	    "From the request's last byte forwarded to the response's first byte.");
	each_cell(out, view, write_first_byte);
	prometheus_family(out, "weir_request_duration_seconds", PROMETHEUS_HISTOGRAM,
	    "From the client's first byte to the response's last byte.");
	each_cell(out, view, write_total);
	prometheus_family(out, "weir_budget_remaining_ratio", PROMETHEUS_GAUGE,
	    "What is left of the error budget since the release began; below 0: overspent.");
	each_cell(out, view, write_remaining);
	prometheus_family(out, "weir_budget_burn_rate", PROMETHEUS_GAUGE,
	    "How many times faster than allowed the error budget is being spent.");
	each_cell(out, view, write_burn_rate);
}

typedef void write_route(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels);

static void each_rollout(
    struct prometheus *out, const struct metrics_view *view, write_route *write)
{
	for (size_t i = 0; i < view->n_routes; i++) {
		struct labels labels = { .n = 0 };

		if (!view->routes[i].has_canary)
			continue;
		labels_add(&labels, "route", view->routes[i].route);
		write(out, view, &view->routes[i], &labels);
	}
}

static void write_weight(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample_with(
	    out, labels, "", "release", route->release, (double)route->weight_ppm / PPM);
}

static void write_evidence(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->ln_e);
}

static void write_verdict(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	for (size_t i = 0; i < view->n_verdicts; i++)
		sample_with(out, labels, "", "verdict", view->verdicts[i],
		    strcmp(view->verdicts[i], route->verdict) == 0);
}

static void write_latched(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->latched);
}

static void write_parts(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	for (size_t i = 0; i < view->n_forms; i++)
		sample_with(out, labels, "", "form", view->forms[i], route->ln_parts[i]);
}

static void write_sample_ratio(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->sample_ratio_ln_e);
}

static void write_evidence_lost(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->evidence_lost);
}

static void write_state(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	struct labels with_release = *labels;

	(void)view;
	labels_add(&with_release, "release", route->release);
	sample_with(out, &with_release, "", "state", route->state, 1);
}

static void write_stage(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->stage);
}

static void write_waiting(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	if (route->waiting_for[0] != '\0')
		sample_with(out, labels, "", "what", route->waiting_for, 1);
}

static void write_hold_left(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	if (isfinite(route->hold_left_s))
		sample(out, labels, "", route->hold_left_s);
}

static void write_seen(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample_with(out, labels, "", "release", route->release, (double)route->failures_seen);
}

static void write_thresholds(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	for (unsigned i = 0; route->has_thresholds && i < LATENCY_THRESHOLDS; i++)
		sample_with(out, labels, "", "threshold", view->threshold_names[i],
		    (double)route->threshold_us[i] / 1e6);
}

static void write_withdrawn(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->withdrawn_paths);
}

static void write_clean_up(struct prometheus *out, const struct metrics_view *view,
    const struct metrics_route_view *route, const struct labels *labels)
{
	(void)view;
	sample(out, labels, "", route->clean_up_due);
}

static const struct {
	const char *name;
	enum prometheus_type type;
	write_route *write;
	const char *help;
} rollout_families[] = {
	{ "weir_state", PROMETHEUS_GAUGE, write_state,
	    "1; the state that the release is in is the label." },
	{ "weir_stage", PROMETHEUS_GAUGE, write_stage,
	    "The plan's present stage, from 1; 0 where the weight is none of a plan's." },
	{ "weir_waiting_for", PROMETHEUS_GAUGE, write_waiting,
	    "1; what the plan waits for is the label. Absent where it waits for nothing." },
	{ "weir_hold_left_seconds", PROMETHEUS_GAUGE, write_hold_left,
	    "What is left of the stage's time. Absent where there is nothing to advance to." },
	{ "weir_weight_ratio", PROMETHEUS_GAUGE, write_weight,
	    "The canary's share of users, 0 to 1." },
	{ "weir_evidence_log", PROMETHEUS_GAUGE, write_evidence,
	    "Natural logarithm of the evidence E that the canary is worse than legacy." },
	{ "weir_evidence_part_log", PROMETHEUS_GAUGE, write_parts,
	    "Natural logarithm of M, the evidence of one form, that E is made of." },
	{ "weir_sample_ratio_log", PROMETHEUS_GAUGE, write_sample_ratio,
	    "Natural logarithm of the evidence that users do not arrive as the weight says." },
	{ "weir_evidence_lost", PROMETHEUS_GAUGE, write_evidence_lost,
	    "1 where what was known before a restart could not be read, else 0." },
	{ "weir_verdict", PROMETHEUS_GAUGE, write_verdict,
	    "1 for the verdict in force, 0 for the others." },
	{ "weir_latched", PROMETHEUS_GAUGE, write_latched,
	    "1 while a rolled-back release is held at weight 0." },
	{ "weir_withdrawn_paths", PROMETHEUS_GAUGE, write_withdrawn,
	    "Path classes that went back to legacy by themselves." },
	{ "weir_latency_threshold_seconds", PROMETHEUS_GAUGE, write_thresholds,
	    "Legacy's quantiles as frozen for the stage. Absent until there are any." },
	{ "weir_canary_failures_seen_total", PROMETHEUS_COUNTER, write_seen,
	    "Failures of the canary that users saw, since the release began." },
	{ "weir_clean_up_due", PROMETHEUS_GAUGE, write_clean_up,
	    "1 where the release sits at 100% past its expiry, else 0." },
};

static void write_rollouts(struct prometheus *out, const struct metrics_view *view)
{
	for (size_t i = 0; i < sizeof(rollout_families) / sizeof(rollout_families[0]); i++) {
		prometheus_family(out, rollout_families[i].name, rollout_families[i].type,
		    rollout_families[i].help);
		each_rollout(out, view, rollout_families[i].write);
	}
}

void metrics_write(struct prometheus *out, const struct metrics_view *view)
{
	struct labels labels = { .n = 0 };

	prometheus_family(
	    out, "weir_build_info", PROMETHEUS_GAUGE, "1; the version is the label.");
	sample_with(out, &labels, "", "version", view->version, 1);
	write_traffic(out, view);
	write_rollouts(out, view);
}

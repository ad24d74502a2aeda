#include "metrics/exposition.h"

#include "conf/config.h"

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

static void write_rollouts(struct prometheus *out, const struct metrics_view *view)
{
	prometheus_family(
	    out, "weir_weight_ratio", PROMETHEUS_GAUGE, "The canary's share of users, 0 to 1.");
	each_rollout(out, view, write_weight);
	prometheus_family(out, "weir_evidence_log", PROMETHEUS_GAUGE,
	    "Natural logarithm of the evidence E that the canary is worse than legacy.");
	each_rollout(out, view, write_evidence);
	prometheus_family(out, "weir_verdict", PROMETHEUS_GAUGE,
	    "1 for the verdict in force, 0 for the others.");
	each_rollout(out, view, write_verdict);
	prometheus_family(out, "weir_latched", PROMETHEUS_GAUGE,
	    "1 while a rolled-back release is held at weight 0.");
	each_rollout(out, view, write_latched);
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

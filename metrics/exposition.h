/*
 * The metrics of weir as Prometheus reads them. Their names and labels are a public
 * interface.
 *
 * Thread  the control thread; the stats may be recorded to meanwhile.
 */
#ifndef METRICS_EXPOSITION_H
#define METRICS_EXPOSITION_H

#include "metrics/budget.h"
#include "metrics/prometheus.h"
#include "metrics/route_stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics_route_view {
	const char *route;
	const char *release; /* "" where there is none */
	const struct route_stats *stats;
	const struct route_budgets *budgets;
	const char *path_classes[PATH_CLASSES]; /* the label; NULL: the slot's number */
	bool has_canary;                        /* else no weight, evidence, verdict or latch */
	uint32_t weight_ppm;
	double ln_e;
	const char *verdict; /* one of the view's verdicts */
	bool latched;
};

struct metrics_view {
	const char *version;
	const char *const *verdicts; /* every name there is */
	size_t n_verdicts;
	const struct metrics_route_view *routes;
	size_t n_routes;
};

/* Writes every family; prometheus_ok() says whether it fitted. */
void metrics_write(struct prometheus *out, const struct metrics_view *view);

#endif

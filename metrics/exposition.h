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

enum {
	METRICS_STATE_SIZE = 24
};

struct metrics_route_view {
	const char *route;
	const char *release; /* "" where there is none */
	const struct route_stats *stats;
	const struct route_budgets *budgets;
	const char *path_classes[PATH_CLASSES]; /* the label; NULL: the slot's number */
	bool has_canary;                        /* else what follows is not shown */
	uint32_t weight_ppm;
	double ln_e;
	const double *ln_parts; /* ln M of each of the view's forms of evidence */
	double sample_ratio_ln_e;
	const char *verdict; /* one of the view's verdicts */
	bool latched;
	bool evidence_lost;
	char state[METRICS_STATE_SIZE];
	uint32_t stage;          /* from 1; 0: none of a plan's */
	const char *waiting_for; /* ""; or what the plan waits for */
	double hold_left_s;      /* INFINITY: there is nothing to advance to */
	uint64_t failures_seen;  /* the canary's since the release began, by users */
	bool has_thresholds;     /* of latency; in force */
	uint32_t threshold_us[LATENCY_THRESHOLDS];
	unsigned withdrawn_paths;
	bool clean_up_due;
};

struct metrics_view {
	const char *version;
	const char *const *verdicts; /* every name there is */
	size_t n_verdicts;
	const char *const *forms; /* of evidence, likewise */
	size_t n_forms;
	const char *threshold_names[LATENCY_THRESHOLDS];
	const struct metrics_route_view *routes;
	size_t n_routes;
};

/* Writes every family; prometheus_ok() says whether it fitted. */
void metrics_write(struct prometheus *out, const struct metrics_view *view);

#endif

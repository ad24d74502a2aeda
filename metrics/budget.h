/*
 * The error budget of a path class on an arm: what is left of it since the release
 * began, and how fast it burns.
 *
 * A burn rate of 1 spends exactly the budget; 14.4 spends thirty days' worth in two.
 *
 * Thread  the control thread's.
 * Time    monotonic microseconds, given as now_us.
 */
#ifndef METRICS_BUDGET_H
#define METRICS_BUDGET_H

#include "metrics/route_stats.h"
#include "metrics/series.h"

#include <stdint.h>

struct budget {
	uint64_t n; /* since the release began */
	uint64_t bad;
	struct series series;
	/* The counters as last seen: they only grow. */
	uint64_t seen_n;
	uint64_t seen_bad;
};

/* Counts from here on; what the counters hold now is not the release's. */
void budget_begin(struct budget *budget, uint64_t total_n, uint64_t total_bad);
void budget_observe(struct budget *budget, const struct series_decay *decay, uint64_t total_n,
    uint64_t total_bad);

/* What it had spent in an earlier life of the process comes on top. */
void budget_restore(struct budget *budget, uint64_t n, uint64_t bad);

/* 1: untouched; 0: spent; below 0: overspent. share is 0..1. */
double budget_remaining(const struct budget *budget, double share);
double budget_burn_rate(const struct budget *budget, double share, enum series_window window);

/* The budgets of a whole route: each path class, and all together. */
struct route_budgets {
	double share; /* of requests that may fail, 0..1 */
	uint64_t last_us;
	struct budget budgets[PATH_CLASSES + 1][ARMS]; /* [PATH_CLASS_ALL]: the route */
};

/* At the start of a release. */
void route_budgets_begin(struct route_budgets *budgets, uint32_t share_ppm,
    const struct route_stats *stats, uint64_t now_us);
/* Every second or so; the windows do not mind how often. */
void route_budgets_tick(
    struct route_budgets *budgets, const struct route_stats *stats, uint64_t now_us);

#endif

/*
 * What recorded ticks are judged by: the parameters of a policy, as a person varies
 * them with `weir judge --set alpha=0.001,hold=10m`.
 */
#ifndef ROLLOUT_JUDGE_SETTINGS_H
#define ROLLOUT_JUDGE_SETTINGS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct judge_settings {
	double alpha;
	double budget; /* share of requests that may fail, 0..1 */
	double hold_s;
	double min_requests;
	double p_max;          /* 0: nothing to be shown before advancing */
	double latency_budget; /* share of requests that may be slow, 0..1; 0: none */
	uint32_t set;          /* which were set: a bit for each */
};

/* alpha=0.01,budget=0.1%,hold=60s,min_requests=50,p_max=5% and no latency budget. */
void judge_settings_init(struct judge_settings *settings);

/*
 * Sets "NAME=VALUE,...". False where a name is unknown or set twice, or its value makes
 * no sense: err says so.
 */
__attribute__((warn_unused_result)) bool judge_settings_set(
    struct judge_settings *settings, const char *text, struct error *err);

#endif

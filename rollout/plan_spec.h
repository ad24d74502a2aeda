/*
 * What the configuration asks of a release, in the plan's terms: its ladder of stages
 * and the rules around it, or a weight set by hand.
 *
 * Ownership  a plain struct. The stages' webhooks belong to the configuration it was
 *            made from.
 */
#ifndef ROLLOUT_PLAN_SPEC_H
#define ROLLOUT_PLAN_SPEC_H

#include "conf/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_spec {
	bool staged; /* else fixed_ppm is all there is */
	uint32_t fixed_ppm;
	struct stage_conf stages[STAGES_MAX]; /* weights: legacy's hold_back taken off */
	size_t n_stages;
	uint32_t bake_ms;
	bool start_manual;
	struct schedule only;
	uint32_t max_duration_ms;
	uint32_t require_drill_ms;
	struct expiry expires;
	uint32_t drain_for_ms; /* 0: evict */
	bool withdraws_paths;  /* rollback_scope = path */
	uint32_t rollback_steps;
	uint32_t rollback_step_ms;
};

/* The route's settings in the plan's terms. */
struct plan_spec plan_spec_of(const struct route_conf *route);

/*
 * Where a weight belongs on the ladder: its own stage (`stage` before others of that
 * weight), else the highest below it, so that it is not raised unasked; else the first.
 */
uint32_t plan_spec_stage_for(const struct plan_spec *spec, uint32_t stage, uint32_t weight_ppm);

#endif

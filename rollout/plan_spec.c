#include "rollout/plan_spec.h"

#include <string.h>

/* Legacy keeps its share at every stage but the last. */
static void hold_back(struct plan_spec *spec, uint32_t hold_back_ppm)
{
	uint32_t highest = hold_back_ppm < PPM ? PPM - hold_back_ppm : 0;

	for (size_t i = 0; i + 1 < spec->n_stages; i++)
		if (spec->stages[i].weight_ppm > highest)
			spec->stages[i].weight_ppm = highest;
}

struct plan_spec plan_spec_of(const struct route_conf *route)
{
	struct plan_spec spec = { .fixed_ppm = route->canary != NULL ? route->weight_ppm : 0 };
	const struct rollout_conf *rollout = route->rollout;

	if (route->canary == NULL || rollout == NULL || rollout->n_stages == 0)
		return spec;
	spec.staged = true;
	spec.n_stages = rollout->n_stages;
	memcpy(spec.stages, rollout->stages, sizeof(spec.stages));
	hold_back(&spec, rollout->hold_back_ppm);
	spec.bake_ms = rollout->bake_ms;
	spec.start_manual = rollout->start_manual;
	spec.only = rollout->only;
	spec.max_duration_ms = rollout->max_duration_ms;
	spec.require_drill_ms = rollout->require_drill_ms;
	spec.expires = rollout->expires;
	if (rollout->on_rollback == ROLLBACK_DRAIN)
		spec.drain_for_ms = rollout->drain_for_ms;
	spec.withdraws_paths = rollout->rollback_scope == ROLLBACK_PATH;
	spec.rollback_steps = rollout->rollback_steps;
	spec.rollback_step_ms = rollout->rollback_step_ms;
	return spec;
}

uint32_t plan_spec_stage_for(const struct plan_spec *spec, uint32_t stage, uint32_t weight_ppm)
{
	uint32_t below = 0;

	if (stage < spec->n_stages && spec->stages[stage].weight_ppm == weight_ppm)
		return stage;
	for (uint32_t i = 0; i < spec->n_stages; i++) {
		if (spec->stages[i].weight_ppm == weight_ppm)
			return i;
		if (spec->stages[i].weight_ppm < weight_ppm)
			below = i;
	}
	return below;
}

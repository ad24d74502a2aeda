#include "rollout/plan_rollback.h"

#include "rollout/plan_stage.h"

/* In `steps` steps: 1/2 and 0, or 2/3, 1/3 and 0 of the weight before. */
static uint32_t weight_after(const struct plan *plan)
{
	uint32_t left = plan->rollback_steps - plan->rollback_step;

	return (uint32_t)((uint64_t)plan->rollback_from_ppm * left / plan->rollback_steps);
}

static void step_down(struct plan *next)
{
	next->rollback_step++;
	next->weight_ppm = weight_after(next);
	next->rollback_due_us += (uint64_t)next->spec.rollback_step_ms * 1000;
	if (next->rollback_step < next->rollback_steps)
		return;
	next->state = PLAN_ROLLED_BACK;
	next->stage = 0;
	next->weight_ppm = 0;
}

void plan_roll_back(struct plan *next)
{
	next->state = PLAN_ROLLING_BACK;
	next->hold = VERDICT_CONTINUE;
	next->ready = false;
	next->by_hand = false;
	next->promoted = false;
	plan_close_gate(next);
	if (next->spec.drain_for_ms > 0) {
		next->drain_ppm = next->weight_ppm;
		next->drain_until_us = next->age_us + (uint64_t)next->spec.drain_for_ms * 1000;
	}
	next->rollback_from_ppm = next->weight_ppm;
	/* Of nothing there is nothing to shed slowly. */
	next->rollback_steps = next->spec.rollback_steps > 1 && next->weight_ppm > 0
				   ? next->spec.rollback_steps
				   : 1;
	next->rollback_step = 0;
	next->rollback_due_us = next->age_us;
	step_down(next);
}

void plan_roll_back_at_once(struct plan *next)
{
	if (!plan_is_latched(next))
		plan_roll_back(next);
	if (next->state == PLAN_ROLLING_BACK) {
		next->rollback_step = next->rollback_steps - 1;
		step_down(next);
	}
	next->drain_ppm = 0;
}

void plan_go_on_rolling_back(struct plan *next)
{
	while (next->state == PLAN_ROLLING_BACK && next->age_us >= next->rollback_due_us)
		step_down(next);
	if (next->drain_ppm > 0 && next->age_us >= next->drain_until_us)
		next->drain_ppm = 0;
}

#include "rollout/plan_stage.h"

bool plan_in_window(const struct plan *plan, const struct release_clock *clock)
{
	return schedule_contains(&plan->spec.only, clock->weekday, clock->minute);
}

/* A drill from the future is one whose clock is not to be trusted. */
static bool drill_is_recent(const struct plan *plan, int64_t wall_s)
{
	int64_t age_s = wall_s - plan->drill_wall_s;

	return plan->drill_wall_s > 0 && age_s >= 0 &&
	       age_s <= (int64_t)plan->spec.require_drill_ms / 1000;
}

enum plan_obstacle plan_obstacle(const struct plan *plan, const struct release_clock *clock)
{
	const struct plan_spec *spec = &plan->spec;

	if (spec->require_drill_ms > 0 && !drill_is_recent(plan, clock->wall_s))
		return OBSTACLE_DRILL;
	if (spec->start_manual && !plan->promoted)
		return OBSTACLE_PERSON;
	return plan_in_window(plan, clock) ? OBSTACLE_NONE : OBSTACLE_WINDOW;
}

enum stage_gate plan_gate_ahead(const struct plan *plan)
{
	return plan_progress(plan) == PLAN_RUNNING && !plan->by_hand
		   ? plan->spec.stages[plan->stage].gate
		   : GATE_NONE;
}

void plan_close_gate(struct plan *next)
{
	next->gate = PLAN_GATE_CLOSED;
	next->gate_denied = false;
	next->gate_words[0] = '\0';
}

/* What every new stage, bake or weight begins with. */
static void enter(struct plan *next, enum plan_state state)
{
	next->state = state;
	next->entered++;
	next->by_hand = false;
	next->ready = false;
	next->hold = VERDICT_CONTINUE;
	plan_close_gate(next);
}

void plan_begin_fixed(struct plan *next)
{
	enter(next, PLAN_FIXED);
	next->stage = 0;
	next->weight_ppm = next->spec.fixed_ppm;
	next->methods = 0;
}

static void after_last_stage(struct plan *next)
{
	enter(next, next->spec.bake_ms > 0 ? PLAN_BAKING : PLAN_DONE);
}

void plan_begin_stage(struct plan *next, uint32_t stage)
{
	const struct stage_conf *conf = &next->spec.stages[stage];

	enter(next, PLAN_RUNNING);
	next->stage = stage;
	next->weight_ppm = conf->weight_ppm;
	next->methods = conf->methods;
	/* A last stage without a time of its own is over once it is reached. */
	if (stage + 1 == next->spec.n_stages && conf->hold_ms == 0)
		after_last_stage(next);
}

static void stay_paused(struct plan *next, bool paused)
{
	if (!paused || next->state == PLAN_DONE)
		return;
	next->resumes_to = next->state;
	next->state = PLAN_PAUSED;
	if (next->pause == PAUSE_BY_HAND)
		next->pause = PAUSE_BY_PERSON;
}

void plan_begin_stage_paused(struct plan *next, uint32_t stage)
{
	bool paused = next->state == PLAN_PAUSED;

	plan_begin_stage(next, stage);
	stay_paused(next, paused);
}

void plan_stay_by_hand(struct plan *next, uint32_t weight_ppm)
{
	if (next->spec.staged) {
		plan_begin_stage(
		    next, plan_spec_stage_for(&next->spec, next->stage, weight_ppm));
		next->state = PLAN_PAUSED;
		next->pause = PAUSE_BY_HAND;
		next->resumes_to = PLAN_RUNNING;
	} else {
		plan_begin_fixed(next);
	}
	next->weight_ppm = weight_ppm;
	next->by_hand = true;
}

void plan_advance(struct plan *next)
{
	bool paused = next->state == PLAN_PAUSED;

	if (plan_progress(next) == PLAN_BAKING) {
		next->state = PLAN_DONE;
		next->hold = VERDICT_CONTINUE;
		next->ready = false;
	} else if (next->stage + 1 < next->spec.n_stages) {
		plan_begin_stage(next, next->stage + 1);
	} else {
		after_last_stage(next);
	}
	stay_paused(next, paused);
}

void plan_begin(struct plan *next, const struct release_clock *clock)
{
	next->drain_ppm = 0;
	next->under_way_us = 0;
	if (!next->spec.staged) {
		plan_begin_fixed(next);
	} else if (plan_obstacle(next, clock) == OBSTACLE_NONE) {
		plan_begin_stage(next, 0);
	} else {
		enter(next, PLAN_WAITING);
		next->stage = 0;
		next->weight_ppm = 0;
		next->methods = 0;
	}
}

static void ask(struct plan *next)
{
	next->gate = PLAN_GATE_ASKED;
	next->gate_us = next->age_us;
	next->gate_ask++;
}

void plan_pass_gate(struct plan *next)
{
	uint64_t waited_us = next->age_us - next->gate_us;

	switch (plan_gate_ahead(next)) {
	case GATE_NONE: plan_advance(next); return;
	case GATE_MANUAL: next->gate = PLAN_GATE_WAITS; return;
	case GATE_WEBHOOK: break;
	}
	switch (next->gate) {
	case PLAN_GATE_OPEN: plan_advance(next); return;
	case PLAN_GATE_ASKED:
		if (waited_us >= PLAN_GATE_LOST_US)
			ask(next);
		return;
	case PLAN_GATE_DENIED:
		if (waited_us >= PLAN_GATE_AGAIN_US)
			ask(next);
		return;
	default: ask(next);
	}
}

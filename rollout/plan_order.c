#include "rollout/plan_order.h"

#include "rollout/plan_rollback.h"
#include "rollout/plan_stage.h"

static double percent(uint32_t ppm)
{
	return ppm / 10000.0;
}

static const char out_of_window[] =
    "nothing advances now: it is outside the plan's 'only' (a rollback is always possible, "
    "and `weir set-weight` moves the weight by hand)";

static void ask_for_drill(const struct plan *plan, struct error *err)
{
	error_set(err,
	    "the plan requires a drill that passed within %.4g h before the release begins: "
	    "run `weir drill` first",
	    plan->spec.require_drill_ms / 3.6e6);
}

/* What else was ordered of a release that waits: it has to begin first. */
static enum plan_answer not_begun(
    const struct plan *next, const struct release_clock *clock, struct error *err)
{
	if (next->state == PLAN_WAITING && plan_obstacle(next, clock) == OBSTACLE_DRILL)
		ask_for_drill(next, err);
	else
		error_set(err, "the release has not begun: `weir promote` begins it");
	return PLAN_REFUSED;
}

/* To begin, a person can do no more than waive start = manual. */
static enum plan_answer promote_waiting(
    struct plan *next, const struct release_clock *clock, struct error *err)
{
	next->promoted = true;
	switch (plan_obstacle(next, clock)) {
	case OBSTACLE_DRILL: ask_for_drill(next, err); return PLAN_REFUSED;
	case OBSTACLE_WINDOW: error_set(err, "%s", out_of_window); return PLAN_REFUSED;
	default: plan_begin_stage(next, 0); return PLAN_CHANGED;
	}
}

/* From a weight between the stages: to the lowest that is higher. */
static enum plan_answer promote_by_hand(struct plan *next, struct error *err)
{
	for (uint32_t i = 0; i < next->spec.n_stages; i++) {
		if (next->spec.stages[i].weight_ppm > next->weight_ppm) {
			plan_begin_stage_paused(next, i);
			return PLAN_CHANGED;
		}
	}
	error_set(err, "nothing to promote: no stage of the plan is above %g%%; resume it",
	    percent(next->weight_ppm));
	return PLAN_REFUSED;
}

static enum plan_answer on_promote(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	switch (next->state) {
	case PLAN_WAITING: return promote_waiting(next, &event->clock, err);
	case PLAN_RUNNING:
	case PLAN_BAKING:
	case PLAN_PAUSED:
		if (!plan_in_window(next, &event->clock)) {
			error_set(err, "%s", out_of_window);
			return PLAN_REFUSED;
		}
		if (next->by_hand)
			return promote_by_hand(next, err);
		plan_advance(next);
		return PLAN_CHANGED;
	case PLAN_DONE: error_set(err, "nothing to promote: the rollout is complete"); break;
	case PLAN_ROLLING_BACK:
		error_set(err, "the release is being rolled back: it can only go down");
		break;
	case PLAN_ROLLED_BACK:
		error_set(err, "the release is rolled back: resume it first, or set a new "
			       "release id");
		break;
	default:
		error_set(err,
		    "the weight is fixed by hand at %g%%: there is no next stage; use `weir "
		    "set-weight`, or give the route a 'rollout'",
		    percent(next->weight_ppm));
	}
	return PLAN_REFUSED;
}

/* A second order cuts short what the first left undone: steps, and a drain. */
static enum plan_answer on_roll_back(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	if (next->state == PLAN_ROLLED_BACK && next->drain_ppm == 0) {
		error_set(err, "the release is rolled back already");
		return PLAN_REFUSED;
	}
	if (plan_is_latched(next) || event->at_once)
		plan_roll_back_at_once(next);
	else
		plan_roll_back(next);
	return PLAN_CHANGED;
}

static enum plan_answer on_pause(struct plan *next, struct error *err)
{
	switch (next->state) {
	case PLAN_RUNNING:
	case PLAN_BAKING:
		next->resumes_to = next->state;
		next->state = PLAN_PAUSED;
		next->pause = PAUSE_BY_PERSON;
		return PLAN_CHANGED;
	case PLAN_WAITING:
		error_set(err, "nothing to pause: the release has not begun; `weir rollback` "
			       "keeps it from beginning");
		break;
	case PLAN_PAUSED: error_set(err, "the rollout is paused already"); break;
	case PLAN_DONE: error_set(err, "nothing to pause: the rollout is complete"); break;
	case PLAN_ROLLING_BACK:
		error_set(err, "the release is being rolled back: that cannot be paused");
		break;
	case PLAN_ROLLED_BACK:
		error_set(err, "nothing to pause: the release is rolled back");
		break;
	default: error_set(err, "nothing to pause: the weight is fixed by hand");
	}
	return PLAN_REFUSED;
}

/* From a weight set by hand, to the stage that fits it. */
static enum plan_answer resume_by_hand(
    struct plan *next, const struct release_clock *clock, struct error *err)
{
	uint32_t stage = next->stage;

	if (next->spec.stages[stage].weight_ppm > next->weight_ppm &&
	    !plan_in_window(next, clock)) {
		error_set(err, "%s", out_of_window);
		return PLAN_REFUSED;
	}
	plan_begin_stage(next, stage);
	return PLAN_CHANGED;
}

static enum plan_answer on_resume(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	switch (next->state) {
	case PLAN_PAUSED:
		if (next->pause == PAUSE_OVERDUE)
			next->under_way_us = 0;
		if (next->by_hand)
			return resume_by_hand(next, &event->clock, err);
		next->state = next->resumes_to;
		return PLAN_CHANGED;
	case PLAN_ROLLED_BACK:
		next->promoted = true;
		next->withdrawn = 0;
		plan_begin(next, &event->clock);
		return PLAN_CHANGED;
	case PLAN_ROLLING_BACK:
		error_set(err, "the release is being rolled back: resume it once it is at 0");
		return PLAN_REFUSED;
	case PLAN_WAITING: return not_begun(next, &event->clock, err);
	default:
		if (next->withdrawn != 0) {
			next->withdrawn = 0;
			return PLAN_CHANGED;
		}
		error_set(
		    err, "nothing to resume: the release is neither paused nor rolled back");
		return PLAN_REFUSED;
	}
}

/* A plan is paused there, at the stage that fits; the fixed weight is simply another. */
static enum plan_answer on_set_weight(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	uint32_t weight_ppm = event->weight_ppm;

	if (weight_ppm > PPM) {
		error_set(err, "a weight is at most 100%%");
		return PLAN_REFUSED;
	}
	switch (next->state) {
	case PLAN_NONE:
	case PLAN_WAITING: return not_begun(next, &event->clock, err);
	case PLAN_ROLLING_BACK:
	case PLAN_ROLLED_BACK:
		error_set(err, "the release is rolled back: resume it first, or set a new "
			       "release id");
		return PLAN_REFUSED;
	default: break;
	}
	/* Elsewhere the same weight is news: the plan is to stay there. */
	if (weight_ppm == next->weight_ppm &&
	    (next->state == PLAN_FIXED || next->state == PLAN_DONE || next->by_hand)) {
		error_set(err, "the weight is %g%% already", percent(weight_ppm));
		return PLAN_REFUSED;
	}
	plan_stay_by_hand(next, weight_ppm);
	return PLAN_CHANGED;
}

enum plan_answer plan_order(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	switch (event->kind) {
	case PLAN_EVENT_PROMOTE: return on_promote(next, event, err);
	case PLAN_EVENT_ROLL_BACK: return on_roll_back(next, event, err);
	case PLAN_EVENT_PAUSE: return on_pause(next, err);
	case PLAN_EVENT_RESUME: return on_resume(next, event, err);
	default: return on_set_weight(next, event, err);
	}
}

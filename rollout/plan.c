#include "rollout/plan.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[PLAN_STATES] = {
	[PLAN_NONE] = "NONE",
	[PLAN_FIXED] = "FIXED",
	[PLAN_RUNNING] = "RUNNING",
	[PLAN_PAUSED] = "PAUSED",
	[PLAN_BAKING] = "BAKING",
	[PLAN_DONE] = "DONE",
	[PLAN_ROLLED_BACK] = "ROLLED_BACK",
};

static const char *const event_names[PLAN_EVENTS] = {
	[PLAN_EVENT_START] = "start",
	[PLAN_EVENT_VERDICT] = "verdict",
	[PLAN_EVENT_PROMOTE] = "promote",
	[PLAN_EVENT_ROLL_BACK] = "rollback",
	[PLAN_EVENT_PAUSE] = "pause",
	[PLAN_EVENT_RESUME] = "resume",
	[PLAN_EVENT_RELOAD] = "reload",
};

#define TO(state) (1U << (state))

/* The diagram in plan.h, as which states may follow which. */
static const unsigned followers[PLAN_STATES] = {
	[PLAN_NONE] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_BAKING) | TO(PLAN_DONE),
	[PLAN_FIXED] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_BAKING) | TO(PLAN_DONE) |
		       TO(PLAN_ROLLED_BACK),
	[PLAN_RUNNING] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_PAUSED) | TO(PLAN_BAKING) |
			 TO(PLAN_DONE) | TO(PLAN_ROLLED_BACK),
	[PLAN_PAUSED] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_PAUSED) | TO(PLAN_BAKING) |
			TO(PLAN_DONE) | TO(PLAN_ROLLED_BACK),
	[PLAN_BAKING] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_PAUSED) | TO(PLAN_BAKING) |
			TO(PLAN_DONE) | TO(PLAN_ROLLED_BACK),
	[PLAN_DONE] = TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_BAKING) | TO(PLAN_DONE) |
		      TO(PLAN_ROLLED_BACK),
	[PLAN_ROLLED_BACK] = TO(PLAN_ROLLED_BACK) | TO(PLAN_FIXED) | TO(PLAN_RUNNING) |
			     TO(PLAN_BAKING) | TO(PLAN_DONE),
};

const char *plan_state_name(enum plan_state state)
{
	return (unsigned)state < PLAN_STATES ? state_names[state] : "unknown";
}

const char *plan_event_name(enum plan_event_kind kind)
{
	return (unsigned)kind < PLAN_EVENTS ? event_names[kind] : "unknown";
}

struct plan_spec plan_spec_of(const struct route_conf *route)
{
	struct plan_spec spec = { .fixed_ppm = route->canary != NULL ? route->weight_ppm : 0 };

	if (route->canary == NULL || route->rollout == NULL || route->rollout->n_stages == 0)
		return spec;
	spec.staged = true;
	spec.n_stages = route->rollout->n_stages;
	memcpy(spec.stages, route->rollout->stages, sizeof(spec.stages));
	spec.bake_ms = route->rollout->bake_ms;
	return spec;
}

bool plan_is_latched(const struct plan *plan)
{
	return plan->state == PLAN_ROLLED_BACK;
}

/* Where the plan would be were it not paused. */
static enum plan_state progress(const struct plan *plan)
{
	return plan->state == PLAN_PAUSED ? plan->resumes_to : plan->state;
}

double plan_hold_s(const struct plan *plan)
{
	switch (progress(plan)) {
	case PLAN_RUNNING: return plan->spec.stages[plan->stage].hold_ms / 1000.0;
	case PLAN_BAKING: return plan->spec.bake_ms / 1000.0;
	default: return INFINITY;
	}
}

static void release_hold(struct plan *next)
{
	next->hold = VERDICT_CONTINUE;
}

static void begin_fixed(struct plan *next)
{
	next->state = PLAN_FIXED;
	next->stage = 0;
	next->weight_ppm = next->spec.fixed_ppm;
	next->entered++;
	release_hold(next);
}

static void after_last_stage(struct plan *next)
{
	next->state = next->spec.bake_ms > 0 ? PLAN_BAKING : PLAN_DONE;
	next->entered++;
	release_hold(next);
}

static void begin_stage(struct plan *next, uint32_t stage)
{
	next->state = PLAN_RUNNING;
	next->stage = stage;
	next->weight_ppm = next->spec.stages[stage].weight_ppm;
	next->entered++;
	release_hold(next);
	/* A last stage without a time of its own is over once it is reached. */
	if (stage + 1 == next->spec.n_stages && next->spec.stages[stage].hold_ms == 0)
		after_last_stage(next);
}

static void begin(struct plan *next)
{
	if (next->spec.staged)
		begin_stage(next, 0);
	else
		begin_fixed(next);
}

/* On from a stage or a bake, paused or not. */
static void advance(struct plan *next)
{
	bool paused = next->state == PLAN_PAUSED;

	if (progress(next) == PLAN_BAKING) {
		next->state = PLAN_DONE;
		release_hold(next);
	} else if (next->stage + 1 < next->spec.n_stages) {
		begin_stage(next, next->stage + 1);
	} else {
		after_last_stage(next);
	}
	if (paused && next->state != PLAN_DONE) {
		next->resumes_to = next->state;
		next->state = PLAN_PAUSED;
	}
}

static void roll_back(struct plan *next)
{
	next->state = PLAN_ROLLED_BACK;
	next->stage = 0;
	next->weight_ppm = 0;
	release_hold(next);
}

/* A hold begins at once, and ends (or becomes the other) once it has not been seen for a while.
 */
static void follow_hold(struct plan *next, enum verdict_action action, uint64_t now_us)
{
	bool holds = action == VERDICT_HOLD_SUSPECT || action == VERDICT_HOLD_SHARED;

	if (next->hold != VERDICT_CONTINUE && action != next->hold &&
	    now_us - next->held_us < PLAN_HOLD_LINGER_US)
		return;
	next->hold = holds ? action : VERDICT_CONTINUE;
	if (holds)
		next->held_us = now_us;
}

static enum plan_answer on_verdict(struct plan *next, const struct plan_event *event)
{
	enum verdict_action action = event->verdict->action;
	bool was_held = next->hold != VERDICT_CONTINUE;

	if (next->state == PLAN_NONE || next->state == PLAN_ROLLED_BACK ||
	    (next->state == PLAN_DONE && next->weight_ppm == PPM))
		return PLAN_UNCHANGED;
	if (action == VERDICT_ROLL_BACK) {
		roll_back(next);
		return PLAN_CHANGED;
	}
	follow_hold(next, action, event->now_us);
	/* The end of a hold is a decision of its own; the next tick may advance. */
	if (action == VERDICT_ADVANCE && !was_held &&
	    (next->state == PLAN_RUNNING || next->state == PLAN_BAKING))
		advance(next);
	return PLAN_CHANGED;
}

static enum plan_answer on_promote(struct plan *next, struct error *err)
{
	switch (next->state) {
	case PLAN_RUNNING:
	case PLAN_BAKING:
	case PLAN_PAUSED: advance(next); return PLAN_CHANGED;
	case PLAN_DONE: error_set(err, "nothing to promote: the rollout is complete"); break;
	case PLAN_ROLLED_BACK:
		error_set(err, "the release is rolled back: resume it first, or set a new "
			       "release id");
		break;
	default:
		error_set(err,
		    "the weight is fixed by hand at %g%%: there is no next stage; change "
		    "'weight' and reload, or give the route a 'rollout'",
		    next->weight_ppm / 10000.0);
	}
	return PLAN_REFUSED;
}

static enum plan_answer on_roll_back(struct plan *next, struct error *err)
{
	if (next->state == PLAN_ROLLED_BACK) {
		error_set(err, "the release is rolled back already");
		return PLAN_REFUSED;
	}
	roll_back(next);
	return PLAN_CHANGED;
}

static enum plan_answer on_pause(struct plan *next, struct error *err)
{
	switch (next->state) {
	case PLAN_RUNNING:
	case PLAN_BAKING:
		next->resumes_to = next->state;
		next->state = PLAN_PAUSED;
		return PLAN_CHANGED;
	case PLAN_PAUSED: error_set(err, "the rollout is paused already"); break;
	case PLAN_DONE: error_set(err, "nothing to pause: the rollout is complete"); break;
	case PLAN_ROLLED_BACK:
		error_set(err, "nothing to pause: the release is rolled back");
		break;
	default: error_set(err, "nothing to pause: the weight is fixed by hand");
	}
	return PLAN_REFUSED;
}

static enum plan_answer on_resume(struct plan *next, struct error *err)
{
	switch (next->state) {
	case PLAN_PAUSED: next->state = next->resumes_to; return PLAN_CHANGED;
	case PLAN_ROLLED_BACK: begin(next); return PLAN_CHANGED;
	default:
		error_set(
		    err, "nothing to resume: the release is neither paused nor rolled back");
		return PLAN_REFUSED;
	}
}

/*
 * Where a weight belongs on a ladder: its own stage, else the highest below it, so
 * that an edited plan does not raise it unasked; else the first.
 */
static uint32_t stage_for(const struct plan_spec *spec, uint32_t stage, uint32_t weight_ppm)
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

/* Whether the plan can stay in the state it is in, at that stage of its new ladder. */
static bool stays(const struct plan *next, uint32_t stage)
{
	const struct stage_conf *conf = &next->spec.stages[stage];
	bool last = stage + 1 == next->spec.n_stages;

	if (conf->weight_ppm != next->weight_ppm)
		return false;
	switch (progress(next)) {
	case PLAN_RUNNING: return !last || conf->hold_ms > 0;
	case PLAN_BAKING: return last && next->spec.bake_ms > 0;
	case PLAN_DONE: return last;
	default: return false;
	}
}

static enum plan_answer on_reload(struct plan *next, const struct plan_spec *spec)
{
	bool paused = next->state == PLAN_PAUSED;
	uint32_t stage;

	next->spec = *spec;
	if (next->state == PLAN_ROLLED_BACK)
		return PLAN_CHANGED;
	if (!spec->staged) {
		if (next->state != PLAN_FIXED || next->weight_ppm != spec->fixed_ppm)
			begin_fixed(next);
		return PLAN_CHANGED;
	}
	stage = stage_for(spec, next->stage, next->weight_ppm);
	if (stays(next, stage)) {
		next->stage = stage;
		return PLAN_CHANGED;
	}
	begin_stage(next, stage);
	if (paused && next->state != PLAN_DONE) {
		next->resumes_to = next->state;
		next->state = PLAN_PAUSED;
	}
	return PLAN_CHANGED;
}

static void explain(const struct plan *next, const struct plan *plan,
    const struct plan_event *event, struct transition *transition)
{
	const char *why = event->why != NULL ? event->why : "";
	char text[VERDICT_TEXT_SIZE];

	snprintf(transition->who, sizeof(transition->who), "%s",
	    event->who != NULL ? event->who : "guard");
	if (event->kind != PLAN_EVENT_VERDICT) {
		snprintf(transition->why, sizeof(transition->why), "%s", why);
		return;
	}
	verdict_reason_text(event->verdict, text, sizeof(text));
	if (plan->hold != VERDICT_CONTINUE && next->hold == VERDICT_CONTINUE &&
	    next->state == plan->state)
		snprintf(transition->why, sizeof(transition->why),
		    "what made it hold (%s) is over: %s", verdict_name(plan->hold), text);
	else
		snprintf(transition->why, sizeof(transition->why), "%s", text);
}

/* The one place where a plan's state is written. */
static enum plan_answer move(struct plan *plan, const struct plan *next,
    const struct plan_event *event, struct transition *transition)
{
	bool visible = next->state != plan->state || next->stage != plan->stage ||
		       next->entered != plan->entered || next->weight_ppm != plan->weight_ppm ||
		       next->hold != plan->hold;
	bool legal = !visible || (followers[plan->state] & TO(next->state)) != 0;

	assert(legal);
	(void)legal;
	assert(next->state != PLAN_ROLLED_BACK || next->weight_ppm == 0);
	if (visible) {
		*transition = (struct transition) {
			.cause = event->kind,
			.from = plan->state,
			.to = next->state,
			.stage_from = plan->stage,
			.stage_to = next->stage,
			.weight_from_ppm = plan->weight_ppm,
			.weight_to_ppm = next->weight_ppm,
			.hold = next->hold,
		};
		if (event->verdict != NULL)
			transition->verdict = *event->verdict;
		explain(next, plan, event, transition);
	}
	*plan = *next;
	return visible ? PLAN_CHANGED : PLAN_UNCHANGED;
}

enum plan_answer plan_apply(struct plan *plan, const struct plan_event *event,
    struct transition *transition, struct error *err)
{
	struct plan next = *plan;
	enum plan_answer answer = PLAN_CHANGED;

	switch (event->kind) {
	case PLAN_EVENT_START:
		next = (struct plan) { .spec = *event->spec, .entered = plan->entered };
		begin(&next);
		break;
	case PLAN_EVENT_VERDICT: answer = on_verdict(&next, event); break;
	case PLAN_EVENT_PROMOTE: answer = on_promote(&next, err); break;
	case PLAN_EVENT_ROLL_BACK: answer = on_roll_back(&next, err); break;
	case PLAN_EVENT_PAUSE: answer = on_pause(&next, err); break;
	case PLAN_EVENT_RESUME: answer = on_resume(&next, err); break;
	case PLAN_EVENT_RELOAD: answer = on_reload(&next, event->spec); break;
	case PLAN_EVENTS: break;
	}
	if (answer != PLAN_CHANGED)
		return answer;
	return move(plan, &next, event, transition);
}

#include "rollout/plan.h"

#include "rollout/plan_order.h"
#include "rollout/plan_rollback.h"
#include "rollout/plan_stage.h"
#include "rollout/plan_words.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

static const char *const state_names[PLAN_STATES] = {
	[PLAN_NONE] = "NONE",
	[PLAN_WAITING] = "WAITING",
	[PLAN_FIXED] = "FIXED",
	[PLAN_RUNNING] = "RUNNING",
	[PLAN_PAUSED] = "PAUSED",
	[PLAN_BAKING] = "BAKING",
	[PLAN_DONE] = "DONE",
	[PLAN_ROLLING_BACK] = "ROLLING_BACK",
	[PLAN_ROLLED_BACK] = "ROLLED_BACK",
};

static const char *const event_names[PLAN_EVENTS] = {
	[PLAN_EVENT_START] = "start",
	[PLAN_EVENT_VERDICT] = "verdict",
	[PLAN_EVENT_PROMOTE] = "promote",
	[PLAN_EVENT_ROLL_BACK] = "rollback",
	[PLAN_EVENT_PAUSE] = "pause",
	[PLAN_EVENT_RESUME] = "resume",
	[PLAN_EVENT_SET_WEIGHT] = "set_weight",
	[PLAN_EVENT_RELOAD] = "reload",
	[PLAN_EVENT_RESTORE] = "restore",
	[PLAN_EVENT_UNREADABLE] = "unreadable",
	[PLAN_EVENT_CLOCK] = "clock",
	[PLAN_EVENT_GATE] = "gate",
	[PLAN_EVENT_DRILL] = "drill",
	[PLAN_EVENT_WITHDRAW] = "withdraw",
};

#define TO(state) (1U << (state))
/* Where a release begins, or goes on after a reload. */
#define TO_BEGIN                                                                               \
	(TO(PLAN_WAITING) | TO(PLAN_FIXED) | TO(PLAN_RUNNING) | TO(PLAN_BAKING) | TO(PLAN_DONE))
#define TO_LATCH (TO(PLAN_ROLLING_BACK) | TO(PLAN_ROLLED_BACK))

/* The diagram in plan.h, as which states may follow which. */
static const unsigned followers[PLAN_STATES] = {
	[PLAN_NONE] = TO_BEGIN | TO(PLAN_ROLLED_BACK),
	[PLAN_WAITING] = TO_BEGIN | TO(PLAN_ROLLED_BACK),
	[PLAN_FIXED] = TO_BEGIN | TO_LATCH,
	[PLAN_RUNNING] = TO_BEGIN | TO(PLAN_PAUSED) | TO_LATCH,
	[PLAN_PAUSED] = TO_BEGIN | TO(PLAN_PAUSED) | TO_LATCH,
	[PLAN_BAKING] = TO_BEGIN | TO(PLAN_PAUSED) | TO_LATCH,
	[PLAN_DONE] = TO_BEGIN | TO(PLAN_PAUSED) | TO_LATCH,
	[PLAN_ROLLING_BACK] = TO_BEGIN | TO_LATCH,
	[PLAN_ROLLED_BACK] = TO_BEGIN | TO(PLAN_ROLLED_BACK),
};

const char *plan_state_name(enum plan_state state)
{
	return (unsigned)state < PLAN_STATES ? state_names[state] : "unknown";
}

const char *plan_event_name(enum plan_event_kind kind)
{
	return (unsigned)kind < PLAN_EVENTS ? event_names[kind] : "unknown";
}

bool plan_is_latched(const struct plan *plan)
{
	return plan->state == PLAN_ROLLING_BACK || plan->state == PLAN_ROLLED_BACK;
}

enum plan_state plan_progress(const struct plan *plan)
{
	return plan->state == PLAN_PAUSED ? plan->resumes_to : plan->state;
}

double plan_hold_s(const struct plan *plan)
{
	if (plan->by_hand)
		return INFINITY;
	switch (plan_progress(plan)) {
	case PLAN_RUNNING: return plan->spec.stages[plan->stage].hold_ms / 1000.0;
	case PLAN_BAKING: return plan->spec.bake_ms / 1000.0;
	default: return INFINITY;
	}
}

/* A hold begins at once, and ends (or becomes the other) once it has not been seen for a while.
 */
static void follow_hold(struct plan *next, enum verdict_action action)
{
	bool holds = action == VERDICT_HOLD_SUSPECT || action == VERDICT_HOLD_SHARED;

	if (next->hold != VERDICT_CONTINUE && action != next->hold &&
	    next->age_us - next->held_us < PLAN_HOLD_LINGER_US)
		return;
	next->hold = holds ? action : VERDICT_CONTINUE;
	if (!holds)
		return;
	next->held_us = next->age_us;
	/* Leave was asked, or given, for what was known then. */
	plan_close_gate(next);
}

static enum plan_answer on_verdict(struct plan *next, const struct plan_event *event)
{
	enum verdict_action action = event->verdict->action;
	bool was_held = next->hold != VERDICT_CONTINUE;

	if (next->state == PLAN_NONE || next->state == PLAN_WAITING || plan_is_latched(next) ||
	    (next->state == PLAN_DONE && next->weight_ppm == PPM))
		return PLAN_UNCHANGED;
	if (action == VERDICT_ROLL_BACK) {
		plan_roll_back(next);
		return PLAN_CHANGED;
	}
	follow_hold(next, action);
	/* The end of a hold is a decision of its own; the next tick may advance. */
	next->ready = action == VERDICT_ADVANCE && !was_held;
	if (next->ready && (next->state == PLAN_RUNNING || next->state == PLAN_BAKING) &&
	    plan_in_window(next, &event->clock))
		plan_pass_gate(next);
	return PLAN_CHANGED;
}

/* Whether the plan can stay in the state it is in, at that stage of its new ladder. */
static bool stays(const struct plan *next, uint32_t stage)
{
	const struct stage_conf *conf = &next->spec.stages[stage];
	bool last = stage + 1 == next->spec.n_stages;

	if (next->by_hand)
		return next->state == PLAN_PAUSED;
	if (conf->weight_ppm != next->weight_ppm)
		return false;
	switch (plan_progress(next)) {
	case PLAN_RUNNING: return !last || conf->hold_ms > 0;
	case PLAN_BAKING: return last && next->spec.bake_ms > 0;
	case PLAN_DONE: return last;
	default: return false;
	}
}

/* A gate of another kind stands where one was waited for, or none. */
static void fit_gate(struct plan *next)
{
	enum stage_gate ahead = plan_gate_ahead(next);
	bool fits = next->gate == PLAN_GATE_CLOSED ||
		    ahead == (next->gate == PLAN_GATE_WAITS ? GATE_MANUAL : GATE_WEBHOOK);

	if (!fits)
		plan_close_gate(next);
}

static void fit_ladder(struct plan *next, const struct release_clock *clock)
{
	uint32_t stage = plan_spec_stage_for(&next->spec, next->stage, next->weight_ppm);

	if (stays(next, stage)) {
		next->stage = stage;
		next->methods = next->spec.stages[stage].methods;
		fit_gate(next);
	} else if (next->weight_ppm == 0 && next->state == PLAN_FIXED) {
		/* A canary without a user yet begins as any release does, but for its paths. */
		plan_begin(next, clock);
	} else if (next->state != PLAN_FIXED &&
		   next->spec.stages[stage].weight_ppm > next->weight_ppm) {
		/* An edit raises nobody: a person lets it go on to the ladder's first stage. */
		plan_stay_by_hand(next, next->weight_ppm);
	} else {
		plan_begin_stage_paused(next, stage);
	}
}

static enum plan_answer on_reload(struct plan *next, const struct plan_event *event)
{
	const struct plan_spec *spec = event->spec;
	bool edited = spec->fixed_ppm != next->spec.fixed_ppm;

	if (next->state == PLAN_NONE)
		return PLAN_UNCHANGED;
	if (spec->expires.at_s != next->spec.expires.at_s ||
	    spec->expires.after_s != next->spec.expires.after_s)
		next->clean_up_due = false;
	next->spec = *spec;
	/* As with a second rollback: nobody may finish there any more. */
	if (spec->drain_for_ms == 0)
		next->drain_ppm = 0;
	/* Nothing may have ticked meanwhile: what has come due lets nobody in for a moment. */
	if (plan_is_latched(next))
		plan_go_on_rolling_back(next);
	if (plan_is_latched(next) || (next->state == PLAN_WAITING && spec->staged))
		return PLAN_CHANGED;
	if (spec->staged)
		fit_ladder(next, &event->clock);
	/* A weight set by hand stands until the file says another one. */
	else if (next->state != PLAN_FIXED || edited)
		plan_begin_fixed(next);
	return PLAN_CHANGED;
}

static enum plan_answer on_restore(struct plan *next, const struct plan_event *event)
{
	/* A rollback that was under way is over: a restart lets nobody back for a step. */
	if (next->state == PLAN_ROLLING_BACK)
		plan_roll_back_at_once(next);
	/* Nobody knows any more who was on the canary, or what a webhook answered. */
	next->drain_ppm = 0;
	if (next->gate == PLAN_GATE_ASKED)
		plan_close_gate(next);
	return on_reload(next, event);
}

static void on_start(struct plan *next, const struct plan_event *event)
{
	*next = (struct plan) {
		.spec = *event->spec,
		.entered = next->entered,
		.gate_ask = next->gate_ask,
		.last_us = event->clock.now_us,
	};
	if (event->kind == PLAN_EVENT_UNREADABLE || event->held_back)
		plan_roll_back(next);
	else
		plan_begin(next, &event->clock);
}

static void follow_expiry(struct plan *next, int64_t wall_s)
{
	const struct expiry *expires = &next->spec.expires;
	bool due = (expires->at_s > 0 && wall_s >= expires->at_s) ||
		   (expires->after_s > 0 && wall_s - next->full_wall_s >= expires->after_s);

	if (next->weight_ppm == PPM && next->full_wall_s > 0 && due)
		next->clean_up_due = true;
}

static enum plan_answer on_clock(struct plan *next, const struct release_clock *clock)
{
	uint64_t max_us = (uint64_t)next->spec.max_duration_ms * 1000;

	switch (next->state) {
	case PLAN_NONE: return PLAN_UNCHANGED;
	case PLAN_WAITING:
		if (plan_obstacle(next, clock) == OBSTACLE_NONE)
			plan_begin_stage(next, 0);
		return PLAN_CHANGED;
	case PLAN_ROLLING_BACK:
	case PLAN_ROLLED_BACK: plan_go_on_rolling_back(next); return PLAN_CHANGED;
	case PLAN_RUNNING:
	case PLAN_BAKING:
		if (max_us > 0 && next->under_way_us >= max_us) {
			next->resumes_to = next->state;
			next->state = PLAN_PAUSED;
			next->pause = PAUSE_OVERDUE;
			return PLAN_CHANGED;
		}
		break;
	default: break;
	}
	follow_expiry(next, clock->wall_s);
	return PLAN_CHANGED;
}

static enum plan_answer on_gate(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	if (next->gate != PLAN_GATE_ASKED || event->gate_ask != next->gate_ask) {
		error_set(err, "the release no longer waits for that webhook");
		return PLAN_REFUSED;
	}
	snprintf(next->gate_words, sizeof(next->gate_words), "%s",
	    event->why != NULL ? event->why : "");
	next->gate_us = next->age_us;
	next->gate = event->yes ? PLAN_GATE_OPEN : PLAN_GATE_DENIED;
	next->gate_denied = next->gate_denied || !event->yes;
	if (event->yes && next->ready && next->state == PLAN_RUNNING &&
	    plan_in_window(next, &event->clock))
		plan_advance(next);
	return PLAN_CHANGED;
}

static enum plan_answer on_drill(
    struct plan *next, const struct release_clock *clock, struct error *err)
{
	if (next->state == PLAN_NONE) {
		error_set(err, "there is no release to have drilled");
		return PLAN_REFUSED;
	}
	next->drill_wall_s = clock->wall_s;
	if (next->state == PLAN_WAITING && plan_obstacle(next, clock) == OBSTACLE_NONE)
		plan_begin_stage(next, 0);
	return PLAN_CHANGED;
}

static enum plan_answer on_withdraw(
    struct plan *next, const struct plan_event *event, struct error *err)
{
	uint64_t bit;

	if (event->path_class >= PATH_CLASS_SLOTS) {
		error_set(err, "that path class cannot be withdrawn by itself");
		return PLAN_REFUSED;
	}
	bit = UINT64_C(1) << event->path_class;
	if (next->weight_ppm == 0 || plan_is_latched(next)) {
		error_set(err, "the release has no traffic to withdraw a path class from");
		return PLAN_REFUSED;
	}
	if ((next->withdrawn & bit) != 0) {
		error_set(err, "that path class is withdrawn already");
		return PLAN_REFUSED;
	}
	next->withdrawn |= bit;
	/* The rest is judged anew, and so is whether it is ready. */
	next->hold = VERDICT_CONTINUE;
	next->ready = false;
	plan_close_gate(next);
	return PLAN_CHANGED;
}

/* What is told of a gate: that it is waited for, that it stays shut, that it is open. */
static unsigned gate_face(const struct plan *plan)
{
	if (plan->gate == PLAN_GATE_CLOSED || plan->gate == PLAN_GATE_OPEN)
		return plan->gate;
	return plan->gate_denied ? PLAN_GATE_DENIED : PLAN_GATE_WAITS;
}

static bool is_visible(const struct plan *plan, const struct plan *next)
{
	return next->state != plan->state || next->stage != plan->stage ||
	       next->entered != plan->entered || next->weight_ppm != plan->weight_ppm ||
	       next->methods != plan->methods || next->hold != plan->hold ||
	       next->withdrawn != plan->withdrawn || next->drain_ppm != plan->drain_ppm ||
	       (next->clean_up_due && !plan->clean_up_due) ||
	       (gate_face(next) != gate_face(plan) && next->gate != PLAN_GATE_CLOSED);
}

static void describe(struct transition *transition, const struct plan *plan,
    const struct plan *next, const struct plan_event *event)
{
	*transition = (struct transition) {
		.cause = event->kind,
		.from = plan->state,
		.to = next->state,
		.stage_from = plan->stage,
		.stage_to = next->stage,
		.weight_from_ppm = plan->weight_ppm,
		.weight_to_ppm = next->weight_ppm,
		.hold = next->hold,
		.pause = next->pause,
		.gate = next->gate,
		.overdue = event->kind == PLAN_EVENT_CLOCK && next->state == PLAN_PAUSED &&
			   plan->state != PLAN_PAUSED,
		.clean_up_due = next->clean_up_due && !plan->clean_up_due,
	};
	if (event->kind == PLAN_EVENT_WITHDRAW && event->path != NULL)
		snprintf(transition->path, sizeof(transition->path), "%s", event->path);
	if (event->verdict != NULL)
		transition->verdict = *event->verdict;
	snprintf(transition->who, sizeof(transition->who), "%s",
	    event->who != NULL ? event->who : "guard");
	plan_explain(plan, next, event, transition->why, sizeof(transition->why));
}

/* By the diagram, and a latch holds: down only, but for a resume and a new release. */
static bool is_legal(
    const struct plan *plan, const struct plan *next, enum plan_event_kind cause, bool visible)
{
	bool clears = cause == PLAN_EVENT_START || cause == PLAN_EVENT_RESUME;

	if (visible && (followers[plan->state] & TO(next->state)) == 0)
		return false;
	if ((next->state == PLAN_ROLLED_BACK || next->state == PLAN_WAITING) &&
	    next->weight_ppm != 0)
		return false;
	return clears || !plan_is_latched(plan) ||
	       (plan_is_latched(next) && next->weight_ppm <= plan->weight_ppm);
}

/* The one place where a plan's state is written. */
static enum plan_answer move(struct plan *plan, struct plan *next,
    const struct plan_event *event, struct transition *transition)
{
	bool visible, legal;

	if (next->weight_ppm < PPM) {
		next->full_wall_s = 0;
		next->clean_up_due = false;
	} else if (plan->weight_ppm < PPM || plan->full_wall_s == 0) {
		next->full_wall_s = event->clock.wall_s;
	}
	visible = is_visible(plan, next);
	legal = is_legal(plan, next, event->kind, visible);
	assert(legal);
	(void)legal;
	if (visible)
		describe(transition, plan, next, event);
	*plan = *next;
	return visible ? PLAN_CHANGED : PLAN_UNCHANGED;
}

static void pass_time(struct plan *plan, uint64_t now_us)
{
	uint64_t passed_us = now_us > plan->last_us ? now_us - plan->last_us : 0;

	if (plan->state == PLAN_NONE)
		return;
	plan->last_us = now_us;
	plan->age_us += passed_us;
	if (plan->state == PLAN_RUNNING || plan->state == PLAN_BAKING)
		plan->under_way_us += passed_us;
}

enum plan_answer plan_apply(struct plan *plan, const struct plan_event *event,
    struct transition *transition, struct error *err)
{
	enum plan_answer answer = PLAN_CHANGED;
	struct plan next;

	pass_time(plan, event->clock.now_us);
	next = *plan;
	switch (event->kind) {
	case PLAN_EVENT_START:
	case PLAN_EVENT_UNREADABLE: on_start(&next, event); break;
	case PLAN_EVENT_VERDICT: answer = on_verdict(&next, event); break;
	case PLAN_EVENT_PROMOTE:
	case PLAN_EVENT_ROLL_BACK:
	case PLAN_EVENT_PAUSE:
	case PLAN_EVENT_RESUME:
	case PLAN_EVENT_SET_WEIGHT: answer = plan_order(&next, event, err); break;
	case PLAN_EVENT_RELOAD: answer = on_reload(&next, event); break;
	case PLAN_EVENT_RESTORE: answer = on_restore(&next, event); break;
	case PLAN_EVENT_CLOCK: answer = on_clock(&next, &event->clock); break;
	case PLAN_EVENT_GATE: answer = on_gate(&next, event, err); break;
	case PLAN_EVENT_DRILL: answer = on_drill(&next, &event->clock, err); break;
	case PLAN_EVENT_WITHDRAW: answer = on_withdraw(&next, event, err); break;
	case PLAN_EVENTS: return PLAN_UNCHANGED;
	}
	if (answer != PLAN_CHANGED)
		return answer;
	return move(plan, &next, event, transition);
}

#include "rollout/plan_stage.h"
#include "rollout/release_parts.h"

#include <math.h>
#include <stdio.h>

/* Without canary traffic for so long a stage stands still, as the guard has it. */
static const double idle_s = 60;

static const char *const wait_names[RELEASE_WAITS] = {
	[WAIT_NOTHING] = "",
	[WAIT_START] = "start",
	[WAIT_DRILL] = "drill",
	[WAIT_WINDOW] = "window",
	[WAIT_TRAFFIC] = "traffic",
	[WAIT_TIME] = "time",
	[WAIT_REQUESTS] = "requests",
	[WAIT_PROOF] = "proof",
	[WAIT_SUSPECT] = "suspect",
	[WAIT_SHARED] = "shared",
	[WAIT_GATE] = "gate",
	[WAIT_WEBHOOK] = "webhook",
	[WAIT_RESUME] = "resume",
	[WAIT_ROLLBACK] = "rollback",
	[WAIT_DRAIN] = "drain",
	[WAIT_CLEARING] = "clearing",
};

const char *release_wait_name(enum release_wait wait)
{
	return (unsigned)wait < RELEASE_WAITS ? wait_names[wait] : "unknown";
}

static enum release_wait wait_to_begin(
    const struct plan *plan, const struct release_clock *clock)
{
	switch (plan_obstacle(plan, clock)) {
	case OBSTACLE_DRILL: return WAIT_DRILL;
	case OBSTACLE_PERSON: return WAIT_START;
	case OBSTACLE_WINDOW: return WAIT_WINDOW;
	case OBSTACLE_NONE: break;
	}
	return WAIT_TIME;
}

/* What a stage or a bake waits for. */
static enum release_wait wait_to_advance(
    const struct release *release, const struct release_clock *clock)
{
	const struct plan *plan = &release->plan;

	if (plan->hold == VERDICT_HOLD_SUSPECT)
		return WAIT_SUSPECT;
	if (plan->hold == VERDICT_HOLD_SHARED)
		return WAIT_SHARED;
	if (!plan->ready) {
		if (release->guard.idle_s >= idle_s)
			return WAIT_TRAFFIC;
		if (release->verdict.reason == REASON_FEW_REQUESTS)
			return WAIT_REQUESTS;
		return release->verdict.reason == REASON_UNPROVEN ? WAIT_PROOF : WAIT_TIME;
	}
	if (!plan_in_window(plan, clock))
		return WAIT_WINDOW;
	if (plan->gate == PLAN_GATE_WAITS)
		return WAIT_GATE;
	return plan_gate_ahead(plan) == GATE_WEBHOOK ? WAIT_WEBHOOK : WAIT_TIME;
}

static enum release_wait waiting_for(
    const struct release *release, const struct release_clock *clock)
{
	const struct plan *plan = &release->plan;

	switch (plan->state) {
	case PLAN_WAITING: return wait_to_begin(plan, clock);
	case PLAN_RUNNING:
	case PLAN_BAKING: return wait_to_advance(release, clock);
	case PLAN_PAUSED: return WAIT_RESUME;
	case PLAN_ROLLING_BACK: return WAIT_ROLLBACK;
	case PLAN_ROLLED_BACK: return plan->drain_ppm > 0 ? WAIT_DRAIN : WAIT_CLEARING;
	default: return WAIT_NOTHING;
	}
}

static double seconds_until(const struct plan *plan, uint64_t us)
{
	return us > plan->age_us ? (double)(us - plan->age_us) / 1e6 : 0;
}

static void say_rollback(const struct plan *plan, char *words, size_t size)
{
	snprintf(words, size, "step %u of %u of the rollback, in %.0f s",
	    plan->rollback_step + 1, plan->rollback_steps,
	    seconds_until(plan, plan->rollback_due_us));
}

static void say_webhook(const struct plan *plan, char *words, size_t size)
{
	const struct webhook_conf *webhook = plan->spec.stages[plan->stage].webhook;
	const char *name = webhook != NULL ? webhook->name : "the gate";

	if (plan->gate_denied)
		snprintf(words, size,
		    "leave to advance from webhook %s, which said no: %s; it is asked again "
		    "every minute",
		    name, plan->gate_words[0] != '\0' ? plan->gate_words : "without a reason");
	else
		snprintf(words, size, "leave to advance from webhook %s", name);
}

static void say_pause(const struct plan *plan, char *words, size_t size)
{
	static const char *const whys[PLAN_PAUSES] = {
		[PAUSE_BY_PERSON] = "a person paused it",
		[PAUSE_BY_HAND] = "a person set the weight",
		[PAUSE_OVERDUE] = "it took longer than max_duration",
	};

	snprintf(words, size, "a person's `weir resume`: %s", whys[plan->pause]);
}

static void say(const struct release *release, enum release_wait wait, char *words, size_t size)
{
	static const char *const fixed[RELEASE_WAITS] = {
		[WAIT_START] = "a person: `weir promote` begins it",
		[WAIT_WINDOW] = "the plan's 'only': nothing advances now",
		[WAIT_TRAFFIC] = "traffic: the canary has had none for a minute, and the "
				 "stage's time stands still",
		[WAIT_SUSPECT] = "the suspicion against the canary to clear",
		[WAIT_SHARED] = "both arms to recover",
		[WAIT_GATE] = "a person: the stage is ready, and `weir promote` opens its gate",
		[WAIT_CLEARING] = "a person's `weir resume`, or a new release id",
	};
	const struct plan *plan = &release->plan;
	const struct verdict *verdict = &release->verdict;

	words[0] = '\0';
	switch (wait) {
	case WAIT_DRILL:
		snprintf(words, size, "a drill that passed within %.4g h: `weir drill`",
		    plan->spec.require_drill_ms / 3.6e6);
		return;
	case WAIT_TIME:
		snprintf(words, size, "the %s time: %.0f s of %.0f s have passed",
		    plan->state == PLAN_BAKING ? "bake's" : "stage's",
		    release->guard.stage_age_s, plan_hold_s(plan));
		return;
	case WAIT_REQUESTS:
		snprintf(words, size, "requests: the canary has had %.0f of %.0f",
		    verdict->stage[ARM_CANARY].n, verdict->min_requests);
		return;
	case WAIT_PROOF:
		snprintf(words, size,
		    "proof that the canary fails less than %.4g%% of requests (evidence %.2f "
		    "of %.2f)",
		    100 * verdict->p_max, verdict->promotion_ln_e, log(20));
		return;
	case WAIT_WEBHOOK: say_webhook(plan, words, size); return;
	case WAIT_RESUME: say_pause(plan, words, size); return;
	case WAIT_ROLLBACK: say_rollback(plan, words, size); return;
	case WAIT_DRAIN:
		snprintf(words, size,
		    "the canary's users to finish, %.0f s at most; new ones go to legacy",
		    seconds_until(plan, plan->drain_until_us));
		return;
	default:
		if ((unsigned)wait < RELEASE_WAITS && fixed[wait] != NULL)
			snprintf(words, size, "%s", fixed[wait]);
	}
}

static double stage_age_s(const struct release *release, const struct release_clock *clock)
{
	int64_t age_us = (int64_t)clock->now_us - release->stage_began_us;

	return age_us > 0 ? (double)age_us / 1e6 : 0;
}

void release_outlook(const struct release *release, const struct release_clock *clock,
    struct release_outlook *outlook)
{
	double hold_s = plan_hold_s(&release->plan);

	*outlook = (struct release_outlook) {
		.waiting_for = waiting_for(release, clock),
		.hold_left_s =
		    isinf(hold_s) ? hold_s : fmax(0, hold_s - release->guard.stage_age_s),
		.stage_age_s = stage_age_s(release, clock),
		.clean_up_due = release->plan.clean_up_due,
	};
	say(release, outlook->waiting_for, outlook->words, sizeof(outlook->words));
}

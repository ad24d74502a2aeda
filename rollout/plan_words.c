#include "rollout/plan_words.h"

#include "rollout/plan_stage.h"

#include <stdio.h>

static const char *waits_for_start(const struct plan *next, const struct release_clock *clock)
{
	switch (plan_obstacle(next, clock)) {
	case OBSTACLE_DRILL: return "; it waits for a drill that passes";
	case OBSTACLE_PERSON: return "; it waits for a person's promote";
	case OBSTACLE_WINDOW: return "; it waits for the plan's 'only'";
	case OBSTACLE_NONE: break;
	}
	return "";
}

/* What is to be added to any reason, for what follows from it is not all there yet. */
static const char *follows(
    const struct plan *before, const struct plan *next, const struct plan_event *event)
{
	if (next->state == PLAN_WAITING && before->state != PLAN_WAITING)
		return waits_for_start(next, &event->clock);
	if (event->kind == PLAN_EVENT_RELOAD && next->drain_ppm != before->drain_ppm)
		return "; it lets nobody finish on the canary any more: all go to legacy now";
	if (plan_is_latched(next) && !plan_is_latched(before)) {
		if (next->state == PLAN_ROLLING_BACK)
			return next->drain_ppm > 0
				   ? "; in steps, and its users may finish there"
				   : "; in steps";
		return next->drain_ppm > 0 ? "; its users may finish there" : "";
	}
	return "";
}

static void explain_verdict(const struct plan *before, const struct plan *next,
    const struct plan_event *event, char *why, size_t size)
{
	char text[VERDICT_TEXT_SIZE];

	verdict_reason_text(event->verdict, text, sizeof(text));
	if (next->state != before->state || next->entered != before->entered)
		snprintf(why, size, "%s%s", text, follows(before, next, event));
	else if (before->hold != VERDICT_CONTINUE && next->hold == VERDICT_CONTINUE)
		snprintf(why, size, "what made it hold (%s) is over: %s",
		    verdict_name(before->hold), text);
	else if (next->hold != before->hold)
		snprintf(why, size, "%s", text);
	else if (next->gate == PLAN_GATE_WAITS)
		snprintf(why, size,
		    "ready for the next stage, past a gate that a person opens "
		    "(`weir promote`): %s",
		    text);
	else
		snprintf(why, size, "ready for the next stage; the gate's webhook is asked: %s",
		    text);
}

static void explain_clock(
    const struct plan *before, const struct plan *next, char *why, size_t size)
{
	if (before->state == PLAN_WAITING && next->state != PLAN_WAITING)
		snprintf(why, size, "what the release waited for is there: it begins");
	else if (before->state == PLAN_ROLLING_BACK &&
		 next->rollback_step != before->rollback_step)
		snprintf(why, size, "step %u of %u of the rollback", next->rollback_step,
		    next->rollback_steps);
	else if (next->drain_ppm != before->drain_ppm)
		snprintf(why, size,
		    "the canary's users have had %.4g s to finish: all go to "
		    "legacy now",
		    next->spec.drain_for_ms / 1000.0);
	else if (next->state == PLAN_PAUSED && before->state != PLAN_PAUSED)
		snprintf(why, size,
		    "the rollout has been under way for more than its max_duration of %.4g "
		    "h: paused; `weir resume` lets it go on for as long again",
		    next->spec.max_duration_ms / 3.6e6);
	else
		snprintf(why, size,
		    "the release is at 100%% and past the plan's 'expires': "
		    "what it replaced, and its switch, are due for clean-up");
}

static void explain_withdrawal(const struct plan_event *event, char *why, size_t size)
{
	struct verdict verdict = *event->verdict;
	char text[VERDICT_TEXT_SIZE];

	/* What held the release speaks against that path class alone, which goes back. */
	if (verdict.action == VERDICT_HOLD_SUSPECT) {
		verdict.action = VERDICT_ROLL_BACK;
		verdict.reason = REASON_PATH_WORSE;
	}
	verdict_reason_text(&verdict, text, sizeof(text));
	if (event->path != NULL)
		snprintf(why, size, "the path class %s goes to legacy, the rest goes on: %s",
		    event->path, text);
	else
		snprintf(why, size, "path class %u goes to legacy, the rest goes on: %s",
		    event->path_class, text);
}

void plan_explain(const struct plan *before, const struct plan *next,
    const struct plan_event *event, char *why, size_t size)
{
	const char *words = event->why != NULL ? event->why : "";
	const char *more = follows(before, next, event);

	switch (event->kind) {
	case PLAN_EVENT_VERDICT: explain_verdict(before, next, event, why, size); return;
	case PLAN_EVENT_CLOCK: explain_clock(before, next, why, size); return;
	case PLAN_EVENT_WITHDRAW: explain_withdrawal(event, why, size); return;
	case PLAN_EVENT_GATE:
		snprintf(why, size, "%s: %s",
		    event->yes ? "the gate's webhook gives leave to advance"
			       : "the gate's webhook gives no leave to advance, and is asked "
				 "again every minute",
		    words[0] != '\0' ? words : "without a reason");
		return;
	case PLAN_EVENT_DRILL:
		snprintf(why, size, "a drill has passed: the release begins");
		return;
	default:
		/* What follows stands alone where a person gave no reason. */
		if (words[0] == '\0' && more[0] != '\0')
			more += sizeof("; ") - 1;
		snprintf(why, size, "%s%s", words, more);
	}
}

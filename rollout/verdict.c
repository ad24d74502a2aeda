#include "rollout/verdict.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>

static const double worth_saying = 0.2; /* by chance it is less */

const char *const verdict_names[VERDICTS] = {
	[VERDICT_CONTINUE] = "CONTINUE",
	[VERDICT_ADVANCE] = "ADVANCE",
	[VERDICT_HOLD_SUSPECT] = "HOLD_SUSPECT",
	[VERDICT_HOLD_SHARED] = "HOLD_SHARED",
	[VERDICT_ROLL_BACK] = "ROLL_BACK",
};

static const char *const reason_names[VERDICT_REASONS] = {
	[REASON_NOT_EXPOSED] = "not_exposed",
	[REASON_WATCHING] = "watching",
	[REASON_HOLD_TIME] = "hold_time",
	[REASON_FEW_REQUESTS] = "few_requests",
	[REASON_UNPROVEN] = "unproven",
	[REASON_COMPLETE] = "complete",
	[REASON_PROVEN] = "proven",
	[REASON_SUSPECT] = "suspect",
	[REASON_SUSPECT_PATH] = "suspect_path",
	[REASON_SAMPLE_RATIO] = "sample_ratio",
	[REASON_SHARED] = "shared",
	[REASON_SHARED_LATENCY] = "shared_latency",
	[REASON_WORSE] = "worse",
	[REASON_SLOWER] = "slower",
	[REASON_OVER_LATENCY_BUDGET] = "over_latency_budget",
	[REASON_PATH_WORSE] = "path_worse",
	[REASON_PATH_SLOWER] = "path_slower",
	[REASON_OVER_BUDGET] = "over_budget",
	[REASON_BURNS_FAST] = "burns_fast",
	[REASON_BURNS_STEADILY] = "burns_steadily",
	[REASON_LATENCY_BURNS_FAST] = "latency_burns_fast",
	[REASON_LATENCY_BURNS_STEADILY] = "latency_burns_steadily",
};

static const char *const kind_names[EVIDENCE_KINDS + 1] = {
	[EVIDENCE_ERRORS] = "errors",
	[EVIDENCE_PATH_ERRORS] = "path_errors",
	[EVIDENCE_LATENCY] = "latency",
	[EVIDENCE_PATH_LATENCY] = "path_latency",
	[EVIDENCE_LATENCY_BUDGET] = "latency_budget",
	[EVIDENCE_KINDS] = "none",
};

static const char *const threshold_names[LATENCY_THRESHOLDS] = {
	[THRESHOLD_Q50] = "q50",
	[THRESHOLD_Q90] = "q90",
	[THRESHOLD_Q99] = "q99",
	[THRESHOLD_FAR] = "far",
};

const char *verdict_name(enum verdict_action action)
{
	return (unsigned)action < VERDICTS ? verdict_names[action] : "unknown";
}

const char *verdict_reason_name(enum verdict_reason reason)
{
	return (unsigned)reason < VERDICT_REASONS ? reason_names[reason] : "unknown";
}

const char *evidence_kind_name(enum evidence_kind kind)
{
	return (unsigned)kind <= EVIDENCE_KINDS ? kind_names[kind] : "unknown";
}

const char *latency_threshold_name(enum latency_threshold threshold)
{
	return (unsigned)threshold < LATENCY_THRESHOLDS ? threshold_names[threshold]
							: "unknown";
}

/* A share as a percentage of two significant digits, never in powers of ten. */
static void say_share(struct text *text, double share)
{
	double percent = 100 * share;
	int digits;

	if (percent > 0 && percent < 1e-6) {
		text_say(text, "less than 0.000001%%");
		return;
	}
	digits = percent > 0 ? 1 - (int)floor(log10(percent)) : 0;
	if (digits < 0 || fabs(percent - round(percent)) < 1e-9)
		digits = 0;
	text_say(text, "%.*f%%", digits, percent);
}

static void say_arm(struct text *text, enum arm arm, const struct arm_counts *counts)
{
	if (counts->n <= 0) {
		text_say(text, "%s had no requests", arm_name(arm));
		return;
	}
	text_say(
	    text, "%s failed %.0f of %.0f requests (", arm_name(arm), counts->bad, counts->n);
	say_share(text, counts->bad / counts->n);
	text_say(text, ")");
}

/* Both arms, over the stage or the last minute. */
static void say_arms(struct text *text, const struct verdict *verdict, bool minute)
{
	const struct arm_counts *arms = minute ? verdict->minute : verdict->stage;

	if (minute)
		text_say(text, "in the last minute, about: ");
	say_arm(text, ARM_CANARY, &arms[ARM_CANARY]);
	text_say(text, ", ");
	say_arm(text, ARM_LEGACY, &arms[ARM_LEGACY]);
	if (arms[ARM_CANARY].bad + arms[ARM_LEGACY].bad > 0)
		text_say(text, ", each user's failures counted once");
}

/* Whichever of the two shows the difference. */
static void say_difference(struct text *text, const struct verdict *verdict)
{
	say_arms(text, verdict, verdict->material && !verdict->material_in_stage);
}

/* Ville's inequality: P(E ever reaches e) <= 1/e. */
static void say_chance(struct text *text, const struct verdict *verdict, const char *what)
{
	text_say(text, " would %s with probability at most ", what);
	say_share(text, fmax(1e-8, fmin(1, exp(-verdict->ln_e))));
}

/* By the canary alone. A burst is little of a long stage: then the last minute shows it. */
static void say_over_budget(struct text *text, const struct verdict *verdict)
{
	const struct arm_counts *stage = &verdict->stage[ARM_CANARY];
	const struct arm_counts *minute = &verdict->minute[ARM_CANARY];
	double limit = fmin(1, 14.4 * verdict->budget);

	say_arms(text, verdict, stage->bad <= limit * stage->n);
	text_say(text, "; legacy is too small to compare with, but a canary failing at most ");
	say_share(text, limit);
	text_say(text, " (14.4 times its budget)");
	say_chance(text, verdict,
	    minute->bad <= limit * minute->n ? "fail so often at a time" : "look this bad");
}

static void say_burns(struct text *text, const struct verdict *verdict, const char *budget,
    const char *narrow, const char *wide, double limit)
{
	text_say(text,
	    "canary burns its %s budget at %.1f times the sustainable rate over %s and %.1f "
	    "over %s (limit %.1f), legacy at %.1f and %.1f",
	    budget, verdict->burn_short[ARM_CANARY], narrow, verdict->burn_long[ARM_CANARY],
	    wide, limit, verdict->burn_short[ARM_LEGACY], verdict->burn_long[ARM_LEGACY]);
}

static void say_path(struct text *text, const struct verdict *verdict)
{
	if (verdict->path_name[0] != '\0')
		text_say(text, "path class %.*s", PATH_CLASS_NAME_MAX, verdict->path_name);
	else
		text_say(text, "path class %u", verdict->accuser.path_class);
}

static void say_threshold(struct text *text, const struct verdict *verdict)
{
	enum latency_threshold threshold = verdict->accuser.threshold;
	uint32_t us =
	    (unsigned)threshold < LATENCY_THRESHOLDS ? verdict->threshold_us[threshold] : 0;

	if (threshold == THRESHOLD_FAR)
		text_say(text, "twice legacy's q99");
	else
		text_say(text, "legacy's %s", latency_threshold_name(threshold));
	if (us == 0)
		return;
	text_say(text, " (%.4g ms", us / 1e3);
	if (verdict->handicap.factor > 0)
		text_say(text, ", for the canary %.4g ms",
		    handicap_canary_us(&verdict->handicap, us) / 1e3);
	text_say(text, ")");
}

/* What share of an arm's requests was slow, and of how many; the canary was named. */
static void say_slow(struct text *text, enum arm arm, const struct arm_counts *counts)
{
	if (counts->n <= 0) {
		text_say(text, "%s had no requests", arm_name(arm));
		return;
	}
	if (arm != ARM_CANARY)
		text_say(text, "%s ", arm_name(arm));
	say_share(text, counts->bad / counts->n);
	text_say(text, " of %.0f requests", counts->n);
}

/* "canary slower: 34% of 1210 requests past legacy's q90, legacy 9.8% of ..." */
static void say_slower(struct text *text, const struct verdict *verdict)
{
	const struct accuser *accuser = &verdict->accuser;

	text_say(text, "canary slower%s: ", accuser->in_stage ? "" : " in the last minute");
	say_slow(text, ARM_CANARY, &accuser->arms[ARM_CANARY]);
	text_say(text, " past ");
	if (accuser->kind == EVIDENCE_LATENCY_BUDGET)
		text_say(text, "the latency budget's threshold");
	else
		say_threshold(text, verdict);
	text_say(text, ", ");
	say_slow(text, ARM_LEGACY, &accuser->arms[ARM_LEGACY]);
	if (accuser->kind == EVIDENCE_LATENCY_BUDGET)
		text_say(text, ", each user's once; the budget is %.4g%%",
		    100 * verdict->latency_budget);
}

/* The part of the evidence that speaks loudest, by its own counts. */
static void say_accuser(struct text *text, const struct verdict *verdict)
{
	const struct accuser *accuser = &verdict->accuser;

	switch (accuser->kind) {
	case EVIDENCE_LATENCY:
	case EVIDENCE_LATENCY_BUDGET: say_slower(text, verdict); return;
	case EVIDENCE_PATH_LATENCY:
		say_path(text, verdict);
		text_say(text, ": ");
		say_slower(text, verdict);
		return;
	case EVIDENCE_PATH_ERRORS:
		say_path(text, verdict);
		text_say(text, "%s: ", accuser->in_stage ? "" : ", in the last minute, about");
		say_arm(text, ARM_CANARY, &accuser->arms[ARM_CANARY]);
		text_say(text, ", ");
		say_arm(text, ARM_LEGACY, &accuser->arms[ARM_LEGACY]);
		return;
	default: say_difference(text, verdict);
	}
}

static void say_rollback(struct text *text, const struct verdict *verdict)
{
	switch (verdict->reason) {
	case REASON_BURNS_FAST: say_burns(text, verdict, "error", "5 min", "1 h", 14.4); return;
	case REASON_BURNS_STEADILY:
		say_burns(text, verdict, "error", "30 min", "6 h", 6);
		return;
	case REASON_LATENCY_BURNS_FAST:
		say_burns(text, verdict, "latency", "5 min", "1 h", 14.4);
		return;
	case REASON_LATENCY_BURNS_STEADILY:
		say_burns(text, verdict, "latency", "30 min", "6 h", 6);
		return;
	case REASON_OVER_BUDGET: say_over_budget(text, verdict); return;
	default:
		say_accuser(text, verdict);
		text_say(text, ": a healthy canary");
		say_chance(text, verdict, "look this bad");
	}
}

static void say_suspect(struct text *text, const struct verdict *verdict)
{
	const double *units = verdict->units;

	if (verdict->reason == REASON_SAMPLE_RATIO) {
		text_say(text,
		    "assignment does not match the weight: of %.0f users first seen, canary "
		    "had %.0f where %.0f were due; something in front caches or re-routes, "
		    "and no comparison holds; the weight is frozen",
		    units[ARM_CANARY] + units[ARM_LEGACY], units[ARM_CANARY],
		    verdict->units_expected);
		return;
	}
	say_accuser(text, verdict);
	text_say(text, ": a healthy canary");
	say_chance(text, verdict, "look this bad");
	if (verdict->reason == REASON_SUSPECT_PATH)
		text_say(text, "; that path class will be withdrawn once its own evidence "
			       "suffices, the weight is frozen until then");
	else
		text_say(text, "; the weight is frozen until more is known");
}

static double failed_share(const struct arm_counts *counts)
{
	return counts->n > 0 ? counts->failed / counts->n : 0;
}

static void say_shared(struct text *text, const struct verdict *verdict)
{
	bool latency = verdict->reason == REASON_SHARED_LATENCY;

	text_say(text,
	    "both arms together burn the %s budget at %.1f times the sustainable rate over "
	    "1 min and %.1f over 5 min (limit 14.4); in the last minute canary %s ",
	    latency ? "latency" : "error", verdict->pooled_burn_60_s,
	    verdict->pooled_burn_5_min, latency ? "was slow for" : "failed");
	say_share(text, latency ? verdict->slow_share[ARM_CANARY]
				: failed_share(&verdict->minute[ARM_CANARY]));
	text_say(text, " of requests, legacy ");
	say_share(text, latency ? verdict->slow_share[ARM_LEGACY]
				: failed_share(&verdict->minute[ARM_LEGACY]));
	text_say(text, ": the canary is not to blame; the weight is frozen");
}

/* A few users make so many of legacy's requests that not all of them are compared. */
static void say_left_out(struct text *text, const struct verdict *verdict)
{
	if (verdict->left_out < worth_saying)
		return;
	text_say(text, "; ");
	say_share(text, verdict->left_out);
	text_say(text,
	    " of legacy's requests are not compared for latency: one user makes them, "
	    "or a few");
}

static void say_progress(struct text *text, const struct verdict *verdict)
{
	switch (verdict->reason) {
	case REASON_NOT_EXPOSED: text_say(text, "the canary gets no traffic"); return;
	case REASON_COMPLETE:
		text_say(text, "the rollout is complete; the canary is no longer judged");
		return;
	case REASON_HOLD_TIME:
		text_say(text, "the stage has lasted %.0f s of %.0f s; ", verdict->stage_age_s,
		    verdict->hold_s);
		break;
	case REASON_FEW_REQUESTS:
		text_say(text, "too little data: the canary has had %.0f of %.0f requests; ",
		    verdict->stage[ARM_CANARY].n, verdict->min_requests);
		break;
	case REASON_UNPROVEN:
		text_say(text, "not yet shown that the canary fails less than ");
		say_share(text, verdict->p_max);
		text_say(text, " (evidence %.2f of %.2f); ", verdict->promotion_ln_e, log(20));
		break;
	case REASON_PROVEN:
		text_say(text, "the stage has lasted %.0f s without a reason to stop; ",
		    verdict->stage_age_s);
		break;
	default: break;
	}
	say_difference(text, verdict);
	if (verdict->ln_e >= -log(verdict->alpha) / 2)
		text_say(text, "; the difference is real but too small to matter");
	say_left_out(text, verdict);
}

void verdict_reason_text(const struct verdict *verdict, char *data, size_t size)
{
	struct text text = { .data = data, .size = size };

	if (size == 0)
		return;
	data[0] = '\0';
	switch (verdict->action) {
	case VERDICT_ROLL_BACK: say_rollback(&text, verdict); break;
	case VERDICT_HOLD_SHARED: say_shared(&text, verdict); break;
	case VERDICT_HOLD_SUSPECT: say_suspect(&text, verdict); break;
	default: say_progress(&text, verdict);
	}
}

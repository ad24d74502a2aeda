#include "rollout/guard_judge.h"

#include "rollout/guard_case.h"

#include <math.h>

static const double promotion_odds = 20;

static void decide(
    struct verdict *verdict, enum verdict_action action, enum verdict_reason reason)
{
	verdict->action = action;
	verdict->reason = reason;
}

static void fill_burns(struct verdict *verdict, const struct burn_watch *watch, double budget,
    enum series_window narrow, enum series_window wide)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		verdict->burn_short[arm] = burn_watch_rate(watch, arm, budget, narrow);
		verdict->burn_long[arm] = burn_watch_rate(watch, arm, budget, wide);
	}
}

static void fill_pooled(struct verdict *verdict, const struct burn_watch *watch, double budget)
{
	verdict->pooled_burn_60_s = burn_watch_pooled(watch, budget, WINDOW_60_S);
	verdict->pooled_burn_5_min = burn_watch_pooled(watch, budget, WINDOW_5_MIN);
}

static void fill_evidence(const struct guard *guard, struct verdict *verdict)
{
	double m[EVIDENCE_KINDS];

	verdict->ln_e = log(guard_case_e(guard, m));
	for (int kind = 0; kind < EVIDENCE_KINDS; kind++)
		verdict->ln_parts[kind] = log(m[kind]);
	verdict->sample_ratio_ln_e = sample_ratio_ln(&guard->sample_ratio);
	verdict->units_expected = guard->sample_ratio.expected;
}

static struct verdict describe(const struct guard *guard)
{
	double budget = guard_budget(guard);
	struct difference errors = comparison_errors(&guard->route, budget);
	struct verdict verdict = {
		.accuser = { .kind = EVIDENCE_KINDS },
		.alpha = guard->params.alpha,
		.budget = budget,
		.latency_budget = guard->params.latency_budget_share,
		.weight = guard->weight,
		.failures = guard->distinct_failures,
		.material = errors.material,
		.material_in_stage = errors.material && errors.in_stage,
		.stage_age_s = guard->stage_age_s,
		.hold_s = guard->stage.hold_s,
		.min_requests = guard->stage.min_requests,
		.p_max = guard->stage.p_max,
		.promotion_ln_e = guard->stage.p_max > 0 ? promotion_ln(&guard->promotion) : 0,
	};

	for (enum arm arm = 0; arm < ARMS; arm++) {
		verdict.stage[arm] = guard->route.stage[arm].counts;
		verdict.minute[arm] = guard->route.minute[arm].counts;
		verdict.slow_share[arm] = series_rate(&guard->over_burn.raw[arm], WINDOW_60_S);
		verdict.units[arm] = guard->sample_ratio.units[arm];
	}
	verdict.left_out = comparison_left_out(&guard->route);
	fill_evidence(guard, &verdict);
	fill_burns(&verdict, &guard->burn, budget, WINDOW_5_MIN, WINDOW_1_H);
	fill_pooled(&verdict, &guard->burn, budget);
	return verdict;
}

/* Nothing speaks against the canary: does enough speak for it? */
static void decide_advance(const struct guard *guard, struct verdict *verdict)
{
	const double rounding_s = 1e-6; /* what many small dt_s add up to */

	if (isinf(guard->stage.hold_s))
		decide(verdict, VERDICT_CONTINUE, REASON_WATCHING);
	else if (guard->stage_age_s + rounding_s < guard->stage.hold_s)
		decide(verdict, VERDICT_CONTINUE, REASON_HOLD_TIME);
	else if (verdict->stage[ARM_CANARY].n < guard->stage.min_requests)
		decide(verdict, VERDICT_CONTINUE, REASON_FEW_REQUESTS);
	else if (guard->stage.p_max > 0 && verdict->promotion_ln_e < log(promotion_odds))
		decide(verdict, VERDICT_CONTINUE, REASON_UNPROVEN);
	else
		decide(verdict, VERDICT_ADVANCE, REASON_PROVEN);
}

static enum verdict_reason reason_of(const struct guard *guard, enum evidence_kind kind)
{
	switch (kind) {
	case EVIDENCE_PATH_ERRORS: return REASON_PATH_WORSE;
	case EVIDENCE_LATENCY: return REASON_SLOWER;
	case EVIDENCE_PATH_LATENCY: return REASON_PATH_SLOWER;
	case EVIDENCE_LATENCY_BUDGET: return REASON_OVER_LATENCY_BUDGET;
	default: return guard->weight < THIN_LEGACY_WEIGHT ? REASON_WORSE : REASON_OVER_BUDGET;
	}
}

/* The absolute guard, of the error budget or the latency budget. */
static bool decide_burn(struct verdict *verdict, const struct burn_watch *watch, double budget,
    enum verdict_reason fast, enum verdict_reason steady)
{
	if (burns_alone(watch, budget, WINDOW_5_MIN, WINDOW_1_H, FAST_BURN)) {
		decide(verdict, VERDICT_ROLL_BACK, fast);
		fill_burns(verdict, watch, budget, WINDOW_5_MIN, WINDOW_1_H);
	} else if (burns_alone(watch, budget, WINDOW_30_MIN, WINDOW_6_H, STEADY_BURN)) {
		decide(verdict, VERDICT_ROLL_BACK, steady);
		fill_burns(verdict, watch, budget, WINDOW_30_MIN, WINDOW_6_H);
	} else {
		return false;
	}
	return true;
}

/* True where it is ROLL_BACK. */
static bool decide_rollback(
    const struct guard *guard, const struct guard_case *against, struct verdict *verdict)
{
	if (against->certain >= 1 / guard->params.alpha &&
	    against->convicted.kind != EVIDENCE_KINDS) {
		verdict->accuser = against->convicted;
		decide(verdict, VERDICT_ROLL_BACK, reason_of(guard, verdict->accuser.kind));
		return true;
	}
	if (decide_burn(verdict, &guard->burn, guard_budget(guard), REASON_BURNS_FAST,
		REASON_BURNS_STEADILY))
		return true;
	return guard->params.latency_budget_share > 0 &&
	       decide_burn(verdict, &guard->over_burn, guard_latency_budget(guard),
		   REASON_LATENCY_BURNS_FAST, REASON_LATENCY_BURNS_STEADILY);
}

static bool decide_shared(const struct guard *guard, struct verdict *verdict)
{
	const struct compared_arm *stage = guard->route.stage;
	const struct arm_counts *over = guard->over_totals;

	if (burn_is_shared(&guard->burn, guard_budget(guard),
		stage[ARM_CANARY].counts.bad + stage[ARM_LEGACY].counts.bad)) {
		decide(verdict, VERDICT_HOLD_SHARED, REASON_SHARED);
		return true;
	}
	if (guard->params.latency_budget_share > 0 &&
	    burn_is_shared(&guard->over_burn, guard_latency_budget(guard),
		over[ARM_CANARY].bad + over[ARM_LEGACY].bad)) {
		decide(verdict, VERDICT_HOLD_SHARED, REASON_SHARED_LATENCY);
		fill_pooled(verdict, &guard->over_burn, guard_latency_budget(guard));
		return true;
	}
	return false;
}

/* A path class is about to be withdrawn by itself: the route need not go with it. */
static bool is_one_path(const struct guard *guard, struct verdict *verdict)
{
	bool latency = false;

	switch (verdict->reason) {
	case REASON_SLOWER:
	case REASON_PATH_SLOWER:
	case REASON_OVER_LATENCY_BUDGET:
	case REASON_LATENCY_BURNS_FAST:
	case REASON_LATENCY_BURNS_STEADILY: latency = true; break;
	default: break;
	}
	return guard->params.by_path &&
	       guard_case_is_one_path(guard, latency, &verdict->accuser);
}

struct verdict guard_judge(const struct guard *guard)
{
	struct verdict verdict = describe(guard);
	double suspicious = sqrt(1 / guard->params.alpha);
	struct guard_case against = { .suspected = { .kind = EVIDENCE_KINDS },
		.convicted = { .kind = EVIDENCE_KINDS } };

	if (guard->weight <= 0) {
		decide(&verdict, VERDICT_CONTINUE, REASON_NOT_EXPOSED);
		return verdict;
	}
	/* It is worth E at most. */
	if (verdict.ln_e >= log(suspicious))
		against = guard_case_weigh(guard);
	if (decide_rollback(guard, &against, &verdict)) {
		if (is_one_path(guard, &verdict))
			decide(&verdict, VERDICT_HOLD_SUSPECT, REASON_SUSPECT_PATH);
	} else if (decide_shared(guard, &verdict)) {
		/* It says so itself. */
	} else if (sample_ratio_is_off(&guard->sample_ratio)) {
		decide(&verdict, VERDICT_HOLD_SUSPECT, REASON_SAMPLE_RATIO);
	} else if (against.suspect >= suspicious && against.suspected.kind != EVIDENCE_KINDS) {
		verdict.accuser = against.suspected;
		decide(&verdict, VERDICT_HOLD_SUSPECT, REASON_SUSPECT);
	} else {
		decide_advance(guard, &verdict);
	}
	return verdict;
}

#include "rollout/guard.h"

#include <math.h>

/* docs/policy.md, 6 and 7. */
static const double error_share = 0.40; /* of E; the rest is kept for the other evidence */
static const double evidence_life_s = 86400;
static const double thin_legacy = 0.9; /* at this weight legacy is too thin to compare with */
static const double fast_burn = 14.4;
static const double steady_burn = 6;
static const double excused_burn =
    1.0 / 3; /* of those: legacy in trouble too excuses the canary */
static const double burn_failures = 10;
static const double least_failures = 3;
static const double promotion_odds = 20;
static const double least_budget = 1e-6;
static const double idle_limit_s = 60; /* without canary traffic a stage stands still */

static double budget_of(const struct guard *guard)
{
	return fmax(guard->params.budget, least_budget);
}

static void begin_evidence(struct guard *guard)
{
	eprocess_init(&guard->errors, ERROR_BETS);
	eprocess_init(&guard->one_sample, ONE_SAMPLE_BETS);
	guard->evidence_age_s = 0;
}

void guard_init(
    struct guard *guard, const struct guard_params *params, const struct guard_stage *stage)
{
	*guard = (struct guard) { .params = *params };
	begin_evidence(guard);
	guard_begin_stage(guard, stage, false);
}

void guard_begin_stage(struct guard *guard, const struct guard_stage *stage, bool raised)
{
	guard->stage = *stage;
	guard->stage_age_s = 0;
	guard->idle_s = 0;
	guard->distinct_failures = 0;
	for (enum arm arm = 0; arm < ARMS; arm++)
		guard->totals[arm] = (struct arm_counts) { 0 };
	promotion_init(&guard->promotion);
	if (raised) {
		eprocess_raise(&guard->errors);
		eprocess_raise(&guard->one_sample);
	}
}

void guard_set_params(struct guard *guard, const struct guard_params *params)
{
	guard->params = *params;
}

void guard_set_stage(struct guard *guard, const struct guard_stage *stage)
{
	/* What was bet against another p_max says nothing about this one. */
	if (stage->p_max != guard->stage.p_max)
		promotion_init(&guard->promotion);
	guard->stage = *stage;
}

double guard_ln_e(const struct guard *guard)
{
	/* Each entry bets in one of the two forms only, so their product is one capital. */
	double ln_m = eprocess_ln(&guard->errors) + eprocess_ln(&guard->one_sample);
	double terms[] = { log(error_share) + ln_m, log(1 - error_share) };

	return log_sum_exp(terms, 2);
}

/* What was counted under one weight, whenever: the bets and the windows. */
static void observe(struct guard *guard, const struct guard_entry *entry, double dt_s)
{
	double w = entry->weight;
	const struct arm_counts *canary = &entry->arms[ARM_CANARY];
	const struct arm_counts *legacy = &entry->arms[ARM_LEGACY];

	if (w < thin_legacy)
		eprocess_errors(&guard->errors, dt_s, w, canary->bad, legacy->bad);
	else
		eprocess_one_sample(&guard->one_sample, dt_s, fast_burn * budget_of(guard),
		    canary->n, canary->bad);
	guard->distinct_failures += canary->bad;
	for (enum arm arm = 0; arm < ARMS; arm++) {
		const struct arm_counts *counts = &entry->arms[arm];

		series_add(&guard->series[arm], counts->n, counts->bad);
		series_add(&guard->raw[arm], counts->n, counts->failed);
	}
	if (w < 1)
		series_add(&guard->matched, legacy->n * w / (1 - w), legacy->bad * w / (1 - w));
}

/* What was counted under the weight in force: the stage itself. */
static void observe_stage(struct guard *guard, const struct guard_entry *entry)
{
	const struct arm_counts *canary = &entry->arms[ARM_CANARY];

	for (enum arm arm = 0; arm < ARMS; arm++) {
		guard->totals[arm].n += entry->arms[arm].n;
		guard->totals[arm].bad += entry->arms[arm].bad;
		guard->totals[arm].failed += entry->arms[arm].failed;
	}
	if (guard->stage.p_max > 0)
		promotion_observe(&guard->promotion, entry->weight, guard->stage.p_max,
		    canary->n, canary->bad, entry->arms[ARM_LEGACY].bad);
}

static void take_in(struct guard *guard, const struct guard_tick *tick)
{
	struct series_decay decay = series_decay_of(tick->dt_s);
	const struct guard_entry *current = &tick->entries[0];

	for (enum arm arm = 0; arm < ARMS; arm++) {
		series_age(&guard->series[arm], &decay);
		series_age(&guard->raw[arm], &decay);
	}
	series_age(&guard->matched, &decay);
	for (size_t i = 0; i < tick->n_entries; i++)
		if (tick->entries[i].weight > 0)
			observe(guard, &tick->entries[i], i == 0 ? tick->dt_s : 0);
	guard->weight = tick->n_entries > 0 ? current->weight : 0;
	if (guard->weight <= 0)
		return;
	guard->evidence_age_s += tick->dt_s;
	observe_stage(guard, current);
	guard->idle_s = current->arms[ARM_CANARY].n > 0 ? 0 : guard->idle_s + tick->dt_s;
	if (!tick->hold_stopped && guard->idle_s < idle_limit_s)
		guard->stage_age_s += tick->dt_s;
}

static double rate(const struct arm_counts *counts)
{
	return counts->n > 0 ? counts->bad / counts->n : 0;
}

/* A difference that matters, however certain it is. */
static bool is_material(const struct guard *guard, const struct arm_counts arms[ARMS])
{
	double legacy = rate(&arms[ARM_LEGACY]);
	double excess = rate(&arms[ARM_CANARY]) - legacy;

	return excess >= fmax(budget_of(guard) / 10, 0.05 * legacy);
}

static double burn(
    const struct guard *guard, const struct series *series, enum series_window window)
{
	return series_rate(series, window) / budget_of(guard);
}

/*
 * The absolute guard: the canary burns its own budget and legacy does not. Legacy is
 * looked at as it was, and as it would have been with the canary's share of the
 * traffic: after a raise the canary's window is mostly new and legacy's mostly old,
 * and an outage of both would show in the canary's first. At ten failures both rates
 * are uncertain, so a third of the limit excuses: in between, E is the better judge.
 */
static bool burns_alone(const struct guard *guard, enum series_window narrow,
    enum series_window wide, double factor)
{
	const struct series *canary = &guard->series[ARM_CANARY];
	const struct series *legacy = &guard->series[ARM_LEGACY];

	return canary->bad[narrow] >= burn_failures && burn(guard, canary, narrow) >= factor &&
	       burn(guard, canary, wide) >= factor &&
	       burn(guard, legacy, narrow) < factor * excused_burn &&
	       burn(guard, &guard->matched, narrow) < factor * excused_burn;
}

/*
 * A budget is a share of requests, so here every failure counts: were each user's
 * counted once, an outage would seem to end when all users have met it.
 */
static double pooled_burn(const struct guard *guard, enum series_window window)
{
	double n = 0, failed = 0;

	for (enum arm arm = 0; arm < ARMS; arm++) {
		n += guard->raw[arm].n[window];
		failed += guard->raw[arm].bad[window];
	}
	return n > 0 ? failed / n / budget_of(guard) : 0;
}

/* With no legacy traffic nothing is shared; nor is what a handful of users meet. */
static bool is_shared(const struct guard *guard)
{
	return guard->raw[ARM_LEGACY].n[WINDOW_60_S] > 0 &&
	       guard->totals[ARM_CANARY].bad + guard->totals[ARM_LEGACY].bad >= burn_failures &&
	       pooled_burn(guard, WINDOW_60_S) >= fast_burn &&
	       pooled_burn(guard, WINDOW_5_MIN) >= fast_burn;
}

static void decide(
    struct verdict *verdict, enum verdict_action action, enum verdict_reason reason)
{
	verdict->action = action;
	verdict->reason = reason;
}

static void fill_burns(const struct guard *guard, struct verdict *verdict,
    enum series_window narrow, enum series_window wide)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		verdict->burn_short[arm] = burn(guard, &guard->series[arm], narrow);
		verdict->burn_long[arm] = burn(guard, &guard->series[arm], wide);
	}
}

static struct verdict describe(const struct guard *guard)
{
	struct verdict verdict = {
		.ln_e = guard_ln_e(guard),
		.alpha = guard->params.alpha,
		.budget = budget_of(guard),
		.weight = guard->weight,
		.failures = guard->distinct_failures,
		.pooled_burn_60_s = pooled_burn(guard, WINDOW_60_S),
		.pooled_burn_5_min = pooled_burn(guard, WINDOW_5_MIN),
		.stage_age_s = guard->stage_age_s,
		.hold_s = guard->stage.hold_s,
		.min_requests = guard->stage.min_requests,
		.p_max = guard->stage.p_max,
		.promotion_ln_e = guard->stage.p_max > 0 ? promotion_ln(&guard->promotion) : 0,
	};

	for (enum arm arm = 0; arm < ARMS; arm++) {
		verdict.stage[arm] = guard->totals[arm];
		verdict.minute[arm] = (struct arm_counts) {
			.n = guard->series[arm].n[WINDOW_60_S],
			.bad = guard->series[arm].bad[WINDOW_60_S],
			.failed = guard->raw[arm].bad[WINDOW_60_S],
		};
	}
	fill_burns(guard, &verdict, WINDOW_5_MIN, WINDOW_1_H);
	verdict.material_in_stage = is_material(guard, verdict.stage);
	verdict.material = verdict.material_in_stage || is_material(guard, verdict.minute);
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
	else if (guard->totals[ARM_CANARY].n < guard->stage.min_requests)
		decide(verdict, VERDICT_CONTINUE, REASON_FEW_REQUESTS);
	else if (guard->stage.p_max > 0 && verdict->promotion_ln_e < log(promotion_odds))
		decide(verdict, VERDICT_CONTINUE, REASON_UNPROVEN);
	else
		decide(verdict, VERDICT_ADVANCE, REASON_PROVEN);
}

static struct verdict judge(const struct guard *guard)
{
	struct verdict verdict = describe(guard);
	double certain = -log(guard->params.alpha);

	if (guard->weight <= 0) {
		decide(&verdict, VERDICT_CONTINUE, REASON_NOT_EXPOSED);
	} else if (verdict.ln_e >= certain && verdict.failures >= least_failures &&
		   verdict.material) {
		decide(&verdict, VERDICT_ROLL_BACK,
		    guard->weight < thin_legacy ? REASON_WORSE : REASON_OVER_BUDGET);
	} else if (burns_alone(guard, WINDOW_5_MIN, WINDOW_1_H, fast_burn)) {
		decide(&verdict, VERDICT_ROLL_BACK, REASON_BURNS_FAST);
	} else if (burns_alone(guard, WINDOW_30_MIN, WINDOW_6_H, steady_burn)) {
		decide(&verdict, VERDICT_ROLL_BACK, REASON_BURNS_STEADILY);
		fill_burns(guard, &verdict, WINDOW_30_MIN, WINDOW_6_H);
	} else if (is_shared(guard)) {
		decide(&verdict, VERDICT_HOLD_SHARED, REASON_SHARED);
	} else if (verdict.ln_e >= certain / 2 && verdict.material) {
		decide(&verdict, VERDICT_HOLD_SUSPECT, REASON_SUSPECT);
	} else {
		decide_advance(guard, &verdict);
	}
	return verdict;
}

struct verdict guard_tick(struct guard *guard, const struct guard_tick *tick)
{
	if (guard->evidence_age_s >= evidence_life_s)
		begin_evidence(guard);
	take_in(guard, tick);
	return judge(guard);
}

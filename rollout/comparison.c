#include "rollout/comparison.h"

#include <math.h>

static const double window_s = 60;

void weight_bets_init(struct weight_bets *bets, double weight)
{
	bets->weight = weight;
	eprocess_error_bets(&bets->errors, weight);
	latency_bets_init(&bets->latency, weight);
}

void comparison_init(struct comparison *comparison, double now_s)
{
	*comparison = (struct comparison) { .now_s = now_s, .harm_now_s = now_s };
	failure_bets_init(&comparison->errors);
	latency_init(&comparison->latency);
}

void comparison_begin_evidence(struct comparison *comparison, double evidence_s)
{
	failure_bets_init(&comparison->errors);
	latency_begin_evidence(&comparison->latency);
	comparison->evidence_s = comparison->harm_evidence_s = evidence_s;
}

void comparison_begin_stage(struct comparison *comparison)
{
	for (enum arm arm = 0; arm < ARMS; arm++)
		comparison->stage[arm] = (struct compared_arm) { .counts = { 0 } };
}

void comparison_raise(struct comparison *comparison)
{
	failure_bets_raise(&comparison->errors);
	latency_raise(&comparison->latency);
}

void comparison_begin_latency(struct comparison *comparison)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
			comparison->stage[arm].slow[i] = comparison->stage[arm].good[i] = 0;
			comparison->minute[arm].slow[i] = comparison->minute[arm].good[i] = 0;
		}
	}
}

static void age(struct compared_arm *arm, double keep)
{
	arm->counts.n *= keep;
	arm->counts.bad *= keep;
	arm->counts.failed *= keep;
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		arm->slow[i] *= keep;
		arm->good[i] *= keep;
		arm->left_out[i] *= keep;
	}
}

void comparison_pass(struct comparison *comparison, const struct comparison_tick *tick)
{
	double evidence_dt_s = fmax(0, tick->evidence_s - comparison->evidence_s);
	double dt_s = fmax(0, tick->now_s - comparison->now_s);

	if (evidence_dt_s > 0 || dt_s > 0)
		latency_pass(&comparison->latency, evidence_dt_s, dt_s);
	if (dt_s > 0) {
		double keep = exp(-dt_s / window_s);

		for (enum arm arm = 0; arm < ARMS; arm++)
			age(&comparison->minute[arm], keep);
	}
	comparison->evidence_s = tick->evidence_s;
	comparison->now_s = tick->now_s;
}

void comparison_pass_harm(struct comparison *comparison)
{
	double evidence_dt_s = comparison->evidence_s - comparison->harm_evidence_s;
	double dt_s = comparison->now_s - comparison->harm_now_s;

	if (evidence_dt_s > 0)
		failure_bets_pass(&comparison->errors, evidence_dt_s);
	if (evidence_dt_s > 0 || dt_s > 0)
		latency_pass_far(&comparison->latency, evidence_dt_s, dt_s);
	comparison->harm_evidence_s = comparison->evidence_s;
	comparison->harm_now_s = comparison->now_s;
}

static void add(struct compared_arm *arm, const struct guard_entry *entry,
    const struct evidence_counts *counts, const double left_out[LATENCY_THRESHOLDS])
{
	arm->counts.n += counts->n;
	arm->counts.bad += counts->bad;
	arm->counts.failed += counts->failed;
	for (size_t i = 0; i < LATENCY_THRESHOLDS && entry->has_latency; i++) {
		arm->slow[i] += counts->slow[i];
		arm->good[i] += counts->good[i] - left_out[i];
		arm->left_out[i] += left_out[i];
	}
}

bool comparison_observe(struct comparison *comparison, const struct comparison_tick *tick,
    const struct guard_entry *entry, const struct weight_bets *bets)
{
	const struct evidence_counts *canary = &entry->arms[ARM_CANARY];
	struct failure_counts failures = {
		.canary_n = canary->n,
		.canary_bad = canary->bad,
		.legacy_bad = entry->arms[ARM_LEGACY].bad,
	};

	double left_out[ARMS][LATENCY_THRESHOLDS] = { { 0 } };
	bool harm = failure_bets_have_news(entry->weight, &failures) ||
		    (entry->has_latency && latency_has_far(entry->arms));

	if (harm) {
		comparison_pass_harm(comparison);
		failure_bets_observe(
		    &comparison->errors, entry->weight, &bets->errors, tick->p0, &failures);
	}
	if (entry->has_latency)
		latency_observe(&comparison->latency, &bets->latency, &bets->errors,
		    entry->arms, tick->least_d, tick->squared, left_out[ARM_LEGACY]);
	for (enum arm arm = 0; arm < ARMS; arm++) {
		if (entry->weight == tick->weight)
			add(&comparison->stage[arm], entry, &entry->arms[arm], left_out[arm]);
		add(&comparison->minute[arm], entry, &entry->arms[arm], left_out[arm]);
	}
	return harm;
}

/* What has failed or is slow counts as a request before it has ended. */
static double rate(const struct arm_counts *counts)
{
	double n = fmax(counts->n, counts->bad);

	return n > 0 ? counts->bad / n : 0;
}

bool is_material(const struct arm_counts arms[ARMS], double budget)
{
	double legacy = rate(&arms[ARM_LEGACY]);
	double excess = rate(&arms[ARM_CANARY]) - legacy;

	return excess >= fmax(budget / 10, 0.05 * legacy);
}

double excess_of(const struct arm_counts arms[ARMS])
{
	return arms[ARM_CANARY].bad - arms[ARM_CANARY].n * rate(&arms[ARM_LEGACY]);
}

struct difference comparison_errors(const struct comparison *comparison, double budget)
{
	struct difference stage = { .in_stage = true }, minute = { .in_stage = false };

	for (enum arm arm = 0; arm < ARMS; arm++)
		stage.arms[arm] = comparison->stage[arm].counts;
	stage.material = is_material(stage.arms, budget);
	if (stage.material)
		return stage;
	for (enum arm arm = 0; arm < ARMS; arm++)
		minute.arms[arm] = comparison->minute[arm].counts;
	minute.material = is_material(minute.arms, budget);
	return minute.material ? minute : stage;
}

struct arm_counts compared_slow(
    const struct compared_arm *arm, enum latency_threshold threshold)
{
	double n = arm->slow[threshold] + arm->good[threshold];

	/* No good[far] is counted: its requests are those that q99 was held against. */
	if (threshold == THRESHOLD_FAR)
		n = fmax(n, arm->slow[THRESHOLD_Q99] + arm->good[THRESHOLD_Q99]);
	return (struct arm_counts) {
		.n = n,
		.bad = arm->slow[threshold],
		.failed = arm->slow[threshold],
	};
}

double comparison_left_out(const struct comparison *comparison)
{
	const struct compared_arm *legacy = &comparison->minute[ARM_LEGACY];
	double left_out = 0;

	for (size_t i = 0; i < LATENCY_QUANTILES; i++)
		left_out = fmax(left_out, legacy->left_out[i]);
	return legacy->counts.n > 0 ? fmin(1, left_out / legacy->counts.n) : 0;
}

struct difference comparison_slow(
    const struct comparison *comparison, enum latency_threshold threshold)
{
	double tail = latency_tail(threshold);
	struct difference stage = { .in_stage = true }, minute = { .in_stage = false };

	for (enum arm arm = 0; arm < ARMS; arm++)
		stage.arms[arm] = compared_slow(&comparison->stage[arm], threshold);
	stage.material = is_material(stage.arms, tail);
	if (stage.material)
		return stage;
	for (enum arm arm = 0; arm < ARMS; arm++)
		minute.arms[arm] = compared_slow(&comparison->minute[arm], threshold);
	minute.material = is_material(minute.arms, tail);
	return minute.material ? minute : stage;
}

#include "rollout/guard_batch.h"

bool guard_batch_takes(const struct guard_entry *entry)
{
	const struct evidence_counts *canary = &entry->arms[ARM_CANARY];
	const struct evidence_counts *legacy = &entry->arms[ARM_LEGACY];

	return (canary->bad | canary->failed | legacy->bad | legacy->failed |
		   canary->slow[THRESHOLD_FAR] | legacy->slow[THRESHOLD_FAR] |
		   legacy->half_slow[0][THRESHOLD_FAR] | legacy->half_slow[1][THRESHOLD_FAR]) ==
	       0;
}

void guard_batch_begin(
    struct guard_batch *batch, const struct comparison_tick *now, bool has_latency)
{
	*batch = (struct guard_batch) {
		.evidence_s = now->evidence_s,
		.has_latency = has_latency,
	};
	for (size_t i = 0; i < LATENCY_QUANTILES; i++)
		batch->least_d[i] = (float)now->least_d[i];
}

void guard_batch_add(struct guard_batch *batch, const struct guard_entry *entry)
{
	const struct evidence_counts *legacy = &entry->arms[ARM_LEGACY];

	for (enum arm arm = 0; arm < ARMS; arm++) {
		const struct evidence_counts *counts = &entry->arms[arm];

		batch->n[arm] += counts->n;
		for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
			batch->slow[arm][i] += counts->slow[i];
			batch->good[arm][i] += counts->good[i];
		}
	}
	for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
		uint32_t h1 = legacy->half_slow[0][i], h2 = legacy->half_slow[1][i];

		batch->half_slow[0][i] += h1;
		batch->half_slow[1][i] += h2;
		batch->squared[i] += (float)design_effect_square(h1, h2);
	}
	for (size_t half = 0; half < 2; half++)
		batch->half_n[half] += legacy->half_n[half];
}

static struct guard_entry entry_of(const struct guard_batch *batch, double weight)
{
	struct guard_entry entry = { .weight = weight, .has_latency = batch->has_latency };
	struct evidence_counts *legacy = &entry.arms[ARM_LEGACY];

	for (enum arm arm = 0; arm < ARMS; arm++) {
		struct evidence_counts *counts = &entry.arms[arm];

		counts->n = batch->n[arm];
		for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
			counts->slow[i] = batch->slow[arm][i];
			counts->good[i] = batch->good[arm][i];
		}
	}
	for (size_t half = 0; half < 2; half++) {
		legacy->half_n[half] = batch->half_n[half];
		for (size_t i = 0; i < LATENCY_QUANTILES; i++)
			legacy->half_slow[half][i] = batch->half_slow[half][i];
	}
	return entry;
}

/* What guard_batch_takes() did not let wait. */
static void add_harm(struct guard_entry *entry, const struct guard_entry *harm)
{
	const enum latency_threshold far = THRESHOLD_FAR;

	for (enum arm arm = 0; arm < ARMS; arm++) {
		entry->arms[arm].bad = harm->arms[arm].bad;
		entry->arms[arm].failed = harm->arms[arm].failed;
		entry->arms[arm].slow[far] = harm->arms[arm].slow[far];
		entry->arms[arm].good[far] = harm->arms[arm].good[far];
		for (size_t half = 0; half < 2; half++)
			entry->arms[arm].half_slow[half][far] =
			    harm->arms[arm].half_slow[half][far];
	}
}

bool guard_batch_settle(const struct guard_batch *batch, const struct guard_entry *harm,
    struct comparison *path, const struct comparison_tick *now, const struct weight_bets *bets)
{
	double least_d[LATENCY_THRESHOLDS] = { [THRESHOLD_FAR] = now->least_d[THRESHOLD_FAR] };
	struct guard_entry entry = entry_of(batch, now->weight);
	double squared[LATENCY_QUANTILES];
	struct comparison_tick then = *now;

	if (harm != NULL)
		add_harm(&entry, harm);

	for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
		least_d[i] = batch->least_d[i];
		squared[i] = batch->squared[i];
	}
	/* Time that passed since has staked nothing on it: that would be betting late. */
	then.evidence_s = batch->evidence_s;
	then.least_d = least_d;
	then.squared = squared;
	comparison_pass(path, &then);
	return comparison_observe(path, &then, &entry, bets);
}

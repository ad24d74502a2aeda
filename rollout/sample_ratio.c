#include "rollout/sample_ratio.h"

#include "rollout/eprocess.h"

#include <math.h>

static const double ratios[SAMPLE_RATIO_BETS] = { 0.8, 0.9, 1.1, 1.25 };
static const double off = 10000;

void sample_ratio_init(struct sample_ratio *ratio)
{
	*ratio = (struct sample_ratio) { .expected = 0 };
}

void sample_ratio_observe(
    struct sample_ratio *ratio, double w, double canary_units, double legacy_units)
{
	if (w <= 0 || w >= 1 || canary_units + legacy_units <= 0)
		return;
	for (size_t i = 0; i < SAMPLE_RATIO_BETS; i++)
		ratio->ll[i] += eprocess_ll(canary_units, legacy_units, w, ratios[i], 1);
	ratio->units[ARM_CANARY] += canary_units;
	ratio->units[ARM_LEGACY] += legacy_units;
	ratio->expected += w * (canary_units + legacy_units);
}

double sample_ratio_ln(const struct sample_ratio *ratio)
{
	return log_sum_exp(ratio->ll, SAMPLE_RATIO_BETS) - log(SAMPLE_RATIO_BETS);
}

bool sample_ratio_is_off(const struct sample_ratio *ratio)
{
	return sample_ratio_ln(ratio) >= log(off);
}

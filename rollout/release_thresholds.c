#include "rollout/release_parts.h"

/* docs/policy.md, 5. */
static const double cold_factor = 4;
static const int64_t cold_us = 60000000;
static const uint64_t least_legacy_requests = 100;

/* There are two arms to compare. */
static bool is_compared(const struct release *release)
{
	const struct plan *plan = &release->plan;

	return plan->weight_ppm > 0 && plan->weight_ppm < PPM && !plan_is_latched(plan);
}

uint64_t release_warm_us(const struct release *release)
{
	int64_t warm_us = release->stage_began_us + cold_us;

	if (!release->thresholds_on || !is_compared(release) ||
	    handicap_equal(&release->handicap, &release->warm))
		return UINT64_MAX;
	return warm_us > 0 ? (uint64_t)warm_us : 0;
}

void release_tend_thresholds(
    struct release *release, const struct release_clock *clock, struct release_step *step)
{
	bool is_cold = (int64_t)clock->now_us - release->stage_began_us < cold_us;
	struct handicap handicap = release->warm;
	bool is_frozen =
	    release->thresholds_on && release->thresholds_stage == release->plan.entered;

	if (is_cold)
		handicap.factor = cold_factor;
	if (!is_compared(release) || release->legacy_requests < least_legacy_requests ||
	    (is_frozen && handicap_equal(&release->handicap, &handicap)))
		return;
	step->thresholds = is_frozen ? THRESHOLDS_SETTLE : THRESHOLDS_FREEZE;
	step->handicap = handicap;
	release->thresholds_on = true;
	release->thresholds_stage = release->plan.entered;
	release->handicap = handicap;
	/* One new generation for all that this step changes. */
	if (!step->new_weight)
		release_new_generation(release, step);
	release->has_thresholds[release->generation % EVIDENCE_GENERATIONS] = true;
}

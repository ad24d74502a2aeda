#include "rollout/release_parts.h"

/* docs/policy.md, 5. */
static const double cold_handicap = 4;
static const double cold_s = 60;
static const uint64_t least_legacy_requests = 100;

/* There are two arms to compare. */
static bool is_compared(const struct release *release)
{
	const struct plan *plan = &release->plan;

	return plan->weight_ppm > 0 && plan->weight_ppm < PPM && !plan_is_latched(plan);
}

static double settled_handicap(const struct release *release)
{
	return 1 + release->latency_tolerance;
}

bool release_is_warming_up(const struct release *release)
{
	return release->thresholds_on && is_compared(release) &&
	       release->handicap != settled_handicap(release);
}

void release_tend_thresholds(
    struct release *release, const struct release_clock *clock, struct release_step *step)
{
	bool is_cold = release_stage_age_s(release, clock) < cold_s;
	double handicap = is_cold ? cold_handicap : settled_handicap(release);
	bool is_frozen =
	    release->thresholds_on && release->thresholds_stage == release->plan.entered;

	if (!is_compared(release) || release->legacy_requests < least_legacy_requests ||
	    (is_frozen && release->handicap == handicap))
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

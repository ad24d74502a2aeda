#include "rollout/burn_watch.h"

#include <math.h>
#include <stddef.h>

/* At ten failures both rates are uncertain: legacy in trouble too excuses the canary. */
static const double excused = 1.0 / 3;
/* Legacy's window, in canary requests, below which it is what is left of an older stage. */
static const double present = 0.005;

void burn_watch_age(struct burn_watch *watch, const struct series_decay *decay)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		series_age(&watch->units[arm], decay);
		series_age(&watch->raw[arm], decay);
	}
	series_age(&watch->matched, decay);
}

void burn_watch_observe(struct burn_watch *watch, double w, const struct arm_counts arms[ARMS])
{
	const struct arm_counts *legacy = &arms[ARM_LEGACY];

	for (enum arm arm = 0; arm < ARMS; arm++) {
		series_add(&watch->units[arm], arms[arm].n, arms[arm].bad);
		series_add(&watch->raw[arm], arms[arm].n, arms[arm].failed);
	}
	if (w < 1)
		series_add(&watch->matched, legacy->n * w / (1 - w), legacy->bad * w / (1 - w));
}

double burn_watch_rate(
    const struct burn_watch *watch, enum arm arm, double budget, enum series_window window)
{
	return series_rate(&watch->units[arm], window) / budget;
}

/*
 * A budget is a share of requests, so here every failure counts: were each user's
 * counted once, an outage would seem to end when all users have met it.
 */
double burn_watch_pooled(
    const struct burn_watch *watch, double budget, enum series_window window)
{
	double n = 0, failed = 0;

	for (enum arm arm = 0; arm < ARMS; arm++) {
		n += fmax(watch->raw[arm].n[window], watch->raw[arm].bad[window]);
		failed += watch->raw[arm].bad[window];
	}
	return n > 0 ? failed / n / budget : 0;
}

static bool has_legacy(const struct burn_watch *watch, enum series_window window)
{
	const struct series *series = watch->raw;

	return series[ARM_LEGACY].n[window] > present * series[ARM_CANARY].n[window];
}

/*
 * Legacy is looked at as it was, and as it would have been with the canary's share of
 * the traffic: after a raise the canary's window is mostly new and legacy's mostly
 * old, and an outage of both would show in the canary's first.
 */
bool burn_is_excused(
    const struct burn_watch *watch, double budget, enum series_window window, double factor)
{
	double limit = factor * excused;

	return has_legacy(watch, window) &&
	       (burn_watch_rate(watch, ARM_LEGACY, budget, window) >= limit ||
		   series_rate(&watch->matched, window) / budget >= limit);
}

bool burns_alone(const struct burn_watch *watch, double budget, enum series_window narrow,
    enum series_window wide, double factor)
{
	return watch->units[ARM_CANARY].bad[narrow] >= BURN_FAILURES &&
	       burn_watch_rate(watch, ARM_CANARY, budget, narrow) >= factor &&
	       burn_watch_rate(watch, ARM_CANARY, budget, wide) >= factor &&
	       !burn_is_excused(watch, budget, narrow, factor);
}

/* With no legacy traffic nothing is shared; nor is what a handful of users meet. */
bool burn_is_shared(const struct burn_watch *watch, double budget, double failures)
{
	return has_legacy(watch, WINDOW_60_S) && failures >= BURN_FAILURES &&
	       burn_watch_pooled(watch, budget, WINDOW_60_S) >= FAST_BURN &&
	       burn_watch_pooled(watch, budget, WINDOW_5_MIN) >= FAST_BURN;
}

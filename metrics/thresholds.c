#include "metrics/thresholds.h"

static uint32_t clamped(double us)
{
	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

bool thresholds_quantiles(const struct histogram_sum *legacy, uint32_t us[LATENCY_THRESHOLDS])
{
	static const double quantiles[] = { 0.5, 0.9, 0.99 };

	if (legacy->count < THRESHOLD_SAMPLES_MIN)
		return false;
	for (unsigned i = 0; i < THRESHOLD_FAR; i++)
		us[i] = clamped((double)histogram_quantile(legacy, quantiles[i]));
	us[THRESHOLD_FAR] = clamped(2.0 * us[THRESHOLD_Q99]);
	return true;
}

void thresholds_publish(
    struct thresholds *thresholds, uint32_t generation, const struct handicap *handicap)
{
	/* Whoever still works under an older generation compares with none of these. */
	atomic_store_explicit(&thresholds->since, generation, memory_order_release);
	for (unsigned c = 0; c < PATH_CLASSES; c++) {
		for (unsigned i = 0; i < LATENCY_THRESHOLDS; i++) {
			uint32_t legacy = thresholds->frozen_us[c][i];

			atomic_store_explicit(
			    &thresholds->of[c][ARM_LEGACY].us[i], legacy, memory_order_relaxed);
			atomic_store_explicit(&thresholds->of[c][ARM_CANARY].us[i],
			    handicap_canary_us(handicap, legacy), memory_order_relaxed);
		}
	}
}

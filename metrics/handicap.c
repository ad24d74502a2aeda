#include "metrics/handicap.h"

#include <math.h>

uint32_t handicap_canary_us(const struct handicap *handicap, uint32_t legacy_us)
{
	double us = fmax(
	    ceil(legacy_us * handicap->factor), (double)legacy_us + (double)handicap->slack_us);

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

bool handicap_equal(const struct handicap *a, const struct handicap *b)
{
	return a->factor == b->factor && a->slack_us == b->slack_us;
}

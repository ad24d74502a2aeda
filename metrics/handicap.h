/*
 * By how much a canary may be slower than legacy (docs/policy.md, 5): `factor` times as
 * slow, or slack_us slower, whichever is more. A share alone would blame the canary of a
 * very fast service for differences that nobody can feel.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef METRICS_HANDICAP_H
#define METRICS_HANDICAP_H

#include <stdbool.h>
#include <stdint.h>

struct handicap {
	double factor; /* 1.1: 10% slower is not slow; 0: none is in force yet */
	uint32_t slack_us;
};

/* From when on the canary is slow where legacy is from legacy_us on; UINT32_MAX at most. */
uint32_t handicap_canary_us(const struct handicap *handicap, uint32_t legacy_us);

bool handicap_equal(const struct handicap *a, const struct handicap *b);

#endif

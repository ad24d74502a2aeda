/*
 * Whether users arrive at the two arms in the proportion of the weight: if not,
 * something in front of weir caches or re-routes, and no comparison holds
 * (docs/policy.md, 9). On units first seen, never on requests.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_SAMPLE_RATIO_H
#define ROLLOUT_SAMPLE_RATIO_H

#include "base/arm.h"

#include <stdbool.h>

enum {
	SAMPLE_RATIO_BETS = 4
};

struct sample_ratio {
	double ll[SAMPLE_RATIO_BETS];
	double units[ARMS];
	double expected; /* of the canary */
};

void sample_ratio_init(struct sample_ratio *ratio);

/* Units first seen under weight w; at 0 and 1 there is nothing to compare. */
void sample_ratio_observe(
    struct sample_ratio *ratio, double w, double canary_units, double legacy_units);

double sample_ratio_ln(const struct sample_ratio *ratio);

/* At ln 10,000. */
bool sample_ratio_is_off(const struct sample_ratio *ratio);

#endif

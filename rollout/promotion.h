/*
 * Whether a stage has seen enough to go on: evidence against "the canary fails at
 * p_max or more, and at twice legacy's rate or more" (docs/policy.md, 8).
 *
 * Begins anew at each stage. Thread  none of its own; a plain struct.
 */
#ifndef ROLLOUT_PROMOTION_H
#define ROLLOUT_PROMOTION_H

enum {
	PROMOTION_BETS = 3
};

struct promotion {
	double absolute[PROMOTION_BETS]; /* against p_max */
	double relative;                 /* against twice legacy's rate */
};

void promotion_init(struct promotion *promotion);

/* Counted requests and failures under weight w; p_max is 0..1, exclusive. */
void promotion_observe(struct promotion *promotion, double w, double p_max, double canary_n,
    double canary_bad, double legacy_bad);

/* ln E; the stage may advance at ln 20. */
double promotion_ln(const struct promotion *promotion);

#endif

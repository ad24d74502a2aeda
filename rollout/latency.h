/*
 * The latency evidence of a route or a path class: bets on which arm the requests
 * past each of legacy's frozen quantiles were on, and those that stayed below it
 * (docs/policy.md, 5). M is the mean of the four thresholds'.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_LATENCY_H
#define ROLLOUT_LATENCY_H

#include "metrics/evidence.h"
#include "rollout/design_effect.h"
#include "rollout/eprocess.h"
#include "rollout/latency_surplus.h"

#include <stdbool.h>

enum {
	LATENCY_BETS = 5,
	LATENCY_QUANTILES = THRESHOLD_FAR, /* thresholds with a known tail: q50, q90, q99 */
};

/* The bets under one weight; far bets as errors do. */
struct latency_bets {
	struct eprocess_bets slow[LATENCY_QUANTILES];
	struct eprocess_bets good[LATENCY_QUANTILES];
	double room[LATENCY_QUANTILES]; /* latency_surplus.h's, where D is 1 */
};

struct latency {
	struct eprocess thresholds[LATENCY_THRESHOLDS];
	struct design_effect designs[LATENCY_THRESHOLDS];
	struct latency_surplus surplus[LATENCY_QUANTILES];
};

/* The share of legacy's requests past a threshold: what a difference is held against. */
double latency_tail(enum latency_threshold threshold);

void latency_bets_init(struct latency_bets *bets, double w);

void latency_init(struct latency *latency);
/* The bets begin anew; what is known of the clusters stays. */
void latency_begin_evidence(struct latency *latency);
/*
 * Time passes for the quantiles, and for far, which rarely has news, when it has some. The
 * clusters' time goes on without the bets' while nothing is exposed.
 */
void latency_pass(struct latency *latency, double evidence_dt_s, double dt_s);
void latency_pass_far(struct latency *latency, double evidence_dt_s, double dt_s);
bool latency_has_far(const struct evidence_counts arms[ARMS]);
void latency_raise(struct latency *latency);

/*
 * Newly counted under one weight, in (0, 1], whose bets these are: `errors` those on
 * failures. D is legacy's so far, and at least least_d (LATENCY_THRESHOLDS of them).
 * `squared` is design_effect_observe_reads()'s, of each quantile; NULL: it was one read.
 * left_out: how many of legacy's quick requests were no evidence (latency_surplus.h).
 */
void latency_observe(struct latency *latency, const struct latency_bets *bets,
    const struct eprocess_bets *errors, const struct evidence_counts arms[ARMS],
    const double *least_d, const double *squared, double left_out[LATENCY_QUANTILES]);

/* M, and that of each threshold. */
double latency_m(const struct latency *latency);
double latency_m_each(const struct latency *latency, double m[LATENCY_THRESHOLDS]);

#endif

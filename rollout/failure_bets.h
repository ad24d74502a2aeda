/*
 * The evidence on failures of a budget: one e-process that compares the canary with
 * legacy and, where legacy is too thin for that, one that compares it with the budget
 * (docs/policy.md, 3 and 7). Each outcome bets in one of the two forms only, so that
 * their product is one capital.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_FAILURE_BETS_H
#define ROLLOUT_FAILURE_BETS_H

#include "rollout/eprocess.h"

#include <stdbool.h>

/* From this weight on legacy is too thin to compare with. */
#define THIN_LEGACY_WEIGHT 0.9

struct failure_bets {
	struct eprocess two_sample;
	struct eprocess one_sample;
};

/* What was newly counted under one weight. */
struct failure_counts {
	double canary_n;
	double canary_bad;
	double legacy_bad;
};

void failure_bets_init(struct failure_bets *bets);
void failure_bets_pass(struct failure_bets *bets, double dt_s);
void failure_bets_raise(struct failure_bets *bets);

/*
 * `odds` are eprocess_error_bets() of w; p0 is the failure rate that is ruled out in the
 * one-sample form.
 */
void failure_bets_observe(struct failure_bets *bets, double w, const struct eprocess_bets *odds,
    double p0, const struct failure_counts *counts);

/* Whether failure_bets_observe() has anything to bet on. */
bool failure_bets_have_news(double w, const struct failure_counts *counts);

/* M, at most EPROCESS_MAX. */
double failure_bets_m(const struct failure_bets *bets);

#endif

/*
 * An e-process: a bettor's capital that starts at 1 and, while the canary is no
 * worse than legacy, is not expected to grow. The chance that it ever reaches
 * 1/alpha is then at most alpha, however often one looks (Ville's inequality).
 *
 * docs/policy.md, 3. Several bets run side by side; some of the mass is kept
 * back, part to be staked as time passes and part at each raise of the weight, so that
 * a canary that breaks late is still found quickly (Shiryaev's restarts).
 *
 * Where nothing was counted, time only moves mass that is kept back to the bets: it is
 * the same whether it passes at once or bit by bit, and M stays as it is.
 *
 * Thread  none of its own. A plain struct: it can be copied and stored.
 */
#ifndef ROLLOUT_EPROCESS_H
#define ROLLOUT_EPROCESS_H

#include <stddef.h>

enum {
	EPROCESS_BETS_MAX = 6,
	ERROR_BETS = 6,      /* the two-sample form: relative risks 1.2 to 1000 */
	ONE_SAMPLE_BETS = 3, /* the one-sample form: 2, 5, 20 times p0 */
};

struct eprocess {
	double capital[EPROCESS_BETS_MAX];
	size_t n_bets;
	double left_time;
	double left_stage;
};

/*
 * Two-sample bets under one weight: what one event adds to the logarithm of each
 * capital, be it either arm's, and over that where it is the canary's.
 */
struct eprocess_bets {
	size_t n;
	double either[EPROCESS_BETS_MAX];
	double canary[EPROCESS_BETS_MAX];
};

/* No capital grows beyond this. */
#define EPROCESS_MAX 1e300

void eprocess_init(struct eprocess *process, size_t n_bets);

/* Time passes: stakes what was kept for it. */
void eprocess_pass(struct eprocess *process, double dt_s);

/* The bets are settled: ll[i] is the log likelihood ratio of bet i. */
void eprocess_settle(struct eprocess *process, const double *ll);

/* The weight was raised: stakes a part of what was kept for that. */
void eprocess_raise(struct eprocess *process);

/* M, at most EPROCESS_MAX, and ln M. */
double eprocess_m(const struct eprocess *process);
double eprocess_ln(const struct eprocess *process);

/*
 * ll(x, y, w, r, r0): how much better relative risk r than r0 explains that, of
 * x + y failures, x were the canary's, which has the share w of the traffic.
 */
double eprocess_ll(double x, double y, double w, double r, double r0);

/* The bets on the relative risks, n of them, against a risk of 1. */
void eprocess_bets_init(struct eprocess_bets *bets, double w, const double *risks, size_t n);

/* Adds ll(x, y, w, r, 1) of each bet to ll[]. */
void eprocess_bets_add(const struct eprocess_bets *bets, double x, double y, double *ll);

/* Those on failures: relative risks 1.2 to 1000. */
void eprocess_error_bets(struct eprocess_bets *bets, double w);

/* Two-sample errors: newly counted failures of both arms under weight w in (0, 1). */
void eprocess_errors(
    struct eprocess *process, double dt_s, double w, double canary_bad, double legacy_bad);

/* One-sample errors, where the control arm is too thin: null p_canary <= p0. */
void eprocess_one_sample(
    struct eprocess *process, double dt_s, double p0, double n, double bad);

/* ln(sum exp(x)), without overflow. */
double log_sum_exp(const double *x, size_t n);

#endif

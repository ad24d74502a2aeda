#include "rollout/eprocess.h"

#include <math.h>

static const double first_stake = 0.4;
static const double kept_for_time = 0.3;
static const double kept_for_stages = 0.3;
static const double stake_at_raise = 0.05;
static const double day_s = 86400;
static const double max_step = 700; /* exp(700) still fits beside EPROCESS_MAX */

static const double error_risks[ERROR_BETS] = { 1.2, 1.7, 3, 8, 40, 1000 };
static const double one_sample_factors[ONE_SAMPLE_BETS] = { 2, 5, 20 };
static const double max_rate = 0.999;

/* fmin() is a call. */
static double least(double a, double b)
{
	return a < b ? a : b;
}

double log_sum_exp(const double *x, size_t n)
{
	double top = -INFINITY, sum = 0;

	for (size_t i = 0; i < n; i++)
		top = fmax(top, x[i]);
	if (isinf(top))
		return top;
	for (size_t i = 0; i < n; i++)
		sum += exp(x[i] - top);
	return top + log(sum);
}

void eprocess_init(struct eprocess *process, size_t n_bets)
{
	*process = (struct eprocess) {
		.n_bets = n_bets,
		.left_time = kept_for_time,
		.left_stage = kept_for_stages,
	};
	for (size_t i = 0; i < n_bets; i++)
		process->capital[i] = first_stake;
}

void eprocess_pass(struct eprocess *process, double dt_s)
{
	double stake = least(kept_for_time * dt_s / day_s, process->left_time);

	process->left_time -= stake;
	for (size_t i = 0; i < process->n_bets; i++)
		process->capital[i] += stake;
}

void eprocess_settle(struct eprocess *process, const double *ll)
{
	for (size_t i = 0; i < process->n_bets; i++) {
		double capital;

		if (ll[i] == 0)
			continue;
		capital = process->capital[i] *
			  exp(ll[i] < -max_step ? -max_step : least(max_step, ll[i]));
		process->capital[i] = least(EPROCESS_MAX, capital);
	}
}

void eprocess_raise(struct eprocess *process)
{
	double stake = least(stake_at_raise, process->left_stage);

	process->left_stage -= stake;
	for (size_t i = 0; i < process->n_bets; i++)
		process->capital[i] += stake;
}

double eprocess_m(const struct eprocess *process)
{
	double sum = 0; /* no overflow: EPROCESS_MAX leaves room for all bets */

	for (size_t i = 0; i < process->n_bets; i++)
		sum += process->capital[i];
	return process->left_time + process->left_stage + sum / (double)process->n_bets;
}

double eprocess_ln(const struct eprocess *process)
{
	return log(eprocess_m(process));
}

double eprocess_ll(double x, double y, double w, double r, double r0)
{
	return x * log(r / r0) - (x + y) * (log1p(w * (r - 1)) - log1p(w * (r0 - 1)));
}

void eprocess_bets_init(struct eprocess_bets *bets, double w, const double *risks, size_t n)
{
	*bets = (struct eprocess_bets) { .n = n };
	for (size_t i = 0; i < n; i++) {
		bets->either[i] = -log1p(w * (risks[i] - 1));
		bets->canary[i] = log(risks[i]);
	}
}

void eprocess_bets_add(const struct eprocess_bets *bets, double x, double y, double *ll)
{
	for (size_t i = 0; i < bets->n; i++)
		ll[i] += x * bets->canary[i] + (x + y) * bets->either[i];
}

void eprocess_error_bets(struct eprocess_bets *bets, double w)
{
	eprocess_bets_init(bets, w, error_risks, ERROR_BETS);
}

void eprocess_errors(
    struct eprocess *process, double dt_s, double w, double canary_bad, double legacy_bad)
{
	struct eprocess_bets bets;
	double ll[EPROCESS_BETS_MAX] = { 0 };

	eprocess_error_bets(&bets, w);
	eprocess_bets_add(&bets, canary_bad, legacy_bad, ll);
	eprocess_pass(process, dt_s);
	eprocess_settle(process, ll);
}

void eprocess_one_sample(struct eprocess *process, double dt_s, double p0, double n, double bad)
{
	double ll[EPROCESS_BETS_MAX] = { 0 };

	/* Nothing is above such a rate: there is nothing to bet on. */
	for (size_t i = 0; i < ONE_SAMPLE_BETS && p0 < max_rate; i++) {
		double p1 = fmin(max_rate, one_sample_factors[i] * p0);

		ll[i] = bad * log(p1 / p0) + fmax(0, n - bad) * (log1p(-p1) - log1p(-p0));
	}
	eprocess_pass(process, dt_s);
	eprocess_settle(process, ll);
}

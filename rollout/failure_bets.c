#include "rollout/failure_bets.h"

void failure_bets_init(struct failure_bets *bets)
{
	eprocess_init(&bets->two_sample, ERROR_BETS);
	eprocess_init(&bets->one_sample, ONE_SAMPLE_BETS);
}

void failure_bets_pass(struct failure_bets *bets, double dt_s)
{
	eprocess_pass(&bets->two_sample, dt_s);
	eprocess_pass(&bets->one_sample, dt_s);
}

void failure_bets_raise(struct failure_bets *bets)
{
	eprocess_raise(&bets->two_sample);
	eprocess_raise(&bets->one_sample);
}

void failure_bets_observe(struct failure_bets *bets, double w, const struct eprocess_bets *odds,
    double p0, const struct failure_counts *counts)
{
	if (!failure_bets_have_news(w, counts))
		return;
	if (w >= THIN_LEGACY_WEIGHT) {
		eprocess_one_sample(
		    &bets->one_sample, 0, p0, counts->canary_n, counts->canary_bad);
	} else {
		double ll[EPROCESS_BETS_MAX] = { 0 };

		eprocess_bets_add(odds, counts->canary_bad, counts->legacy_bad, ll);
		eprocess_settle(&bets->two_sample, ll);
	}
}

bool failure_bets_have_news(double w, const struct failure_counts *counts)
{
	return counts->canary_bad +
		   (w >= THIN_LEGACY_WEIGHT ? counts->canary_n : counts->legacy_bad) >
	       0;
}

double failure_bets_m(const struct failure_bets *bets)
{
	double m = eprocess_m(&bets->two_sample) * eprocess_m(&bets->one_sample);

	return m < EPROCESS_MAX ? m : EPROCESS_MAX;
}

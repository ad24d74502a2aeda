#include "rollout/promotion.h"

#include "rollout/eprocess.h"

#include <math.h>
#include <stddef.h>

static const double times_better[PROMOTION_BETS] = { 2, 5, 50 };
static const double tolerated_risk = 2;

void promotion_init(struct promotion *promotion)
{
	*promotion = (struct promotion) { 0 };
}

void promotion_observe(struct promotion *promotion, double w, double p_max, double canary_n,
    double canary_bad, double legacy_bad)
{
	double good = fmax(0, canary_n - canary_bad);

	for (size_t i = 0; i < PROMOTION_BETS; i++) {
		double k = times_better[i];

		promotion->absolute[i] +=
		    -canary_bad * log(k) + good * (log1p(-p_max / k) - log1p(-p_max));
	}
	promotion->relative += eprocess_ll(canary_bad, legacy_bad, w, 1, tolerated_risk);
}

double promotion_ln(const struct promotion *promotion)
{
	double terms[PROMOTION_BETS + 1];

	for (size_t i = 0; i < PROMOTION_BETS; i++)
		terms[i] = promotion->absolute[i] - log(2 * PROMOTION_BETS);
	terms[PROMOTION_BETS] = promotion->relative - log(2);
	return log_sum_exp(terms, PROMOTION_BETS + 1);
}

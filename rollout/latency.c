#include "rollout/latency.h"

#include <stdbool.h>

/* A request past far is past q99 twice over: rarer than 0.01, by how much is not known. */
static const double tails[LATENCY_THRESHOLDS] = { 0.5, 0.1, 0.01, 0.001 };
static const double odds[LATENCY_BETS] = { 1.25, 1.7, 3, 9, 40 };

double latency_tail(enum latency_threshold threshold)
{
	return tails[threshold];
}

void latency_bets_init(struct latency_bets *bets, double w)
{
	for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
		double s = tails[i], slow[LATENCY_BETS], good[LATENCY_BETS];

		for (size_t k = 0; k < LATENCY_BETS; k++) {
			double th = odds[k] * s / (1 - s + odds[k] * s);

			slow[k] = th / s;
			good[k] = (1 - th) / (1 - s);
		}
		eprocess_bets_init(&bets->slow[i], w, slow, LATENCY_BETS);
		eprocess_bets_init(&bets->good[i], w, good, LATENCY_BETS);
		bets->room[i] = latency_surplus_room(bets->good[i].either[LATENCY_BETS - 1]);
	}
}

void latency_begin_evidence(struct latency *latency)
{
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		eprocess_init(&latency->thresholds[i],
		    i < LATENCY_QUANTILES ? (size_t)LATENCY_BETS : (size_t)ERROR_BETS);
}

void latency_init(struct latency *latency)
{
	latency_begin_evidence(latency);
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		design_effect_init(&latency->designs[i]);
	for (size_t i = 0; i < LATENCY_QUANTILES; i++)
		latency_surplus_init(&latency->surplus[i]);
}

void latency_pass(struct latency *latency, double evidence_dt_s, double dt_s)
{
	for (size_t i = 0; i < LATENCY_QUANTILES; i++) {
		eprocess_pass(&latency->thresholds[i], evidence_dt_s);
		design_effect_pass(&latency->designs[i], dt_s);
	}
}

void latency_pass_far(struct latency *latency, double evidence_dt_s, double dt_s)
{
	eprocess_pass(&latency->thresholds[THRESHOLD_FAR], evidence_dt_s);
	design_effect_pass(&latency->designs[THRESHOLD_FAR], dt_s);
}

bool latency_has_far(const struct evidence_counts arms[ARMS])
{
	const struct evidence_counts *canary = &arms[ARM_CANARY], *legacy = &arms[ARM_LEGACY];

	return (canary->slow[THRESHOLD_FAR] | legacy->slow[THRESHOLD_FAR] |
		   legacy->half_slow[0][THRESHOLD_FAR] | legacy->half_slow[1][THRESHOLD_FAR]) !=
	       0;
}

void latency_raise(struct latency *latency)
{
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		eprocess_raise(&latency->thresholds[i]);
}

/* Of legacy's requests below one threshold, those that speak of who asks. */
static double surplus_of(struct latency_surplus *surplus, const struct evidence_counts *legacy,
    size_t i, double room)
{
	double quick[2];

	for (size_t half = 0; half < 2; half++)
		quick[half] = legacy->half_n[half] > legacy->half_slow[half][i]
				  ? legacy->half_n[half] - legacy->half_slow[half][i]
				  : 0;
	return latency_surplus_take(surplus, quick[0], quick[1], room);
}

/* ll of each bet on one threshold. False where nothing was counted. */
static bool add_up(const struct latency_bets *bets, const struct eprocess_bets *errors,
    const struct evidence_counts arms[ARMS], size_t i, double left_out, double *ll)
{
	const struct evidence_counts *canary = &arms[ARM_CANARY], *legacy = &arms[ARM_LEGACY];

	if (canary->slow[i] == 0 && legacy->slow[i] == 0 &&
	    (i == THRESHOLD_FAR || (canary->good[i] == 0 && legacy->good[i] == 0)))
		return false;
	if (i == THRESHOLD_FAR) {
		eprocess_bets_add(errors, canary->slow[i], legacy->slow[i], ll);
		return true;
	}
	eprocess_bets_add(&bets->slow[i], canary->slow[i], legacy->slow[i], ll);
	eprocess_bets_add(&bets->good[i], canary->good[i], legacy->good[i] - left_out, ll);
	return true;
}

void latency_observe(struct latency *latency, const struct latency_bets *bets,
    const struct eprocess_bets *errors, const struct evidence_counts arms[ARMS],
    const double *least_d, const double *squared, double left_out[LATENCY_QUANTILES])
{
	const struct evidence_counts *legacy = &arms[ARM_LEGACY];

	/* What has no news is not touched: it lies far away in memory. */
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		double ll[EPROCESS_BETS_MAX] = { 0 };
		double h1 = legacy->half_slow[0][i], h2 = legacy->half_slow[1][i];
		double own = latency->designs[i].d, d = own > least_d[i] ? own : least_d[i];
		double surplus = 0;

		if (i < LATENCY_QUANTILES)
			left_out[i] = surplus =
			    surplus_of(&latency->surplus[i], legacy, i, d * bets->room[i]);
		if (add_up(bets, errors, arms, i, surplus, ll)) {
			double share = 1 / d;

			for (size_t k = 0; k < EPROCESS_BETS_MAX; k++)
				ll[k] *= share;
			eprocess_settle(&latency->thresholds[i], ll);
		}
		design_effect_observe_reads(&latency->designs[i], h1, h2,
		    squared != NULL && i < LATENCY_QUANTILES ? squared[i]
							     : design_effect_square(h1, h2));
	}
}

double latency_m_each(const struct latency *latency, double m[LATENCY_THRESHOLDS])
{
	double sum = 0;

	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		m[i] = eprocess_m(&latency->thresholds[i]);
		sum += m[i];
	}
	return sum / LATENCY_THRESHOLDS;
}

double latency_m(const struct latency *latency)
{
	double m[LATENCY_THRESHOLDS];

	return latency_m_each(latency, m);
}

#include "metrics/budget.h"

#include "conf/config.h"

/* A budget of nothing would make every burn rate infinite. */
static const double least_share = 1e-6;

static double usable(double share)
{
	return share > least_share ? share : least_share;
}

void budget_begin(struct budget *budget, uint64_t total_n, uint64_t total_bad)
{
	*budget = (struct budget) { .seen_n = total_n, .seen_bad = total_bad };
}

void budget_observe(struct budget *budget, const struct series_decay *decay, uint64_t total_n,
    uint64_t total_bad)
{
	uint64_t n = total_n > budget->seen_n ? total_n - budget->seen_n : 0;
	uint64_t bad = total_bad > budget->seen_bad ? total_bad - budget->seen_bad : 0;

	budget->seen_n += n;
	budget->seen_bad += bad;
	budget->n += n;
	budget->bad += bad;
	series_age(&budget->series, decay);
	series_add(&budget->series, (double)n, (double)bad);
}

void budget_restore(struct budget *budget, uint64_t n, uint64_t bad)
{
	budget->n += n;
	budget->bad += bad;
}

double budget_remaining(const struct budget *budget, double share)
{
	if (budget->n == 0)
		return 1;
	return 1 - (double)budget->bad / (usable(share) * (double)budget->n);
}

double budget_burn_rate(const struct budget *budget, double share, enum series_window window)
{
	return series_rate(&budget->series, window) / usable(share);
}

void route_budgets_begin(struct route_budgets *budgets, uint32_t share_ppm,
    const struct route_stats *stats, uint64_t now_us)
{
	budgets->share = (double)share_ppm / PPM;
	budgets->last_us = now_us;
	for (unsigned c = 0; c <= PATH_CLASS_ALL; c++) {
		for (enum arm arm = 0; arm < ARMS; arm++) {
			struct arm_totals totals;

			route_stats_totals(stats, c, arm, &totals);
			budget_begin(
			    &budgets->budgets[c][arm], totals.budget_n, totals.budget_bad);
		}
	}
}

void route_budgets_tick(
    struct route_budgets *budgets, const struct route_stats *stats, uint64_t now_us)
{
	double dt_s = now_us > budgets->last_us ? (double)(now_us - budgets->last_us) / 1e6 : 0;
	struct series_decay decay = series_decay_of(dt_s);

	for (enum arm arm = 0; arm < ARMS; arm++) {
		uint64_t n = 0, bad = 0;

		for (unsigned c = 0; c < PATH_CLASSES; c++) {
			struct arm_totals totals;

			if (!route_stats_totals(stats, c, arm, &totals))
				continue;
			budget_observe(&budgets->budgets[c][arm], &decay, totals.budget_n,
			    totals.budget_bad);
			n += totals.budget_n;
			bad += totals.budget_bad;
		}
		budget_observe(&budgets->budgets[PATH_CLASS_ALL][arm], &decay, n, bad);
	}
	budgets->last_us = now_us;
}

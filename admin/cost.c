#include "admin/cost.h"

/* By the budgets: they count what is no evidence, too, as during a drain. */
struct notice_cost cost_of(const struct managed_route *managed)
{
	const struct budget *canary = &managed->budgets.budgets[PATH_CLASS_ALL][ARM_CANARY];

	return (struct notice_cost) {
		.requests = canary->n,
		.failed_seen = canary->bad,
		.budget_spent = 1 - budget_remaining(canary, managed->budgets.share),
	};
}

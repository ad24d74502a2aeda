/*
 * The case against the canary: how E combines, and what it is worth once each part
 * of it counts only as far as its difference matters (docs/policy.md, 6 and 7).
 *
 * Thread  the control thread's.
 */
#ifndef ROLLOUT_GUARD_CASE_H
#define ROLLOUT_GUARD_CASE_H

#include "rollout/guard.h"

#include <stdbool.h>

/* Shares of E. */
#define ERROR_STAKE        0.40
#define PATH_ERROR_STAKE   0.20
#define LATENCY_STAKE      0.25 /* with the latency budget's */
#define PATH_LATENCY_STAKE 0.15

/* E, and M of each form of evidence: 1 where there is none. */
double guard_case_e(const struct guard *guard, double m[EVIDENCE_KINDS]);

struct guard_case {
	double suspect;           /* E as far as it is material */
	double certain;           /* and rests on three failures or more */
	struct accuser suspected; /* what contributes most to either; EVIDENCE_KINDS: none */
	struct accuser convicted;
};

/* No further than it takes to tell whether either reaches what it decides at (7). */
struct guard_case guard_case_weigh(const struct guard *guard);

/*
 * Whether a canary that is to be rolled back, for errors or for latency, owes that to one
 * path class, which can be withdrawn instead as soon as its own evidence suffices. Not so
 * once the route's E alone would have sufficed for that, or where the caller did not
 * take up the offer.
 */
bool guard_case_is_one_path(const struct guard *guard, bool latency, struct accuser *path);

/* A budget of nothing would make every burn rate infinite. */
double guard_budget(const struct guard *guard);
double guard_latency_budget(const struct guard *guard);

/* p0 of the one-sample form: what burns a budget fast. */
double guard_ruled_out(double budget);

#endif

/*
 * The guard: judges from counters alone whether the canary is worse than legacy
 * (docs/policy.md, 2 to 4, 7 and 8).
 *
 * Thread     none of its own: the control thread's.
 * Time       seconds since the last tick, given as dt_s.
 * Ownership  a plain struct without pointers: it can be copied (a rehearsal judges a
 *            copy) and stored.
 */
#ifndef ROLLOUT_GUARD_H
#define ROLLOUT_GUARD_H

#include "metrics/route_stats.h"
#include "metrics/series.h"
#include "rollout/eprocess.h"
#include "rollout/promotion.h"
#include "rollout/verdict.h"

#include <stdbool.h>
#include <stddef.h>

struct guard_params {
	double alpha;  /* bound on the chance that a healthy canary is rolled back, each 24 h */
	double budget; /* share of requests that may fail, 0..1 */
};

struct guard_stage {
	double hold_s;       /* INFINITY: never advances */
	double min_requests; /* of the canary */
	double p_max;        /* promotion must rule out this failure rate; 0: nothing to show */
};

/* What was newly counted under one weight. */
struct guard_entry {
	double weight; /* 0..1 */
	struct arm_counts arms[ARMS];
};

struct guard_tick {
	double dt_s;       /* 0 for an evaluation between ticks */
	bool hold_stopped; /* the stage's time does not pass: a person paused it */
	/* entries[0] is the weight in force; the rest, late outcomes of older ones. */
	size_t n_entries;
	struct guard_entry entries[EVIDENCE_GENERATIONS];
};

struct guard {
	struct guard_params params;
	struct guard_stage stage;
	struct eprocess errors;     /* against legacy */
	struct eprocess one_sample; /* against the budget, where legacy is too thin */
	double evidence_age_s;      /* since the e-processes began: anew every 24 h */
	struct promotion promotion;
	double stage_age_s;
	double idle_s;                  /* since the canary's last request */
	struct arm_counts totals[ARMS]; /* of the stage */
	double distinct_failures;       /* of the canary in this stage, late ones included */
	struct series series[ARMS];     /* requests, and failures once for each unit */
	struct series raw[ARMS];        /* requests, and all failures */
	struct series matched; /* legacy, weighted as if it had had the canary's traffic */
	double weight;
};

/* A release begins: no evidence yet. */
void guard_init(
    struct guard *guard, const struct guard_params *params, const struct guard_stage *stage);

/* A stage begins; `raised` where its weight is higher than the one before. */
void guard_begin_stage(struct guard *guard, const struct guard_stage *stage, bool raised);

/* A reload may change these; the evidence stays. */
void guard_set_params(struct guard *guard, const struct guard_params *params);
void guard_set_stage(struct guard *guard, const struct guard_stage *stage);

/* Takes in what was newly counted, then judges. */
struct verdict guard_tick(struct guard *guard, const struct guard_tick *tick);

/* ln E as it stands. */
double guard_ln_e(const struct guard *guard);

#endif

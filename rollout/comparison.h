/*
 * The two arms of a route, or of one of its path classes, side by side: the evidence
 * on errors and on latency, and the counts that say whether a difference matters.
 *
 * Costs nothing while there is no news: time is made up for when there is.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_COMPARISON_H
#define ROLLOUT_COMPARISON_H

#include "metrics/evidence.h"
#include "rollout/failure_bets.h"
#include "rollout/latency.h"
#include "rollout/verdict.h"

#include <stdbool.h>

/* What was newly counted under one weight. */
struct guard_entry {
	double weight;    /* 0..1 */
	bool has_latency; /* slow and good are under thresholds in force; else not looked at */
	struct evidence_counts arms[ARMS];
};

/* All bets under one weight: logarithms taken once. */
struct weight_bets {
	double weight; /* 0: none yet */
	struct eprocess_bets errors;
	struct latency_bets latency;
};

void weight_bets_init(struct weight_bets *bets, double weight);

/* One arm, over a stage or a window. */
struct compared_arm {
	struct arm_counts counts;
	double slow[LATENCY_THRESHOLDS];
	double good[LATENCY_THRESHOLDS];     /* without those left out */
	double left_out[LATENCY_THRESHOLDS]; /* latency_surplus.h; of legacy */
};

struct comparison {
	double evidence_s; /* the time of the evidence, as far as it has been staked */
	double now_s;      /* the guard's time, as far as the window has aged */
	/* So too for failures and requests past `far`, which are rare: */
	double harm_evidence_s;
	double harm_now_s;
	struct compared_arm stage[ARMS];
	struct compared_arm minute[ARMS]; /* an exponential window of 60 s */
	struct latency latency;
	struct failure_bets errors;
};

/* What all comparisons of a route share at a tick. */
struct comparison_tick {
	double evidence_s;     /* exposed since the evidence began */
	double now_s;          /* since the guard began */
	double weight;         /* in force: what was counted under it is the stage's */
	double p0;             /* failure rate ruled out where legacy is too thin */
	const double *least_d; /* LATENCY_THRESHOLDS of them */
	const double *squared; /* of a batch of reads: latency.h's; NULL: one read */
};

/* Nothing was counted yet, at this time of the guard and since the evidence began. */
void comparison_init(struct comparison *comparison, double now_s);
/* The e-processes begin anew, at this time of the evidence; the counts stay. */
void comparison_begin_evidence(struct comparison *comparison, double evidence_s);
void comparison_begin_stage(struct comparison *comparison);
void comparison_raise(struct comparison *comparison);

/* Other thresholds: what was slow under those before says nothing about a difference. */
void comparison_begin_latency(struct comparison *comparison);

/* Makes up for the time that has passed, but for harm: that waits until there is some. */
void comparison_pass(struct comparison *comparison, const struct comparison_tick *tick);

/* For harm too, as far as comparison_pass() was called. */
void comparison_pass_harm(struct comparison *comparison);

/*
 * After comparison_pass(); `bets` are those of the entry's weight, which is above 0. True
 * where the evidence on failures or on `far` is another one now.
 */
bool comparison_observe(struct comparison *comparison, const struct comparison_tick *tick,
    const struct guard_entry *entry, const struct weight_bets *bets);

/*
 * Whether the arms differ in a way that matters, however certain that is: over the
 * stage, or else over the last minute (docs/policy.md, 7).
 */
struct difference {
	bool material;
	bool in_stage;                /* where the counts are from */
	struct arm_counts arms[ARMS]; /* bad: failures, or slow requests */
};

struct difference comparison_errors(const struct comparison *comparison, double budget);
struct difference comparison_slow(
    const struct comparison *comparison, enum latency_threshold threshold);

/*
 * How many requests were slow, of how many that were looked at: those past q99, too, for
 * `far`, which has no good ones of its own.
 */
struct arm_counts compared_slow(
    const struct compared_arm *arm, enum latency_threshold threshold);

/* What share of legacy's requests in the last minute was left out of the latency evidence. */
double comparison_left_out(const struct comparison *comparison);

/* The canary's rate is above legacy's by at least budget/10, and by 5% of legacy's. */
bool is_material(const struct arm_counts arms[ARMS], double budget);

/* How many more of the canary's are bad than of as many of legacy's. */
double excess_of(const struct arm_counts arms[ARMS]);

#endif

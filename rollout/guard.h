/*
 * The guard: judges from counters alone whether the canary is worse than legacy
 * (docs/policy.md, 2 to 7 and 9).
 *
 * Only requests whose arm the bucket alone decided are evidence: not those that were
 * forced, nor those that went to legacy for their method or for a withdrawn path.
 *
 * Thread     none of its own: the control thread's.
 * Time       seconds since the last tick, given as dt_s.
 * Ownership  the guard owns the evidence of its path classes, one allocation made when
 *            the first of them has news: guard_copy() and guard_done(). Everything
 *            else in it is plain.
 */
#ifndef ROLLOUT_GUARD_H
#define ROLLOUT_GUARD_H

#include "base/error.h"
#include "metrics/evidence.h"
#include "metrics/handicap.h"
#include "rollout/burn_watch.h"
#include "rollout/comparison.h"
#include "rollout/eprocess.h"
#include "rollout/promotion.h"
#include "rollout/sample_ratio.h"
#include "rollout/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_params {
	double alpha;  /* bound on the chance that a healthy canary is rolled back, each 24 h */
	double budget; /* share of requests that may fail, 0..1 */
	double latency_budget_share; /* of requests that may be slow, 0..1; 0: none is set */
	bool by_path; /* a path class that is bad by itself is withdrawn, the rest stays */
};

struct guard_stage {
	double hold_s;       /* INFINITY: never advances */
	double min_requests; /* of the canary */
	double p_max;        /* promotion must rule out this failure rate; 0: nothing to show */
};

/* What was newly counted of one path class. entries may be all late ones; in any order. */
struct guard_path {
	unsigned path_class; /* slot, PATH_CLASS_OTHER at most */
	size_t n_entries;
	struct guard_entry entries[EVIDENCE_GENERATIONS];
};

struct guard_tick {
	double dt_s;       /* 0 for an evaluation between ticks */
	bool hold_stopped; /* the stage's time does not pass: a person paused it */
	/*
	 * A path class's requests that neither failed nor were far too slow are staked once
	 * a second, each class in its turn, or as soon as E is suspicious. Else in the tick.
	 */
	bool by_turns;
	/* entries[0] is the weight in force; the rest, late outcomes of older ones. */
	size_t n_entries;
	struct guard_entry entries[EVIDENCE_GENERATIONS];
	const struct guard_path *paths; /* only those with news; dt_s passes for all */
	size_t n_paths;
	uint32_t threshold_us[LATENCY_THRESHOLDS]; /* for words only; zeros: not known */
	struct handicap handicap; /* of entries[0]: another begins the counts anew */
};

enum {
	GUARD_RAISES_MAX = 64 /* more stake nothing: it is used up by then */
};

struct guard_paths;

struct guard {
	struct guard_params params;
	struct guard_stage stage;
	struct comparison route;             /* errors and latency of the whole route */
	struct failure_bets over;            /* the latency budget's */
	struct arm_counts over_totals[ARMS]; /* so too; of the stage */
	struct burn_watch burn;              /* the error budget */
	struct burn_watch over_burn;         /* the latency budget */
	struct sample_ratio sample_ratio;
	struct promotion promotion;
	double latency_stake; /* of E; part of it is the latency budget's where one is set */
	double over_stake;
	double evidence_age_s; /* since the e-processes began: anew every 24 h */
	unsigned raises;       /* since then */
	double now_s;          /* since guard_init(): what the windows go by */
	double stage_age_s;
	double idle_s;            /* since the canary's last request */
	double distinct_failures; /* of the canary in this stage, late ones included */
	double weight;
	struct handicap handicap;  /* as last told; zeros: never */
	struct weight_bets bets;   /* for `weight`: logarithms taken once */
	bool offered;              /* a path class could have been withdrawn at the last tick */
	uint64_t withdrawn;        /* bit per path slot 0..63 */
	struct guard_paths *paths; /* NULL: none has had news */
};

/* A release begins: no evidence yet. Frees nothing: guard_done() a used one first. */
void guard_init(
    struct guard *guard, const struct guard_params *params, const struct guard_stage *stage);
void guard_done(struct guard *guard);

/* `copy` is overwritten; guard_done() it. False when out of memory: *copy is untouched. */
__attribute__((warn_unused_result)) bool guard_copy(
    struct guard *copy, const struct guard *guard, struct error *err);

/* A stage begins; `raised` where its weight is higher than the one before. */
void guard_begin_stage(struct guard *guard, const struct guard_stage *stage, bool raised);

/* A reload may change these; the evidence stays. */
void guard_set_params(struct guard *guard, const struct guard_params *params);
void guard_set_stage(struct guard *guard, const struct guard_stage *stage);

/* Takes in what was newly counted, then judges. */
struct verdict guard_tick(struct guard *guard, const struct guard_tick *tick);

/* Stakes what still waits for its turn. */
void guard_settle(struct guard *guard);

/* ln E as it stands: with by_turns, a second behind in what path classes show of latency. */
double guard_ln_e(const struct guard *guard);

/* ln M of one path class: EVIDENCE_PATH_ERRORS or EVIDENCE_PATH_LATENCY. 0 while unused. */
double guard_path_ln_m(const struct guard *guard, unsigned path_class, enum evidence_kind kind);

/*
 * The path class whose own evidence suffices to withdraw it while the rest of the route
 * stays: M >= 65 / (0.2 alpha) for errors, 65 / (0.15 alpha) for latency, and the
 * difference matters. PATH_CLASSES: none. PATH_CLASS_OTHER is never withdrawn alone.
 * With by_path, a route that this would save from ROLL_BACK is given one tick for it.
 */
unsigned guard_path_to_withdraw(const struct guard *guard);

/*
 * That path class goes to legacy from here on, and is not judged again until guard_init().
 * What the whole route was accused of may have been its doing: the route's evidence, its
 * windows and its stage begin anew. Outcomes of earlier generations are no evidence any
 * more: the caller's to drop.
 */
void guard_withdraw_path(struct guard *guard, unsigned path_class);

/* Whether guard_withdraw_path() was told of it. */
bool guard_path_is_withdrawn(const struct guard *guard, unsigned path_class);

/*
 * The guard as bytes, for the store: a version, then every number, little-endian. About
 * 1 kB, and as much again for each path class in use. NULL when out of memory; free().
 */
__attribute__((warn_unused_result)) unsigned char *guard_save(
    const struct guard *guard, size_t *len);

/*
 * The guard as it was saved, params and stage too; *guard is overwritten. False where
 * the bytes are cut, of another version, or hold what no guard does; *guard is untouched.
 */
__attribute__((warn_unused_result)) bool guard_restore(
    struct guard *guard, const unsigned char *data, size_t len, struct error *err);

#endif

/*
 * What the guard decided, why, and on which counters.
 *
 * Ownership  none: a plain struct of numbers, to be copied and journalled.
 */
#ifndef ROLLOUT_VERDICT_H
#define ROLLOUT_VERDICT_H

#include "base/arm.h"

#include <stdbool.h>
#include <stddef.h>

enum verdict_action {
	VERDICT_CONTINUE,
	VERDICT_ADVANCE,
	VERDICT_HOLD_SUSPECT,
	VERDICT_HOLD_SHARED,
	VERDICT_ROLL_BACK,
	VERDICTS, /* how many */
};

enum verdict_reason {
	/* CONTINUE */
	REASON_NOT_EXPOSED,  /* the canary gets no traffic: nothing to judge */
	REASON_WATCHING,     /* nothing to advance to: a weight set by hand */
	REASON_HOLD_TIME,    /* the stage has not lasted long enough */
	REASON_FEW_REQUESTS, /* the canary has had too few requests */
	REASON_UNPROVEN,     /* not yet shown good enough to go on */
	REASON_COMPLETE,     /* the rollout is over: nothing is judged any more */
	/* ADVANCE */
	REASON_PROVEN,
	/* HOLD_SUSPECT */
	REASON_SUSPECT,
	/* HOLD_SHARED */
	REASON_SHARED,
	/* ROLL_BACK */
	REASON_WORSE,          /* than legacy */
	REASON_OVER_BUDGET,    /* with too little of legacy left to compare with */
	REASON_BURNS_FAST,     /* the absolute guard: 5 min and 1 h */
	REASON_BURNS_STEADILY, /* the absolute guard: 30 min and 6 h */
	VERDICT_REASONS,       /* how many */
};

/* Weighted counts are not whole numbers. */
struct arm_counts {
	double n;
	double bad;    /* failures, once for each unit and epoch */
	double failed; /* failures, all of them */
};

struct verdict {
	enum verdict_action action;
	enum verdict_reason reason;
	double ln_e;     /* ln E, natural */
	double alpha;    /* E >= 1/alpha rolls back */
	double budget;   /* share of requests that may fail */
	double weight;   /* now, 0..1 */
	double failures; /* of the canary, from distinct units, in this stage */
	bool material;   /* the difference matters, in the stage or in the last minute */
	bool material_in_stage;
	struct arm_counts stage[ARMS];  /* since the stage began */
	struct arm_counts minute[ARMS]; /* the window of 60 s */
	/* Over 30 min and 6 h for REASON_BURNS_STEADILY, else over 5 min and 1 h. */
	double burn_short[ARMS];
	double burn_long[ARMS];
	double pooled_burn_60_s;
	double pooled_burn_5_min;
	double stage_age_s;
	double hold_s; /* INFINITY where there is nothing to advance to */
	double min_requests;
	double p_max;          /* 0: nothing to be shown before advancing */
	double promotion_ln_e; /* 0 where p_max is */
};

/* As in the journal, /status and metrics: "ROLL_BACK". */
const char *verdict_name(enum verdict_action action);

/* verdict_name() of each action, in order. */
extern const char *const verdict_names[VERDICTS];

/* A short fixed word for the reason: "worse". */
const char *verdict_reason_name(enum verdict_reason reason);

/*
 * The reason in words, with its figures: "canary failed 12 of 340 requests (3.5%),
 * legacy 1 of 3100 (0.032%): ...". Cut at `size`; VERDICT_TEXT_SIZE always suffices.
 */
enum {
	VERDICT_TEXT_SIZE = 512
};
void verdict_reason_text(const struct verdict *verdict, char *data, size_t size);

#endif

/*
 * What the guard decided, why, and on which counters.
 *
 * Ownership  none: a plain struct of numbers, to be copied and journalled.
 */
#ifndef ROLLOUT_VERDICT_H
#define ROLLOUT_VERDICT_H

#include "base/arm.h"
#include "base/path_slots.h"
#include "metrics/evidence.h"
#include "metrics/handicap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	REASON_SUSPECT,      /* accuser says of what */
	REASON_SUSPECT_PATH, /* one path class looks bad enough to be withdrawn by itself */
	REASON_SAMPLE_RATIO, /* users do not arrive in the proportion of the weight */
	/* HOLD_SHARED */
	REASON_SHARED,
	REASON_SHARED_LATENCY, /* the same of the latency budget */
	/* ROLL_BACK */
	REASON_WORSE,                  /* than legacy */
	REASON_SLOWER,                 /* than legacy */
	REASON_OVER_LATENCY_BUDGET,    /* more often than legacy */
	REASON_PATH_WORSE,             /* one path class alone tips the scales */
	REASON_PATH_SLOWER,            /* so too */
	REASON_OVER_BUDGET,            /* with too little of legacy left to compare with */
	REASON_BURNS_FAST,             /* the absolute guard: 5 min and 1 h */
	REASON_BURNS_STEADILY,         /* the absolute guard: 30 min and 6 h */
	REASON_LATENCY_BURNS_FAST,     /* the same of the latency budget */
	REASON_LATENCY_BURNS_STEADILY, /* so too */
	VERDICT_REASONS,               /* how many */
};

/* Weighted counts are not whole numbers. */
struct arm_counts {
	double n;
	double bad;    /* failures, once for each unit and epoch */
	double failed; /* failures, all of them */
};

/* The forms of evidence that E is made of (docs/policy.md, 6). */
enum evidence_kind {
	EVIDENCE_ERRORS,
	EVIDENCE_PATH_ERRORS,
	EVIDENCE_LATENCY,
	EVIDENCE_PATH_LATENCY,
	EVIDENCE_LATENCY_BUDGET,
	EVIDENCE_KINDS, /* how many; as an accuser: none */
};

/* What speaks loudest against the canary, where it matters. */
struct accuser {
	enum evidence_kind kind;
	unsigned path_class;              /* of the PATH kinds: its slot */
	enum latency_threshold threshold; /* of the two kinds of latency */
	double ln_m;                      /* of that e-process alone */
	bool in_stage;                /* the counts are the stage's, else the last minute's */
	struct arm_counts arms[ARMS]; /* bad: failures, or slow requests */
};

struct verdict {
	enum verdict_action action;
	enum verdict_reason reason;
	double ln_e;                         /* ln E, natural */
	double ln_parts[EVIDENCE_KINDS];     /* ln M of each form; the paths' are means */
	struct accuser accuser;              /* while E >= sqrt(1/alpha) */
	char path_name[PATH_CLASS_NAME_MAX]; /* of the accuser's path class: the caller's to
						fill in, for the words; "": its number */
	double sample_ratio_ln_e;
	double alpha;          /* E >= 1/alpha rolls back */
	double budget;         /* share of requests that may fail */
	double latency_budget; /* share of requests that may be slow; 0: none is set */
	double weight;         /* now, 0..1 */
	double failures;       /* of the canary, from distinct units, in this stage */
	bool material;         /* errors: the difference matters, in the stage or lately */
	bool material_in_stage;
	struct arm_counts stage[ARMS];  /* since the stage began */
	struct arm_counts minute[ARMS]; /* the window of 60 s */
	/*
	 * Over 30 min and 6 h for the reasons BURNS_STEADILY, else over 5 min and 1 h; of
	 * the latency budget for its reasons, else of the error budget.
	 */
	double burn_short[ARMS];
	double burn_long[ARMS];
	double pooled_burn_60_s;
	double pooled_burn_5_min;
	double left_out;         /* share of legacy's requests that say nothing of latency */
	double slow_share[ARMS]; /* past the latency budget's threshold, in the last minute */
	double units[ARMS];      /* keys first seen, for REASON_SAMPLE_RATIO */
	double units_expected;   /* of those, the canary's by its weights */
	double stage_age_s;
	double hold_s; /* INFINITY where there is nothing to advance to */
	double min_requests;
	double p_max;          /* 0: nothing to be shown before advancing */
	double promotion_ln_e; /* 0 where p_max is */
	/* For words only: legacy's thresholds and the canary's handicap; 0: not known. */
	uint32_t threshold_us[LATENCY_THRESHOLDS];
	struct handicap handicap;
};

/* As in the journal, /status and metrics: "ROLL_BACK". */
const char *verdict_name(enum verdict_action action);

/* verdict_name() of each action, in order. */
extern const char *const verdict_names[VERDICTS];

/* A short fixed word for the reason: "worse". */
const char *verdict_reason_name(enum verdict_reason reason);

/* The same for a form of evidence: "path_latency"; "none" for EVIDENCE_KINDS. */
const char *evidence_kind_name(enum evidence_kind kind);

/* "q50", "q90", "q99", "far". */
const char *latency_threshold_name(enum latency_threshold threshold);

/*
 * The reason in words, with its figures: "canary failed 12 of 340 requests (3.5%),
 * legacy 1 of 3100 (0.032%): ...". Cut at `size`; VERDICT_TEXT_SIZE always suffices.
 */
enum {
	VERDICT_TEXT_SIZE = 512
};
void verdict_reason_text(const struct verdict *verdict, char *data, size_t size);

#endif

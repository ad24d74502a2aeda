/*
 * The plan of a release: which weight it has, and which it gets next.
 *
 * Time       monotonic microseconds, given as now_us. How long a stage has lasted is
 *            the guard's to know.
 * Ownership  plain structs without pointers: they can be copied and stored.
 */
#ifndef ROLLOUT_PLAN_H
#define ROLLOUT_PLAN_H

#include "base/error.h"
#include "conf/config.h"
#include "rollout/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 *   NONE --start--> FIXED      a weight set by hand
 *        '-start--> RUNNING    the first stage of a plan
 *
 *                     .---- next stage ---.
 *                     v                   |
 *   FIXED <-------> RUNNING --------------'
 *          reload     |  ^
 *                     |  '---- pause, resume ----> PAUSED  (promote: the next stage,
 *                     | after the last stage         ^                still paused)
 *                     v                              |
 *                   BAKING <--- pause, resume -------'
 *                     |
 *                     | after the bake
 *                     v
 *                    DONE
 *
 *   all but DONE at 100% --ROLL_BACK by the guard--> ROLLED_BACK  weight 0, latched
 *   all ----------rollback by a person-----> ROLLED_BACK --resume--> as at the start
 *
 * RUNNING and BAKING go on by the guard's ADVANCE or a person's promote. A hold
 * (HOLD_SUSPECT, HOLD_SHARED) is no state: it keeps them from advancing while it
 * lasts. So does a pause, but neither keeps a canary that burns from being rolled back.
 */
enum plan_state {
	PLAN_NONE, /* before its start */
	PLAN_FIXED,
	PLAN_RUNNING,
	PLAN_PAUSED,
	PLAN_BAKING,
	PLAN_DONE,
	PLAN_ROLLED_BACK,
	PLAN_STATES, /* how many */
};

/* What the configuration asks for, in the plan's terms. */
struct plan_spec {
	bool staged; /* else fixed_ppm is all there is */
	uint32_t fixed_ppm;
	struct stage_conf stages[STAGES_MAX];
	size_t n_stages;
	uint32_t bake_ms;
};

struct plan {
	enum plan_state state;
	enum plan_state resumes_to; /* while PAUSED: RUNNING or BAKING */
	uint32_t stage;             /* index; 0 for a fixed weight */
	uint32_t entered;           /* how many stages and bakes have begun */
	uint32_t weight_ppm;
	enum verdict_action hold; /* HOLD_SUSPECT or HOLD_SHARED while held, else CONTINUE */
	uint64_t held_us;         /* when that verdict last came */
	struct plan_spec spec;
};

/* A hold outlasts its evidence so long, lest it come and go at every tick. */
#define PLAN_HOLD_LINGER_US UINT64_C(10000000)

enum plan_event_kind {
	PLAN_EVENT_START,   /* a new release; spec */
	PLAN_EVENT_VERDICT, /* verdict */
	PLAN_EVENT_PROMOTE, /* who, why; and so the next three */
	PLAN_EVENT_ROLL_BACK,
	PLAN_EVENT_PAUSE,
	PLAN_EVENT_RESUME,
	PLAN_EVENT_RELOAD, /* spec: the same release, other settings */
	PLAN_EVENTS,       /* how many */
};

struct plan_event {
	enum plan_event_kind kind;
	uint64_t now_us; /* monotonic */
	const char *who; /* "guard", "reload", "user alice"; NULL: "guard" */
	const char *why; /* a person's words; NULL or "": none given */
	const struct verdict *verdict;
	const struct plan_spec *spec;
};

enum {
	TRANSITION_WHO_SIZE = 64,
	TRANSITION_WHY_SIZE = 640,
};

/* One decision, as it goes into the journal. */
struct transition {
	enum plan_event_kind cause;
	enum plan_state from;
	enum plan_state to;
	uint32_t stage_from; /* index */
	uint32_t stage_to;
	uint32_t weight_from_ppm;
	uint32_t weight_to_ppm;
	enum verdict_action hold; /* in force afterwards; CONTINUE: none */
	char who[TRANSITION_WHO_SIZE];
	char why[TRANSITION_WHY_SIZE];
	struct verdict verdict; /* the latest: the counters it was taken on */
};

/*
 * Applies one event to a plan; a zeroed plan is PLAN_NONE. Only a person's order is
 * ever refused: err then says why. *transition is written where the plan changed.
 */
enum plan_answer {
	PLAN_UNCHANGED,
	PLAN_CHANGED,
	PLAN_REFUSED,
};
__attribute__((warn_unused_result)) enum plan_answer plan_apply(struct plan *plan,
    const struct plan_event *event, struct transition *transition, struct error *err);

/* The route's settings in the plan's terms. */
struct plan_spec plan_spec_of(const struct route_conf *route);

/* "RUNNING"; as in the journal and /status. */
const char *plan_state_name(enum plan_state state);
/* "start", "verdict", "promote", "rollback", "pause", "resume", "reload". */
const char *plan_event_name(enum plan_event_kind kind);

/* Whether the plan stands at weight 0 until a person or a new release clears it. */
bool plan_is_latched(const struct plan *plan);

/* How long the present stage or bake is to last, in seconds; INFINITY: no end. */
double plan_hold_s(const struct plan *plan);

#endif

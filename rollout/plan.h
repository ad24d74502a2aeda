/*
 * The plan of a release: which weight it has, and which it gets next.
 *
 * Time       given with each event. A plan counts its own time from that, `age_us`, which
 *            stands still while weir is down: every deadline is kept by it, and needs
 *            no care in a restart. Only moments that a person wrote down (`only`,
 *            `expires`) or that are to be shown go by the wall clock, and how recent a
 *            drill must be. How long a stage has lasted is the guard's to know.
 * Ownership  plain structs: they can be copied. The spec's webhooks belong to the
 *            configuration; each reload brings new ones.
 */
#ifndef ROLLOUT_PLAN_H
#define ROLLOUT_PLAN_H

#include "base/error.h"
#include "base/path_slots.h"
#include "rollout/plan_spec.h"
#include "rollout/release_clock.h"
#include "rollout/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 *   NONE --start--> FIXED      a weight set by hand
 *        |--start-> RUNNING    the first stage of a plan
 *        |--start-> WAITING    weight 0: start = manual, require_drill, or outside `only`
 *        '--unreadable--> ROLLED_BACK
 *
 *   WAITING --promote, a drill, the window opens--> RUNNING
 *
 *                     .---- next stage ---.   (past its gate, and within `only`)
 *                     v                   |
 *   FIXED <-------> RUNNING --------------'
 *          reload     |  ^
 *                     |  '---- pause, set-weight, max_duration; resume ----> PAUSED
 *                     | after the last stage                                 ^  (promote: the
 *                     v                                                      |  next stage,
 *                   BAKING <--- likewise ------------------------------------'  still paused)
 *                     |                                                      ^
 *                     | after the bake                                       |
 *                     v                                                      |
 *                    DONE -------- set-weight -------------------------------'
 *
 *   all but DONE at 100% --ROLL_BACK by the guard--.
 *   all ----------rollback by a person-------------+--> ROLLED_BACK  weight 0, latched
 *                                                  |          ^
 *                              rollback_steps > 1  '--> ROLLING_BACK  weight falling, latched
 *
 *   ROLLED_BACK --resume--> as at the start; a new release starts from any state
 *
 * RUNNING and BAKING go on by the guard's ADVANCE or a person's promote. A hold
 * (HOLD_SUSPECT, HOLD_SHARED) is no state: it keeps them from advancing while it
 * lasts. So does a pause, but neither keeps a canary that burns from being rolled back.
 * Once latched a plan can only go down: nothing but a resume at 0 or a new release
 * brings it back. A withdrawn path class is no state either: it goes to legacy until
 * a resume or a new release, whatever the rest does.
 */
enum plan_state {
	PLAN_NONE, /* before its start */
	PLAN_WAITING,
	PLAN_FIXED,
	PLAN_RUNNING,
	PLAN_PAUSED,
	PLAN_BAKING,
	PLAN_DONE,
	PLAN_ROLLING_BACK,
	PLAN_ROLLED_BACK,
	PLAN_STATES, /* how many */
};

/* Why a plan is PAUSED. */
enum plan_pause {
	PAUSE_BY_PERSON,
	PAUSE_BY_HAND, /* at a weight that a person set */
	PAUSE_OVERDUE, /* past max_duration */
	PLAN_PAUSES,   /* how many */
};

/* What stands between a stage that is ready and the next one. */
enum plan_gate {
	PLAN_GATE_CLOSED, /* the stage is not ready yet, or has no gate */
	PLAN_GATE_WAITS,  /* for a person */
	PLAN_GATE_ASKED,  /* the webhook */
	PLAN_GATE_DENIED, /* it said no, or could not be reached: asked again after a while */
	PLAN_GATE_OPEN,   /* it said yes, but the stage was no longer ready */
	PLAN_GATES,       /* how many */
};

enum {
	PLAN_GATE_WORDS_SIZE = 160
};

struct plan {
	enum plan_state state;
	uint32_t stage;   /* index; 0 for a fixed weight */
	uint32_t entered; /* how many stages and bakes have begun */
	uint32_t weight_ppm;
	uint32_t methods;  /* that may go to the canary, METHOD_SET bits; 0: all */
	bool by_hand;      /* a person set the weight: FIXED, or PAUSED BY_HAND */
	bool ready;        /* the latest verdict was ADVANCE */
	bool promoted;     /* a person let it begin: start = manual is served */
	bool clean_up_due; /* at 100%, past `expires` */

	enum plan_state resumes_to; /* while PAUSED: RUNNING or BAKING */
	enum plan_pause pause;

	enum verdict_action hold; /* HOLD_SUSPECT or HOLD_SHARED while held, else CONTINUE */
	uint64_t held_us;         /* when that verdict last came */

	enum plan_gate gate;
	bool gate_denied;  /* at least once in this stage */
	uint32_t gate_ask; /* how often a webhook was asked: the number of the last one */
	uint64_t gate_us;  /* when it was asked, or said no */
	char gate_words[PLAN_GATE_WORDS_SIZE]; /* what it said */

	uint32_t rollback_from_ppm; /* while ROLLING_BACK; and so the next three */
	uint32_t rollback_steps;    /* in all */
	uint32_t rollback_step;     /* of those, taken */
	uint64_t rollback_due_us;   /* the next one */
	uint32_t drain_ppm;         /* those of the canary's users who stay; 0: nobody */
	uint64_t drain_until_us;
	uint64_t withdrawn; /* a bit for each path class slot */

	uint64_t age_us;       /* the plan's own time; whatever ends in _us here is by it */
	uint64_t last_us;      /* monotonic: when it was last counted */
	uint64_t under_way_us; /* in RUNNING and BAKING, since the start or resume */
	int64_t full_wall_s;   /* when it came to 100%; 0: it is not there */
	int64_t drill_wall_s;  /* when a drill of this release last passed; 0: never */
	struct plan_spec spec;
};

/* A hold outlasts its evidence so long, lest it come and go at every tick. */
#define PLAN_HOLD_LINGER_US UINT64_C(10000000)
/* A webhook that said no is asked again after so long, */
#define PLAN_GATE_AGAIN_US UINT64_C(60000000)
/* and one that never answers, after so long. */
#define PLAN_GATE_LOST_US UINT64_C(900000000)

enum plan_event_kind {
	PLAN_EVENT_START,     /* a new release; spec, held_back */
	PLAN_EVENT_VERDICT,   /* verdict */
	PLAN_EVENT_PROMOTE,   /* who, why; and so the next four */
	PLAN_EVENT_ROLL_BACK, /* at_once */
	PLAN_EVENT_PAUSE,
	PLAN_EVENT_RESUME,
	PLAN_EVENT_SET_WEIGHT, /* weight_ppm */
	PLAN_EVENT_RELOAD,     /* spec: the same release, other settings */
	PLAN_EVENT_RESTORE,    /* the same after a restart */
	PLAN_EVENT_UNREADABLE, /* a release whose state is not known; spec */
	PLAN_EVENT_CLOCK,      /* time has passed */
	PLAN_EVENT_GATE,       /* a webhook's answer: yes, gate_ask, why */
	PLAN_EVENT_DRILL,      /* a drill of this release has passed */
	PLAN_EVENT_WITHDRAW,   /* path_class, path, verdict: the guard's */
	PLAN_EVENTS,           /* how many */
};

struct plan_event {
	enum plan_event_kind kind;
	struct release_clock clock;
	const char *who; /* "guard", "plan", "user:alice"; NULL: "guard" */
	const char *why; /* a person's words; NULL or "": none given */
	const struct verdict *verdict;
	const struct plan_spec *spec;
	uint32_t weight_ppm;
	bool at_once;   /* neither steps nor a drain */
	bool held_back; /* START: of a release that was rolled back before */
	uint32_t gate_ask;
	bool yes;
	unsigned path_class; /* slot, 0..63 */
	const char *path;    /* its name; NULL: not known */
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
	enum verdict_action hold;           /* in force afterwards; CONTINUE: none */
	enum plan_pause pause;              /* while `to` is PAUSED */
	enum plan_gate gate;                /* in force afterwards */
	bool overdue;                       /* PAUSED by max_duration, just now */
	bool clean_up_due;                  /* just now */
	char path[PATH_CLASS_NAME_MAX + 1]; /* of the path class just withdrawn; "": none */
	char who[TRANSITION_WHO_SIZE];
	char why[TRANSITION_WHY_SIZE];
	struct verdict verdict; /* the latest: the counters it was taken on */
};

/*
 * Applies one event to a plan; a zeroed plan is PLAN_NONE. Orders, a webhook's answer
 * and whatever a state has no use for may be refused: err then says why. *transition is
 * written where the plan changed visibly.
 */
enum plan_answer {
	PLAN_UNCHANGED,
	PLAN_CHANGED,
	PLAN_REFUSED,
};
__attribute__((warn_unused_result)) enum plan_answer plan_apply(struct plan *plan,
    const struct plan_event *event, struct transition *transition, struct error *err);

/* "RUNNING"; as in the journal and /status. */
const char *plan_state_name(enum plan_state state);
/* "start", "verdict", "promote", "rollback", "pause", "resume", "set_weight", "reload", ... */
const char *plan_event_name(enum plan_event_kind kind);

/* Whether the plan can only go down until a person or a new release clears it. */
bool plan_is_latched(const struct plan *plan);

/* Where the plan would be were it not paused. */
enum plan_state plan_progress(const struct plan *plan);

/* How long the present stage or bake is to last, in seconds; INFINITY: no end. */
double plan_hold_s(const struct plan *plan);

#endif

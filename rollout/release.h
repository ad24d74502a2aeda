/*
 * A release on a route: its guard, its plan, and which weight each generation
 * stands for. The one thing the control thread talks to:
 *
 *   release_tick(&release, &evidence, &clock, &step);
 *   if (step.thresholds)   freeze or settle the latency thresholds of the generation
 *   if (step.new_weight)   publish step.exposure
 *   if (step.new_epoch)    route_stats_begin_epoch(stats);
 *   if (step.keep)         store the release (rollout/release_record.h);
 *   if (step.changed)      journal step.transition;
 *   if (step.ask_gate)     ask step.gate; its answer goes to release_gate_answer()
 *
 * A generation is one setting of the exposure (weight, methods, withdrawn paths,
 * latency thresholds); each new one is one higher, for the life of the route in this
 * process, across releases too. A request carries the generation under which it was
 * assigned, so that its outcome, however late, is judged under the weight that held
 * then. The weights of the last eight generations are kept here; outcomes assigned before
 * this release began, or before it was resumed, are nobody's evidence. A new
 * generation by itself ends neither the guard's stage nor its epoch.
 *
 * Thread     the control thread's.
 * Time       given as a release_clock; reads none.
 * Ownership  release_done() frees what the guard holds. May be moved, not copied.
 */
#ifndef ROLLOUT_RELEASE_H
#define ROLLOUT_RELEASE_H

#include "base/error.h"
#include "conf/config.h"
#include "metrics/evidence.h"
#include "metrics/handicap.h"
#include "rollout/guard.h"
#include "rollout/plan.h"
#include "rollout/release_clock.h"
#include "router/exposure.h"
#include "router/path_class.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RELEASE_ID_SIZE = 256,
	RELEASE_WAIT_TEXT_SIZE = 320,
};

/* Where a route sets no plan of its own. */
#define RELEASE_DEFAULT_ALPHA     0.01
#define RELEASE_DEFAULT_TOLERANCE 0.1  /* slower than legacy by so much is no news */
#define RELEASE_DEFAULT_SLACK_US  1000 /* nor is this, however fast legacy is */

/* What the release has cost so far: what users met, from its begin, across restarts. */
struct release_cost {
	uint64_t requests; /* of the canary */
	uint64_t failures; /* of those, seen by users; all, not once for each unit */
	uint32_t peak_ppm; /* the highest weight */
};

struct release {
	char id[RELEASE_ID_SIZE];
	struct plan plan;
	struct guard guard;
	struct verdict verdict; /* the latest */
	struct release_cost cost;
	struct handicap warm; /* the canary's, once its caches are: as configured */
	uint64_t last_tick_us;
	int64_t began_us; /* this release; before the machine's boot it is below 0 */
	int64_t began_wall_s;
	int64_t stage_began_us; /* its present stage, or its latch */
	struct transition last; /* the latest decision, and when */
	int64_t last_us;
	bool evidence_was_lost;    /* when it was restored; the stage and its hold were not */
	uint32_t generation;       /* of the exposure now in force; the first is 1 */
	uint32_t begun_generation; /* the oldest of this release */
	uint32_t first_generation; /* the oldest whose outcomes are evidence */
	uint32_t stage_generation; /* the oldest of the present stage */
	/* By generation % 8: */
	uint32_t weights_ppm[EVIDENCE_GENERATIONS];
	bool has_thresholds[EVIDENCE_GENERATIONS];
	/* The latency thresholds: */
	uint64_t legacy_requests;  /* on this route in this process */
	bool thresholds_on;        /* in this process */
	uint32_t thresholds_stage; /* plan.entered for which they were frozen */
	struct handicap handicap;  /* in force; the slack is the same while cold */
};

/* What is to be done about the latency thresholds, for the step's new generation. */
enum release_thresholds {
	THRESHOLDS_KEEP,   /* nothing: the same hold for the new generation too */
	THRESHOLDS_FREEZE, /* legacy's quantiles as of now; the canary's with the handicap */
	THRESHOLDS_SETTLE, /* those frozen before, with another handicap */
};

/* What the control thread must do after a call. */
struct release_step {
	bool changed; /* transition is to be journalled */
	struct transition transition;
	bool keep; /* the record is to be stored: always with `changed`, at times without */
	bool new_weight;                  /* exposure is to be published: a new generation */
	struct exposure_setting exposure; /* as now in force; valid after every call */
	enum release_thresholds thresholds;
	struct handicap handicap; /* factor 4 for caches still cold, then 1 + tolerance */
	bool new_epoch;           /* route_stats_begin_epoch() */
	bool ask_gate;            /* of `gate`, and hand the answer to release_gate_answer() */
	uint32_t gate_ask;
	const struct webhook_conf *gate; /* of the live configuration */
};

struct release_evidence {
	const struct evidence *route;
	const struct path_evidence *paths; /* those with news */
	size_t n_paths;
	/* For words only: the route's, and legacy's thresholds; NULL and zeros: not known. */
	const struct path_classes *path_classes;
	uint32_t threshold_us[LATENCY_THRESHOLDS];
};

/*
 * A route's first release, with counters and exposure as new as itself. The step is
 * a change, to generation 1.
 */
void release_begin(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, struct release_step *step);

/*
 * Likewise where what was stored of it cannot be read, which may have been a
 * rollback: it begins ROLLED_BACK, at weight 0, until a person resumes it or the file
 * names another release. why: what could not be read, in words.
 */
void release_begin_unreadable(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, const char *why,
    struct release_step *step);

void release_done(struct release *release);

/* Every 100 ms, and at once when route_stats_record() asked for it. */
void release_tick(struct release *release, const struct release_evidence *evidence,
    const struct release_clock *clock, struct release_step *step);

/* Why such a release is held back; before: why it was rolled back. */
void release_held_back_words(const char *before, char why[TRANSITION_WHY_SIZE]);

/*
 * In place of release_begin(), or of release_reload() with another release id, where that
 * release was rolled back before and not cleared since: it begins ROLLED_BACK, as if it
 * could not be read. before: why it was rolled back. A first release is zeroed.
 */
void release_begin_held_back(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, const char *before,
    struct release_step *step);

/*
 * When time alone will next change something, on the clock of the ticks: a rollback's next
 * step, the end of a drain or of a warm-up. From then on the release wants its tick without
 * traffic, too. UINT64_MAX: nothing of the kind is under way.
 */
uint64_t release_due_us(const struct release *release);

/*
 * The route was reloaded. Another release id begins a release afresh (and
 * clears a latch); the same one keeps its stage, its latch and its evidence.
 */
void release_reload(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, struct release_step *step);

enum release_command {
	RELEASE_PROMOTE,
	RELEASE_ROLL_BACK,
	RELEASE_PAUSE,
	RELEASE_RESUME,
	RELEASE_SET_WEIGHT,
};

struct release_order {
	enum release_command command;
	uint32_t weight_ppm; /* with RELEASE_SET_WEIGHT */
	bool at_once;        /* with RELEASE_ROLL_BACK: neither steps nor a drain */
	const char *who;     /* "user:alice" */
	const char *why;     /* NULL: none given */
};

/* A person's order. False where it cannot be done, with a reason for the person. */
__attribute__((warn_unused_result)) bool release_command(struct release *release,
    const struct release_order *order, const struct release_clock *clock,
    struct release_step *step, struct error *err);

/*
 * What the webhook of a step with ask_gate said. `ask` is that step's gate_ask; words:
 * what it said, or why it could not be reached (that is a no); who: "webhook:NAME". False
 * where the release no longer waits for it: nothing follows, and the step is empty.
 */
bool release_gate_answer(struct release *release, uint32_t ask, bool yes, const char *who,
    const char *words, const struct release_clock *clock, struct release_step *step);

/*
 * What the guard would be shown of that evidence: a drill shows it to a copy. *tick and
 * `paths` are zeroed before; dt_s and hold_stopped are the caller's.
 */
void release_show_guard(const struct release *release, const struct release_evidence *evidence,
    struct guard_tick *tick, struct guard_path paths[PATH_CLASSES]);

/* A drill of this release has just shown that it would be rolled back. */
void release_drill_passed(struct release *release, const struct release_clock *clock,
    const char *who, struct release_step *step);

/* What a release waits for before it goes on. */
enum release_wait {
	WAIT_NOTHING, /* it is done, or stands at a weight set by hand */
	WAIT_START,   /* a person's promote, to begin */
	WAIT_DRILL,   /* a drill that passes, to begin */
	WAIT_WINDOW,  /* the plan's `only` */
	WAIT_TRAFFIC, /* the canary has none: the stage stands still */
	WAIT_TIME,
	WAIT_REQUESTS, /* min_requests */
	WAIT_PROOF,    /* p_max is not ruled out yet */
	WAIT_SUSPECT,  /* HOLD_SUSPECT to be over */
	WAIT_SHARED,   /* HOLD_SHARED to be over */
	WAIT_GATE,     /* a person's promote, past the stage's gate */
	WAIT_WEBHOOK,  /* leave from the gate's webhook */
	WAIT_RESUME,   /* paused */
	WAIT_ROLLBACK, /* the steps of a rollback */
	WAIT_DRAIN,    /* the canary's last users */
	WAIT_CLEARING, /* rolled back: a person's resume, or a new release */
	RELEASE_WAITS, /* how many */
};

/* For status and notices. */
struct release_outlook {
	enum release_wait waiting_for;
	char words[RELEASE_WAIT_TEXT_SIZE]; /* "a person: `weir promote` begins it"; "" for
					       NOTHING */
	double hold_left_s;                 /* INFINITY: no end */
	double stage_age_s; /* since the stage, bake or latch began, pauses and all */
	bool clean_up_due;  /* at 100%, past its `expires` */
};
void release_outlook(const struct release *release, const struct release_clock *clock,
    struct release_outlook *outlook);

/* "start", "drill", "window", "traffic", ...: as in /status; "" for WAIT_NOTHING. */
const char *release_wait_name(enum release_wait wait);

uint32_t release_weight_ppm(const struct release *release);
uint32_t release_generation(const struct release *release);

/* Whether it can only go down, or stay at 0: ROLLING_BACK or ROLLED_BACK. */
bool release_is_latched(const struct release *release);

#endif

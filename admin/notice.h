/*
 * What the world is told of a release: a transition, or a gate's question, with what
 * it has cost so far. As one sentence for people, and as JSON for webhooks; both are
 * a public interface (docs/webhooks.md).
 *
 *   struct notice notice;
 *   notice_of_transition(&notice, &about, &step.transition);
 *   log_info("%s", notice_text(...));
 *   webhooks_tell(hooks, rollout->notify, rollout->n_notify, &notice);
 *
 * Time       the wall clock's, given as wall_us.
 * Ownership  a notice borrows every text and the verdict: it is made, told and
 *            forgotten in one function. Whoever sends it copies what it needs.
 */
#ifndef ADMIN_NOTICE_H
#define ADMIN_NOTICE_H

#include "conf/config.h"
#include "rollout/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_event {
	NOTICE_START,         /* a new release begins */
	NOTICE_ADVANCE,       /* the first stage, the next one, or the bake */
	NOTICE_COMPLETE,      /* the bake is over: the rollout is done */
	NOTICE_ROLLBACK,      /* to weight 0, at once or with its first step */
	NOTICE_ROLLBACK_STEP, /* the next steps */
	NOTICE_HOLD,
	NOTICE_HOLD_END,
	NOTICE_PROMOTE,
	NOTICE_PAUSE, /* by a person, or past max_duration */
	NOTICE_RESUME,
	NOTICE_SET_WEIGHT,
	NOTICE_RELOAD,        /* the weight or the plan was edited in the configuration */
	NOTICE_RESTORE,       /* it goes on after a restart */
	NOTICE_UNREADABLE,    /* its stored state cannot be read: it begins rolled back */
	NOTICE_WITHDRAW_PATH, /* one path class goes back to legacy, the rest stays */
	NOTICE_DRILL,         /* a rehearsal of its rollback has passed */
	NOTICE_CLEANUP_DUE,   /* it sits at 100% past its `expires` */
	NOTICE_GATE,          /* the question to a webhook: may it advance? */
	NOTICE_GATE_WAITS,    /* for a person, or for a webhook's answer */
	NOTICE_GATE_REFUSED,
	NOTICE_GATE_OPEN, /* leave came when the stage was no longer ready */
	NOTICE_CHANGE,    /* any other decision; `why` says it */
	NOTICE_EVENTS,    /* how many */
};

/* What the release has cost its users since it began. */
struct notice_cost {
	uint64_t requests;    /* that the canary answered, or failed to */
	uint64_t failed_seen; /* failures that reached users */
	double budget_spent;  /* share of the error budget: 1 is all of it; NaN: not known */
};

/* Where a release stands. */
struct notice_side {
	enum plan_state state;
	uint32_t stage; /* index */
	uint32_t weight_ppm;
};

/* Of random hexadecimal digits. */
enum {
	NOTICE_ID_SIZE = 33
};

struct notice {
	enum notice_event event;
	char id[NOTICE_ID_SIZE]; /* the same for every webhook and attempt */
	const char *route;
	const char *release;    /* "" where none is set */
	const char *owner;      /* NULL: nobody is named */
	const char *hypothesis; /* NULL: none is stated */
	struct notice_side from;
	struct notice_side to;
	const char *path; /* of the path class withdrawn; NULL: none is */
	const char *who;
	const char *why;
	const struct verdict *verdict; /* the latest: NULL before the first */
	struct notice_cost cost;
	uint64_t wall_us;
};

/* What is common to everything that is said about a release at one moment. */
struct notice_about {
	const struct route_conf *route;
	const char *release; /* id */
	struct notice_cost cost;
	uint64_t wall_us;
};

/* About a decision: the transition gives the event, and `why` is never empty. */
void notice_of_transition(struct notice *notice, const struct notice_about *about,
    const struct transition *transition);

/*
 * The question of a gate: whether the release may go from its present stage to the
 * next one (or to the bake). `why` is the verdict's reason, kept in *words.
 */
struct notice_words {
	char text[VERDICT_TEXT_SIZE];
};
void notice_of_gate(struct notice *notice, const struct notice_about *about,
    const struct plan *plan, const struct verdict *verdict, struct notice_words *words);

/* What a decision was: the journal's `action` is its name. */
enum notice_event notice_event_of(const struct transition *transition);

/* "rollback": the event's name in the JSON, and in the field Weir-Event. */
const char *notice_event_name(enum notice_event event);

/*
 * One or two sentences: "shop: release 2026-11-22.1 was rolled back from 5% to 0% by
 * the guard: canary failed ... It cost 12 failed requests ...". Cut at `size`, never
 * within a character of UTF-8. Returns `data`.
 */
enum {
	NOTICE_TEXT_SIZE = 2048
};
const char *notice_text(const struct notice *notice, char *data, size_t size);

/*
 * The JSON object of docs/webhooks.md, on one line; its length in *len. NULL when out
 * of memory. free() it.
 */
__attribute__((warn_unused_result)) char *notice_json(const struct notice *notice, size_t *len);

#endif

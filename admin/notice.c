#include "admin/notice.h"

#include "admin/json_values.h"
#include "base/text.h"
#include "base/clock.h"

#include <event2/util.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the sentence goes on after "shop: release 7 ...". */
enum change_words {
	CHANGE_AT,   /* "... at 5%" */
	CHANGE_FROM, /* "... from 5% to 25%" */
};

struct event_words {
	const char *name;
	const char *words;
	enum change_words change;
};

static const struct event_words events[NOTICE_EVENTS] = {
	[NOTICE_START] = { "start", "begins", CHANGE_AT },
	[NOTICE_ADVANCE] = { "advance", "was advanced", CHANGE_FROM },
	[NOTICE_COMPLETE] = { "complete", "is rolled out", CHANGE_AT },
	[NOTICE_ROLLBACK] = { "rollback", "was rolled back", CHANGE_FROM },
	[NOTICE_ROLLBACK_STEP] = { "rollback_step", "goes on rolling back", CHANGE_FROM },
	[NOTICE_HOLD] = { "hold", "is held", CHANGE_AT },
	[NOTICE_HOLD_END] = { "hold_end", "is held no longer", CHANGE_AT },
	[NOTICE_PROMOTE] = { "promote", "was promoted", CHANGE_FROM },
	[NOTICE_PAUSE] = { "pause", "was paused", CHANGE_AT },
	[NOTICE_RESUME] = { "resume", "was resumed", CHANGE_FROM },
	[NOTICE_SET_WEIGHT] = { "set_weight", "was set by hand", CHANGE_FROM },
	[NOTICE_RELOAD] = { "reload", "was changed in the configuration", CHANGE_FROM },
	[NOTICE_RESTORE] = { "restore", "goes on after a restart", CHANGE_AT },
	[NOTICE_UNREADABLE] = { "unreadable", "begins rolled back", CHANGE_AT },
	[NOTICE_WITHDRAW_PATH] = { "withdraw_path", "gave a path class back to legacy",
	    CHANGE_AT },
	[NOTICE_DRILL] = { "drill", "has passed its drill", CHANGE_AT },
	[NOTICE_CLEANUP_DUE] = { "cleanup_due", "is due for clean-up", CHANGE_AT },
	[NOTICE_GATE] = { "gate", "asks for leave to go on", CHANGE_FROM },
	[NOTICE_GATE_WAITS] = { "gate_waits", "waits at a gate", CHANGE_AT },
	[NOTICE_GATE_REFUSED] = { "gate_refused", "was refused at a gate", CHANGE_AT },
	[NOTICE_GATE_OPEN] = { "gate_open", "has leave to go on", CHANGE_AT },
	[NOTICE_CHANGE] = { "change", "has changed", CHANGE_FROM },
};

const char *notice_event_name(enum notice_event event)
{
	return events[event].name;
}

static void set_id(char id[NOTICE_ID_SIZE])
{
	unsigned char bytes[(NOTICE_ID_SIZE - 1) / 2];

	evutil_secure_rng_get_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, NOTICE_ID_SIZE - 2 * i, "%02x", bytes[i]);
}

static void begin(struct notice *notice, const struct notice_about *about)
{
	const struct rollout_conf *rollout = about->route->rollout;

	*notice = (struct notice) {
		.route = about->route->name,
		.release = about->release,
		.owner = rollout != NULL ? rollout->owner : NULL,
		.hypothesis = rollout != NULL ? rollout->hypothesis : NULL,
		.cost = about->cost,
		.wall_us = about->wall_us,
	};
	set_id(notice->id);
}

static bool is_down(enum plan_state state)
{
	return state == PLAN_ROLLING_BACK || state == PLAN_ROLLED_BACK;
}

static bool has_moved(const struct transition *t)
{
	return t->to != t->from || t->stage_to != t->stage_from ||
	       t->weight_to_ppm != t->weight_from_ppm;
}

/* What stood still: a gate's answer, or a gate or hold that came or went. */
static enum notice_event event_of_a_stand(const struct transition *t)
{
	if (t->cause == PLAN_EVENT_GATE)
		return t->gate == PLAN_GATE_OPEN ? NOTICE_GATE_OPEN : NOTICE_GATE_REFUSED;
	if (t->cause != PLAN_EVENT_VERDICT)
		return NOTICE_CHANGE;
	if (t->hold != VERDICT_CONTINUE)
		return NOTICE_HOLD;
	/* A gate may have been waited for since before a hold that ends now. */
	if (t->verdict.action == VERDICT_ADVANCE &&
	    (t->gate == PLAN_GATE_WAITS || t->gate == PLAN_GATE_ASKED))
		return NOTICE_GATE_WAITS;
	return NOTICE_HOLD_END;
}

/* What came of a verdict, of time, or of a gate's answer. */
static enum notice_event event_of_progress(const struct transition *t)
{
	if (is_down(t->to) && !is_down(t->from))
		return NOTICE_ROLLBACK;
	if (is_down(t->to))
		return has_moved(t) ? NOTICE_ROLLBACK_STEP : NOTICE_CHANGE;
	if (t->path[0] != '\0')
		return NOTICE_WITHDRAW_PATH;
	if (t->overdue)
		return NOTICE_PAUSE;
	if (t->clean_up_due)
		return NOTICE_CLEANUP_DUE;
	if (t->to == PLAN_DONE && t->from != PLAN_DONE)
		return NOTICE_COMPLETE;
	return has_moved(t) ? NOTICE_ADVANCE : event_of_a_stand(t);
}

enum notice_event notice_event_of(const struct transition *t)
{
	switch (t->cause) {
	case PLAN_EVENT_START: return is_down(t->to) ? NOTICE_ROLLBACK : NOTICE_START;
	case PLAN_EVENT_PROMOTE:
		return t->to == PLAN_DONE && t->from != PLAN_DONE ? NOTICE_COMPLETE
								  : NOTICE_PROMOTE;
	case PLAN_EVENT_ROLL_BACK: return NOTICE_ROLLBACK;
	case PLAN_EVENT_PAUSE: return NOTICE_PAUSE;
	case PLAN_EVENT_RESUME: return NOTICE_RESUME;
	case PLAN_EVENT_SET_WEIGHT: return NOTICE_SET_WEIGHT;
	case PLAN_EVENT_RELOAD: return NOTICE_RELOAD;
	case PLAN_EVENT_RESTORE: return NOTICE_RESTORE;
	case PLAN_EVENT_UNREADABLE: return NOTICE_UNREADABLE;
	case PLAN_EVENT_DRILL: return NOTICE_DRILL;
	case PLAN_EVENT_WITHDRAW: return NOTICE_WITHDRAW_PATH;
	case PLAN_EVENT_VERDICT:
	case PLAN_EVENT_CLOCK:
	case PLAN_EVENT_GATE: return event_of_progress(t);
	case PLAN_EVENTS: break;
	}
	return NOTICE_CHANGE;
}

void notice_of_transition(struct notice *notice, const struct notice_about *about,
    const struct transition *transition)
{
	begin(notice, about);
	notice->event = notice_event_of(transition);
	notice->from = (struct notice_side) { transition->from, transition->stage_from,
		transition->weight_from_ppm };
	notice->to = (struct notice_side) { transition->to, transition->stage_to,
		transition->weight_to_ppm };
	notice->path = transition->path[0] != '\0' ? transition->path : NULL;
	notice->who = transition->who;
	notice->why = transition->why[0] != '\0' ? transition->why : "no reason was given";
	notice->verdict = &transition->verdict;
}

void notice_of_gate(struct notice *notice, const struct notice_about *about,
    const struct plan *plan, const struct verdict *verdict, struct notice_words *words)
{
	const struct plan_spec *spec = &plan->spec;
	uint32_t next = plan->stage + 1;

	begin(notice, about);
	verdict_reason_text(verdict, words->text, sizeof(words->text));
	notice->event = NOTICE_GATE;
	notice->from = (struct notice_side) { plan->state, plan->stage, plan->weight_ppm };
	notice->to = (struct notice_side) { PLAN_BAKING, plan->stage, plan->weight_ppm };
	if (next < spec->n_stages)
		notice->to =
		    (struct notice_side) { PLAN_RUNNING, next, spec->stages[next].weight_ppm };
	notice->who = "guard";
	notice->why = words->text;
	notice->verdict = verdict;
}

static void end_with_full_stop(struct text *sentence)
{
	if (sentence->len > 0 && strchr(".!?", sentence->data[sentence->len - 1]) == NULL)
		text_say(sentence, ".");
}

static void say_change(struct text *sentence, const struct notice *notice)
{
	const struct event_words *event = &events[notice->event];
	double from = notice->from.weight_ppm / 1e4;
	double to = notice->to.weight_ppm / 1e4;

	text_say(sentence, " %s", event->words);
	if (event->change == CHANGE_FROM && from != to)
		text_say(sentence, " from %.6g%% to %.6g%%", from, to);
	else
		text_say(sentence, " at %.6g%%", to);
}

static void say_who(struct text *sentence, const struct notice *notice)
{
	const char *who = notice->who;

	if (notice->event == NOTICE_GATE || strcmp(who, "start") == 0)
		return;
	text_say(sentence, " by %s%s", strcmp(who, "guard") == 0 ? "the " : "", who);
}

static void say_cost(struct text *sentence, const struct notice_cost *cost)
{
	if (cost->requests == 0 && cost->failed_seen == 0)
		return;
	text_say(sentence, " It has cost %llu failed request%s of the canary's %llu",
	    (unsigned long long)cost->failed_seen, cost->failed_seen == 1 ? "" : "s",
	    (unsigned long long)cost->requests);
	if (isfinite(cost->budget_spent))
		text_say(sentence, "; %.3g%% of the error budget is spent",
		    cost->budget_spent * 100);
	text_say(sentence, ".");
}

/* A character that was cut in two is left off. */
static void mend_end(struct text *sentence)
{
	char *data = sentence->data;
	size_t start = sentence->len;
	size_t wanted;
	unsigned char lead;

	while (start > 0 && ((unsigned char)data[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	lead = (unsigned char)data[start - 1];
	wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (sentence->len - (start - 1) < wanted)
		data[start - 1] = '\0';
}

const char *notice_text(const struct notice *notice, char *data, size_t size)
{
	struct text sentence = { data, size, 0 };

	data[0] = '\0';
	text_say(&sentence, "%s: ", notice->route);
	if (notice->release[0] != '\0')
		text_say(&sentence, "release %s", notice->release);
	else
		text_say(&sentence, "the release");
	say_change(&sentence, notice);
	say_who(&sentence, notice);
	if (notice->path != NULL)
		text_say(&sentence, " (%s)", notice->path);
	text_say(&sentence, ": %s", notice->why);
	end_with_full_stop(&sentence);
	say_cost(&sentence, &notice->cost);
	if (notice->owner != NULL)
		text_say(&sentence, " Owner: %s.", notice->owner);
	mend_end(&sentence);
	return data;
}

static json_t *cost_json(const struct notice_cost *cost)
{
	return json_pack("{s:I, s:I, s:o}", "requests", (json_int_t)cost->requests,
	    "failed_seen", (json_int_t)cost->failed_seen, "budget_spent",
	    json_number(cost->budget_spent));
}

static json_t *text_or_null(const char *text)
{
	return text != NULL ? json_text(text) : json_null();
}

static json_t *whole(const struct notice *notice)
{
	const struct verdict *verdict = notice->verdict;
	char time[CLOCK_TEXT_SIZE];
	char text[NOTICE_TEXT_SIZE];

	clock_format(notice->wall_us, time);
	notice_text(notice, text, sizeof(text));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
	    "event", notice_event_name(notice->event), "id", notice->id, "time", time, "route",
	    json_text(notice->route), "release", json_text(notice->release), "owner",
	    text_or_null(notice->owner), "hypothesis", text_or_null(notice->hypothesis), "from",
	    json_side(notice->from.state, notice->from.stage, notice->from.weight_ppm), "to",
	    json_side(notice->to.state, notice->to.stage, notice->to.weight_ppm), "path",
	    text_or_null(notice->path), "who", json_text(notice->who), "why",
	    json_text(notice->why), "verdict",
	    text_or_null(verdict != NULL ? verdict_name(verdict->action) : NULL), "evidence",
	    verdict != NULL ? json_evidence(verdict) : json_null(), "cost",
	    cost_json(&notice->cost), "text", json_text(text));
}

char *notice_json(const struct notice *notice, size_t *len)
{
	json_t *json = whole(notice);
	char *text = NULL;

	if (json != NULL)
		text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(json);
	*len = text != NULL ? strlen(text) : 0;
	return text;
}

#include "admin/status_route.h"

#include "admin/cost.h"
#include "admin/journal.h"
#include "admin/json_values.h"
#include "admin/status_counters.h"
#include "base/clock.h"
#include "conf/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	WEIGHT_TEXT_SIZE = 16,
	REASON_SIZE = TRANSITION_WHO_SIZE + TRANSITION_WHY_SIZE + VERDICT_TEXT_SIZE + 32,
	EXPIRY_TEXT_SIZE = 64,
};

static json_t *weight_text(uint32_t weight_ppm)
{
	char text[WEIGHT_TEXT_SIZE];

	snprintf(text, sizeof(text), "%g%%", weight_ppm / 10000.0);
	return json_string(text);
}

/* A text of the configuration's that may be absent. */
static json_t *optional_text(const char *text)
{
	return text != NULL ? json_text(text) : json_null();
}

static void verdict_words(const struct managed_route *managed, char words[VERDICT_TEXT_SIZE])
{
	struct verdict verdict = managed->release.verdict;
	const char *path = NULL;

	if (verdict.accuser.path_class < PATH_CLASSES)
		path = path_classes_name(
		    managed->route->live->path_classes, verdict.accuser.path_class);
	if (path != NULL && verdict.path_name[0] == '\0')
		snprintf(verdict.path_name, sizeof(verdict.path_name), "%s", path);
	verdict_reason_text(&verdict, words, VERDICT_TEXT_SIZE);
}

/* Whether the decision that made the plan stand where it does was not the guard's. */
static bool is_by_order(const struct release *release)
{
	const struct transition *last = &release->last;

	if (release->plan.state == PLAN_PAUSED)
		return last->to == PLAN_PAUSED && last->hold == VERDICT_CONTINUE &&
		       last->cause != PLAN_EVENT_VERDICT;
	return release_is_latched(release) && last->cause == PLAN_EVENT_ROLL_BACK;
}

/* Why it stands where it stands: a person's order where that is why, and the guard's words. */
static json_t *reason_json(const struct managed_route *managed, const struct store *store)
{
	const struct release *release = &managed->release;
	const struct transition *last = &release->last;
	bool paused = release->plan.state == PLAN_PAUSED;
	char words[VERDICT_TEXT_SIZE];
	char text[REASON_SIZE];

	if (managed->route->arms[ARM_CANARY] == NULL)
		return json_string("the route has no canary");
	verdict_words(managed, words);
	if (is_by_order(release)) {
		snprintf(text, sizeof(text), "%s by %s%s%s%s%s",
		    paused ? "paused" : "rolled back", last->who,
		    last->why[0] != '\0' ? ": " : "", last->why, paused ? "; " : "",
		    paused ? words : "");
		return json_text(text);
	}
	/* What no verdict has decided: an order of before, or a state that could not be read.
	 */
	if (release_is_latched(release) && release->verdict.action != VERDICT_ROLL_BACK) {
		bool since_then = last->cause != PLAN_EVENT_START &&
				  last->cause != PLAN_EVENT_UNREADABLE && store != NULL;

		if (since_then && store_latch_why(store, managed->route->conf->name,
				      release->id, text, sizeof(text)))
			return json_text(text);
		if (last->why[0] != '\0')
			return json_text(last->why);
	}
	return json_text(words);
}

static json_t *held_json(const struct plan *plan)
{
	return plan->hold != VERDICT_CONTINUE ? json_string(verdict_name(plan->hold))
					      : json_null();
}

/* What E is made of: the natural logarithm of each M. */
static json_t *evidence_json(const struct verdict *verdict)
{
	json_t *json = json_evidence(verdict);
	json_t *parts = json_object();

	for (enum evidence_kind kind = 0; kind < EVIDENCE_KINDS; kind++)
		json_object_set_new(
		    parts, evidence_kind_name(kind), json_number(verdict->ln_parts[kind]));
	json_object_set_new(parts, "sample_ratio", json_number(verdict->sample_ratio_ln_e));
	json_object_set_new(json, "parts", parts);
	return json;
}

static json_t *waiting_json(const struct release_outlook *outlook)
{
	if (outlook->waiting_for == WAIT_NOTHING)
		return json_null();
	return json_pack("{s:s, s:o}", "what", release_wait_name(outlook->waiting_for), "words",
	    json_text(outlook->words));
}

/* null where legacy's quantiles are not frozen yet: then nothing is slow. */
static json_t *latency_json(const struct managed_route *managed)
{
	const struct verdict *verdict = &managed->release.verdict;
	bool is_known = verdict->handicap.factor > 0;
	uint32_t us[LATENCY_THRESHOLDS];
	json_t *thresholds;

	if (!route_stats_thresholds(managed->route->live->stats, PATH_CLASS_ALL, us))
		return json_null();
	thresholds = json_object();
	for (enum latency_threshold i = 0; i < LATENCY_THRESHOLDS; i++)
		json_object_set_new(
		    thresholds, latency_threshold_name(i), json_number(us[i] / 1000.0));
	return json_pack("{s:o, s:o, s:o, s:o}", "thresholds_ms", thresholds, "handicap",
	    is_known ? json_number(verdict->handicap.factor) : json_null(), "slack_ms",
	    is_known ? json_number(verdict->handicap.slack_us / 1e3) : json_null(),
	    "slow_share",
	    verdict->latency_budget > 0
		? json_pack("{s:o, s:o, s:o}", "budget", json_number(verdict->latency_budget),
		      "legacy", json_number(verdict->slow_share[ARM_LEGACY]), "canary",
		      json_number(verdict->slow_share[ARM_CANARY]))
		: json_null());
}

/* The latest decision; null before the first. */
static json_t *last_json(const struct release *release, const struct release_clock *clock)
{
	const struct transition *last = &release->last;
	double age_s = (double)((int64_t)clock->now_us - release->last_us) / 1e6;

	if (last->who[0] == '\0')
		return json_null();
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "age_s",
	    json_number(age_s > 0 ? age_s : 0), "who", json_text(last->who), "action",
	    journal_action(last), "from",
	    json_side(last->from, last->stage_from, last->weight_from_ppm), "to",
	    json_side(last->to, last->stage_to, last->weight_to_ppm), "why",
	    json_text(journal_reason(last)));
}

static json_t *cost_json(const struct managed_route *managed)
{
	struct notice_cost cost = cost_of(managed);

	return json_pack("{s:I, s:I, s:o}", "requests", (json_int_t)cost.requests, "failures",
	    (json_int_t)cost.failed_seen, "budget_spent", json_number(cost.budget_spent));
}

/* "2026-12-24T00:00:00.000Z", or "14d after 100%". */
static void format_expiry(const struct expiry *expires, char text[EXPIRY_TEXT_SIZE])
{
	char duration[UNITS_TEXT_SIZE];

	if (expires->at_s > 0) {
		clock_format((uint64_t)expires->at_s * 1000000, text);
		return;
	}
	units_format_duration((uint64_t)expires->after_s * 1000000, duration);
	snprintf(text, EXPIRY_TEXT_SIZE, "%s after 100%%", duration);
}

static json_t *clean_up_json(const struct release *release, bool due)
{
	const struct expiry *expires = &release->plan.spec.expires;
	char text[EXPIRY_TEXT_SIZE];

	if (expires->at_s <= 0 && expires->after_s == 0)
		return json_null();
	format_expiry(expires, text);
	return json_pack("{s:b, s:s}", "due", (int)due, "expires", text);
}

static json_t *withdrawn_json(const struct managed_route *managed)
{
	uint64_t withdrawn = managed->release.plan.withdrawn;
	json_t *list = json_array();

	for (unsigned slot = 0; slot < PATH_CLASS_SLOTS; slot++) {
		const char *name;

		if ((withdrawn >> slot & 1) == 0)
			continue;
		name = path_classes_name(managed->route->live->path_classes, slot);
		json_array_append_new(list, json_text(name != NULL ? name : "?"));
	}
	return list;
}

static json_t *drain_json(const struct plan *plan)
{
	double left_s = plan->drain_until_us > plan->age_us
			    ? (double)(plan->drain_until_us - plan->age_us) / 1e6
			    : 0;

	if (plan->drain_ppm == 0)
		return json_null();
	return json_pack("{s:I, s:o}", "below_ppm", (json_int_t)plan->drain_ppm, "left_s",
	    json_number(left_s));
}

/* What stands between a stage that is ready and the next; null where nothing does. */
static json_t *gate_json(const struct plan *plan)
{
	static const char *const names[PLAN_GATES] = {
		[PLAN_GATE_WAITS] = "waits",
		[PLAN_GATE_ASKED] = "asked",
		[PLAN_GATE_DENIED] = "denied",
		[PLAN_GATE_OPEN] = "open",
	};

	if (plan->gate == PLAN_GATE_CLOSED)
		return json_null();
	return json_pack("{s:s, s:o}", "state", names[plan->gate], "words",
	    plan->gate_words[0] != '\0' ? json_text(plan->gate_words) : json_null());
}

static json_t *plan_json(const struct managed_route *managed)
{
	const struct plan *plan = &managed->release.plan;

	return json_pack("{s:o, s:o, s:o, s:i, s:I, s:o}", "name",
	    json_text(managed->route->conf->name), "release", json_text(managed->release.id),
	    "state", json_state(plan->state), "stages",
	    plan->spec.staged ? (int)plan->spec.n_stages : 0, "weight_ppm",
	    (json_int_t)plan->weight_ppm, "weight", weight_text(plan->weight_ppm));
}

/* Sets what the release itself tells. A NULL among the values shows in the end. */
static bool add_release(json_t *json, const struct managed_route *managed,
    const struct store *store, const struct release_clock *clock)
{
	const struct release *release = &managed->release;
	const struct rollout_conf *rollout = managed->route->conf->rollout;
	const struct plan *plan = &release->plan;
	struct release_outlook outlook;
	const struct {
		const char *name;
		json_t *value;
	} members[] = {
		{ "stage", json_stage(plan->state, plan->stage) },
		{ "verdict", json_string(verdict_name(release->verdict.action)) },
		{ "reason", reason_json(managed, store) },
		{ "evidence", evidence_json(&release->verdict) },
		{ "evidence_was_lost", json_boolean(release->evidence_was_lost) },
		{ "latched", json_boolean(release_is_latched(release)) },
		{ "held", held_json(plan) },
		{ "owner", optional_text(rollout != NULL ? rollout->owner : NULL) },
		{ "hypothesis", optional_text(rollout != NULL ? rollout->hypothesis : NULL) },
		{ "latency", latency_json(managed) },
		{ "last", last_json(release, clock) },
		{ "cost", cost_json(managed) },
		{ "withdrawn_paths", withdrawn_json(managed) },
		{ "drain", drain_json(plan) },
		{ "gate", gate_json(plan) },
		{ "path_classes", status_path_classes(managed) },
	};
	bool ok = true;

	release_outlook(release, clock, &outlook);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		ok = json_object_set_new(json, members[i].name, members[i].value) == 0 && ok;
	return json_object_set_new(json, "waiting_for", waiting_json(&outlook)) == 0 &&
	       json_object_set_new(json, "stage_age_s", json_number(outlook.stage_age_s)) ==
		   0 &&
	       json_object_set_new(json, "hold_left_s", json_number(outlook.hold_left_s)) ==
		   0 &&
	       json_object_set_new(
		   json, "clean_up", clean_up_json(release, outlook.clean_up_due)) == 0 &&
	       ok;
}

json_t *status_route_json(const struct managed_route *managed, const struct store *store,
    const struct release_clock *clock)
{
	json_t *json = plan_json(managed);

	if (add_release(json, managed, store, clock) &&
	    status_add_counters(json, managed, PATH_CLASS_ALL))
		return json;
	json_decref(json);
	return NULL;
}

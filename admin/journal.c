#include "admin/journal.h"

#include "admin/journal_time.h"
#include "admin/json_values.h"
#include "admin/notice.h"
#include "base/clock.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *journal_action(const struct transition *transition)
{
	return notice_event_name(notice_event_of(transition));
}

/* A row without a reason would leave its reader guessing. */
const char *journal_reason(const struct transition *transition)
{
	if (transition->why[0] != '\0')
		return transition->why;
	switch (transition->cause) {
	case PLAN_EVENT_PROMOTE: return "promoted by hand";
	case PLAN_EVENT_ROLL_BACK: return "rolled back by hand";
	case PLAN_EVENT_PAUSE: return "paused by hand";
	case PLAN_EVENT_RESUME: return "resumed by hand";
	case PLAN_EVENT_SET_WEIGHT: return "weight set by hand";
	default: return plan_event_name(transition->cause);
	}
}

/* Takes the JSON; NULL where there is none. */
static char *dump(json_t *json)
{
	char *text =
	    json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	json_decref(json);
	return text;
}

/* Takes the JSON; a copy of its text. */
static char *text_in(json_t *json)
{
	const char *value = json_string_value(json);
	char *text = value != NULL ? strdup(value) : NULL;

	json_decref(json);
	return text;
}

static char *valid_text(const char *text)
{
	return text_in(json_text(text));
}

static json_t *arm_counters(const struct arm_counts *counts)
{
	return json_pack("{s:o, s:o}", "requests", json_number(counts->n), "failures",
	    json_number(counts->bad));
}

static char *counters(const struct verdict *verdict)
{
	return dump(json_pack("{s:o, s:o}", "canary", arm_counters(&verdict->stage[ARM_CANARY]),
	    "legacy", arm_counters(&verdict->stage[ARM_LEGACY])));
}

static struct journal_side side_of(enum plan_state state, uint32_t stage, uint32_t weight_ppm)
{
	json_t *shown = json_stage(state, stage);
	struct journal_side side = {
		.state = text_in(json_state(state)),
		.stage = json_integer_value(shown),
		.weight_ppm = weight_ppm,
	};

	json_decref(shown);
	return side;
}

static bool is_whole(const struct journal_row *row)
{
	const char *const texts[] = { row->route, row->release, row->who, row->action,
		row->from.state, row->to.state, row->verdict, row->reason, row->evidence,
		row->counters };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i] == NULL || strlen(texts[i]) > JOURNAL_TEXT_MAX)
			return false;
	}
	return true;
}

static struct journal_row *whole_or_null(struct journal_row *row)
{
	if (row == NULL || is_whole(row))
		return row;
	journal_row_free(row);
	return NULL;
}

struct journal_row *journal_row_new(uint64_t wall_us, const char *route, const char *release,
    const struct transition *transition)
{
	struct journal_row *row = calloc(1, sizeof(*row));

	if (row == NULL)
		return NULL;
	row->time_us = (int64_t)wall_us;
	row->route = valid_text(route);
	row->release = valid_text(release);
	row->who = valid_text(transition->who);
	row->action = valid_text(journal_action(transition));
	row->from =
	    side_of(transition->from, transition->stage_from, transition->weight_from_ppm);
	row->to = side_of(transition->to, transition->stage_to, transition->weight_to_ppm);
	row->verdict = valid_text(verdict_name(transition->verdict.action));
	row->reason = valid_text(journal_reason(transition));
	row->evidence = dump(json_evidence(&transition->verdict));
	row->counters = counters(&transition->verdict);
	return whole_or_null(row);
}

static char *copy_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? strdup(text) : NULL;
}

static struct journal_side parse_side(const json_t *json)
{
	return (struct journal_side) {
		.state = copy_of(json, "state"),
		.stage = json_integer_value(json_object_get(json, "stage")),
		.weight_ppm = json_integer_value(json_object_get(json, "weight_ppm")),
	};
}

static char *parse_object(const json_t *json, const char *member)
{
	json_t *object = json_object_get(json, member);

	return json_is_object(object) ? dump(json_incref(object)) : strdup("{}");
}

struct journal_row *journal_row_parse(const json_t *json)
{
	const char *time = json_string_value(json_object_get(json, "time"));
	struct journal_row *row;
	uint64_t wall_us;

	if (time == NULL || !journal_time_parse(time, &wall_us))
		return NULL;
	row = calloc(1, sizeof(*row));
	if (row == NULL)
		return NULL;
	row->time_us = (int64_t)wall_us;
	row->route = copy_of(json, "route");
	row->release = copy_of(json, "release");
	row->who = copy_of(json, "who");
	row->action = copy_of(json, "action");
	row->from = parse_side(json_object_get(json, "from"));
	row->to = parse_side(json_object_get(json, "to"));
	row->verdict = copy_of(json, "verdict");
	row->reason = copy_of(json, "reason");
	row->evidence = parse_object(json, "evidence");
	row->counters = parse_object(json, "counters");
	return whole_or_null(row);
}

void journal_row_free(struct journal_row *row)
{
	if (row == NULL)
		return;
	free(row->route);
	free(row->release);
	free(row->who);
	free(row->action);
	free(row->from.state);
	free(row->to.state);
	free(row->verdict);
	free(row->reason);
	free(row->evidence);
	free(row->counters);
	free(row);
}

static json_t *side_json(const struct journal_side *side)
{
	return json_pack("{s:o, s:I, s:I}", "state", json_text(side->state), "stage",
	    (json_int_t)side->stage, "weight_ppm", (json_int_t)side->weight_ppm);
}

/* What was stored as an object; null where it is none any more. */
static json_t *object_json(const char *text)
{
	json_t *object = json_loads(text, 0, NULL);

	return object != NULL ? object : json_null();
}

json_t *journal_row_json(const struct journal_row *row)
{
	char time[CLOCK_TEXT_SIZE];
	char hash[JOURNAL_HASH_TEXT_SIZE];

	clock_format((uint64_t)row->time_us, time);
	journal_hash_format(row->hash, hash);
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
	    "seq", (json_int_t)row->seq, "time", time, "route", json_text(row->route),
	    "release", json_text(row->release), "who", json_text(row->who), "action",
	    json_text(row->action), "from", side_json(&row->from), "to", side_json(&row->to),
	    "verdict", json_text(row->verdict), "reason", json_text(row->reason), "evidence",
	    object_json(row->evidence), "counters", object_json(row->counters), "hash", hash);
}

static bool add_text(EVP_MD_CTX *digest, const char *text)
{
	char length[32];
	size_t len = strlen(text);
	int n = snprintf(length, sizeof(length), "%zu:", len);

	return EVP_DigestUpdate(digest, length, (size_t)n) == 1 &&
	       EVP_DigestUpdate(digest, text, len) == 1 &&
	       EVP_DigestUpdate(digest, ",", 1) == 1;
}

static bool add_number(EVP_MD_CTX *digest, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	return add_text(digest, text);
}

static bool add_side(EVP_MD_CTX *digest, const struct journal_side *side)
{
	return add_text(digest, side->state) && add_number(digest, side->stage) &&
	       add_number(digest, side->weight_ppm);
}

static bool add_row(EVP_MD_CTX *digest, const struct journal_row *row)
{
	return add_number(digest, row->seq) && add_number(digest, row->time_us) &&
	       add_text(digest, row->route) && add_text(digest, row->release) &&
	       add_text(digest, row->who) && add_text(digest, row->action) &&
	       add_side(digest, &row->from) && add_side(digest, &row->to) &&
	       add_text(digest, row->verdict) && add_text(digest, row->reason) &&
	       add_text(digest, row->evidence) && add_text(digest, row->counters);
}

/* False when out of memory. */
static bool hash_of(const struct journal_row *row, const unsigned char prev[JOURNAL_HASH_SIZE],
    unsigned char hash[JOURNAL_HASH_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(digest, prev, JOURNAL_HASH_SIZE) == 1 &&
		  add_row(digest, row) && EVP_DigestFinal_ex(digest, hash, NULL) == 1;

	EVP_MD_CTX_free(digest);
	return ok;
}

bool journal_row_chain(struct journal_row *row, struct journal_head *head)
{
	row->seq = head->seq + 1;
	memcpy(row->prev_hash, head->hash, sizeof(row->prev_hash));
	if (!hash_of(row, head->hash, row->hash))
		return false;
	head->seq = row->seq;
	memcpy(head->hash, row->hash, sizeof(head->hash));
	return true;
}

bool journal_row_follows(
    const struct journal_row *row, struct journal_head *head, struct error *err)
{
	unsigned char hash[JOURNAL_HASH_SIZE];

	if (row->seq != head->seq + 1) {
		error_set(err,
		    "row %" PRId64 " is missing: after row %" PRId64 " comes %" PRId64,
		    head->seq + 1, head->seq, row->seq);
		return false;
	}
	if (!hash_of(row, head->hash, hash)) {
		error_set(err, "out of memory");
		return false;
	}
	if (memcmp(hash, row->hash, sizeof(hash)) != 0) {
		/* Its own hash holds with the one it names: then it is the row before. */
		bool own = hash_of(row, row->prev_hash, hash) &&
			   memcmp(hash, row->hash, sizeof(hash)) == 0;

		error_set(err,
		    own ? "row %" PRId64 " does not follow the row before it: one "
			  "of them was replaced"
			: "row %" PRId64 " was changed",
		    row->seq);
		return false;
	}
	if (memcmp(row->prev_hash, head->hash, sizeof(head->hash)) != 0) {
		error_set(err, "row %" PRId64 " was changed: it names another hash before it",
		    row->seq);
		return false;
	}
	head->seq = row->seq;
	memcpy(head->hash, row->hash, sizeof(head->hash));
	return true;
}

void journal_hash_format(
    const unsigned char hash[JOURNAL_HASH_SIZE], char text[JOURNAL_HASH_TEXT_SIZE])
{
	for (size_t i = 0; i < JOURNAL_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

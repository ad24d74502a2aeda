#include "router/explain.h"

#include "conf/units.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

const char *explain_why_name(enum explain_why why)
{
	switch (why) {
	case EXPLAIN_OWN_ANSWER: return "own_answer";
	case EXPLAIN_NO_CANARY: return "no_canary";
	case EXPLAIN_TOKEN: return "token";
	case EXPLAIN_RULE: return "rule";
	case EXPLAIN_METHOD: return "method";
	case EXPLAIN_PATH: return "path";
	case EXPLAIN_DRAIN: return "drain";
	case EXPLAIN_BELOW_WEIGHT: return "below_weight";
	case EXPLAIN_ABOVE_WEIGHT: return "above_weight";
	case EXPLAIN_BY_CHANCE: return "by_chance";
	}
	return "";
}

__attribute__((format(printf, 3, 4))) static void say(
    struct explanation *e, enum explain_why why, const char *format, ...)
{
	va_list args;

	e->why = why;
	va_start(args, format);
	vsnprintf(e->words, sizeof(e->words), format, args);
	va_end(args);
}

/* "1,000,000" */
enum {
	GROUPED_SIZE = 16
};
static void group(uint32_t n, char text[GROUPED_SIZE])
{
	char digits[GROUPED_SIZE];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%u", n);
	char *out = text;

	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
}

/* True where a token or a rule settles it; a token for any arm leaves it to the bucket. */
static bool explain_forced(const struct explain_question *q, struct explanation *e)
{
	const struct force_rule *rule;
	struct forced forced;
	struct forced_request asked = {
		.route = q->route,
		.message = q->request,
		.client_ip = q->client_ip,
		.token_key = q->token_key,
		.now_s = q->now_s,
	};

	forced_find(&asked, &forced);
	e->token = forced.token;
	e->synthetic = forced.synthetic;
	e->counts = !forced.is_forced;
	if (!forced.has_arm)
		return false;
	e->arm = forced.arm;
	rule = forced.rule;
	if (rule == NULL)
		say(e, EXPLAIN_TOKEN, "forced by a signed token");
	else if (rule->match == FORCE_BY_ADDRESS)
		say(e, EXPLAIN_RULE, "forced by a rule for the client's address %.*s",
		    (int)q->client_ip.len, q->client_ip.data);
	else
		say(e, EXPLAIN_RULE, "forced by a rule for the %s %s",
		    rule->match == FORCE_BY_HEADER ? "header" : "cookie", rule->name);
	return true;
}

static void explain_key(const struct explain_question *q, struct explanation *e)
{
	struct cohort_identity identity;

	cohort_identify(q->cohort, q->request, q->client_ip, &identity);
	e->source = identity.source;
	e->has_bucket =
	    identity.source != COHORT_SOURCE_NONE && identity.source != COHORT_SOURCE_NEW;
	if (!e->has_bucket)
		return;
	e->key = identity.key;
	e->unit_hash = identity.unit_hash;
	e->bucket = identity.bucket;
	e->canary_from_ppm = identity.bucket + 1;
}

static void explain_bucket(const struct explain_question *q, struct explanation *e)
{
	uint32_t weight_ppm = q->setting.weight_ppm;
	char bucket[GROUPED_SIZE], weight[GROUPED_SIZE], share[UNITS_TEXT_SIZE];

	group(e->bucket, bucket);
	group(weight_ppm, weight);
	units_format_share(weight_ppm, share);
	if (e->has_bucket) {
		say(e, e->arm == ARM_CANARY ? EXPLAIN_BELOW_WEIGHT : EXPLAIN_ABOVE_WEIGHT,
		    "bucket %s of 1,000,000 is %s the weight of %s (%s)", bucket,
		    e->arm == ARM_CANARY ? "below" : "not below", weight, share);
		return;
	}
	e->arm = weight_ppm > PPM / 2 ? ARM_CANARY : ARM_LEGACY;
	if (e->source == COHORT_SOURCE_NEW)
		say(e, EXPLAIN_BY_CHANCE,
		    "no key yet: weir issues an id, whose bucket is the canary's with a "
		    "chance of %s, and stays so",
		    share);
	else
		say(e, EXPLAIN_BY_CHANCE,
		    "no key: each request draws a bucket, and is the canary's with a chance "
		    "of %s",
		    share);
}

static void explain_drain(const struct explain_question *q, struct explanation *e, bool stays)
{
	char share[UNITS_TEXT_SIZE];

	units_format_share(q->setting.weight_ppm, share);
	if (stays)
		say(e, EXPLAIN_DRAIN,
		    "the canary was rolled back; this user was on it, and stays while it is "
		    "drained");
	else
		say(e, EXPLAIN_DRAIN,
		    "the canary was rolled back to %s and is being drained; this user was "
		    "not on it",
		    share);
}

/* As the exposure decides; a copy of it, so that any setting can be asked about. */
static void explain_exposure(const struct explain_question *q, struct explanation *e)
{
	struct exposure exposure;
	struct exposure_request asked = {
		.method = q->request->method_id,
		.path_class = e->path_class,
		.bucket = e->bucket,
		.was_canary = e->has_bucket && q->seen_users != NULL &&
			      seen_users_has(q->seen_users, e->unit_hash),
	};
	enum exposure_reason reason;

	exposure_init(&exposure, 0);
	exposure_set(&exposure, &q->setting);
	e->arm = exposure_choose(&exposure, exposure_get(&exposure), &asked, &reason);
	e->is_evidence = e->counts && reason == EXPOSURE_BY_BUCKET;
	switch (reason) {
	case EXPOSURE_BY_METHOD:
		say(e, EXPLAIN_METHOD, "this stage sends no %.*s to the canary",
		    (int)(q->request->method.len < 64 ? q->request->method.len : 64),
		    q->request->method.data);
		return;
	case EXPOSURE_BY_PATH:
		say(e, EXPLAIN_PATH, "the path class %s is withdrawn from the canary",
		    e->path_class_name);
		return;
	case EXPOSURE_BY_DRAIN: explain_drain(q, e, true); return;
	case EXPOSURE_DURING_DRAIN:
		if (e->arm == ARM_LEGACY && e->has_bucket && e->bucket < q->setting.drain_ppm) {
			explain_drain(q, e, false);
			return;
		}
		break;
	case EXPOSURE_BY_BUCKET: break;
	}
	explain_bucket(q, e);
}

const struct route_conf *explain_chosen(const struct explain_question *question)
{
	int index = router_match(
	    question->router, question->request->authority, message_path(question->request));

	return index >= 0 ? &question->routes[index] : NULL;
}

void explain(const struct explain_question *question, struct explanation *explanation)
{
	const struct route_conf *route = question->route;
	struct path_class_name unseen;

	*explanation = (struct explanation) { .token = TOKEN_ABSENT };
	explanation->path_class = path_class_lookup(question->path_rules,
	    question->path_classes, message_path(question->request), &unseen);
	explanation->path_class_name =
	    path_classes_name(question->path_classes, explanation->path_class);
	if (route->canary != NULL) {
		explain_key(question, explanation);
		if (!explain_forced(question, explanation))
			explain_exposure(question, explanation);
	} else if (route->legacy != NULL) {
		explanation->counts = true;
		say(explanation, EXPLAIN_NO_CANARY, "the route has no canary");
	} else {
		say(explanation, EXPLAIN_OWN_ANSWER,
		    "weir answers by itself: the route has no upstream");
	}
}

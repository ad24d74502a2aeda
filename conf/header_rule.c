#include "conf/header_rule.h"

#include "conf/pattern.h"

#include <stdlib.h>
#include <string.h>

/* Fields that say how weir and its neighbour talk, or that weir writes itself. */
static const struct {
	enum field_id id;
	bool of_response; /* in a response too */
	const char *instead;
} owned[] = {
	{ FIELD_CONNECTION, true,
	    "weir manages connections itself, by keepalive_timeout and max_requests" },
	{ FIELD_CONTENT_LENGTH, true, "weir frames each message itself, by its body" },
	{ FIELD_EXPECT, false, "weir passes it on as the client sends it" },
	{ FIELD_HOST, true, "host_rewrite sets the host that a server sees" },
	{ FIELD_KEEP_ALIVE, true,
	    "weir manages connections itself, by keepalive_timeout and max_requests" },
	{ FIELD_PROXY_CONNECTION, true,
	    "weir manages connections itself, by keepalive_timeout and max_requests" },
	{ FIELD_TE, true, "weir frames each message itself, and passes trailers on" },
	{ FIELD_TRAILER, true, "weir frames each message itself, and passes trailers on" },
	{ FIELD_TRANSFER_ENCODING, true, "weir frames each message itself, by its body" },
	{ FIELD_UPGRADE, true, "weir passes an upgrade on where client and server agree" },
	{ FIELD_VIA, true, "weir names itself in it, as a proxy must" },
	{ FIELD_X_REQUEST_ID, false,
	    "weir sets it on each request; another field may hold ${request_id}" },
};

static bool check_name(struct slice name, enum header_direction direction, struct error *err)
{
	enum field_id id = field_identify(name);

	if (!pattern_is_token(name)) {
		error_set(err, "'%.*s' is not the name of a header", (int)name.len, name.data);
		return false;
	}
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		if (owned[i].id != id ||
		    (direction == HEADERS_OF_RESPONSE && !owned[i].of_response))
			continue;
		error_set(err, "%.*s cannot be changed: %s", (int)name.len, name.data,
		    owned[i].instead);
		return false;
	}
	return true;
}

/* RFC 9110 6.6.1: who passes on a response without it adds it. */
static bool check_removal(struct slice name, enum header_direction direction, struct error *err)
{
	if (direction != HEADERS_OF_RESPONSE || field_identify(name) != FIELD_DATE)
		return true;
	error_set(err, "%.*s cannot be removed: a response has one, the server's or weir's",
	    (int)name.len, name.data);
	return false;
}

/* One more of that op may come, and its name is new where it would undo another. */
static bool check_others(
    const struct header_rules *rules, enum header_op op, struct slice name, struct error *err)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rules->n; i++) {
		const struct header_rule *rule = &rules->items[i];

		if (rule->op != op)
			continue;
		n++;
		if (op != HEADER_ADD &&
		    slice_equal_nocase(name, (struct slice) { rule->name, rule->name_len })) {
			error_set(err, "%s is %s already", rule->name,
			    op == HEADER_SET ? "set" : "removed");
			return false;
		}
	}
	if (n >= HEADER_RULES_MAX)
		error_set(err, "at most %d", HEADER_RULES_MAX);
	return n < HEADER_RULES_MAX;
}

static bool parse_value(struct slice text, struct template *value, struct error *err)
{
	text = slice_trim(text);
	if (text.len > 0)
		return template_parse(text, value, err);
	error_set(err, "no value after the ':'; to remove a header, use the key for that");
	return false;
}

static bool parse_rule(struct slice text, enum header_op op, enum header_direction direction,
    struct header_rule *rule, struct error *err)
{
	const char *colon = memchr(text.data, ':', text.len);
	struct slice name = { text.data,
		colon != NULL ? (size_t)(colon - text.data) : text.len };

	*rule = (struct header_rule) { .op = op };
	if (op == HEADER_REMOVE && colon != NULL) {
		error_set(err, "a name alone is needed; all headers of that name are removed");
		return false;
	}
	if (op != HEADER_REMOVE && colon == NULL) {
		error_set(err, "written as Name: value");
		return false;
	}
	name = slice_trim(name);
	if (!check_name(name, direction, err) ||
	    (op == HEADER_REMOVE && !check_removal(name, direction, err)))
		return false;
	if (op != HEADER_REMOVE &&
	    !parse_value(
		(struct slice) { colon + 1, text.len - (size_t)(colon + 1 - text.data) },
		&rule->value, err))
		return false;
	rule->id = field_identify(name);
	rule->name_len = (uint32_t)name.len;
	rule->name = strndup(name.data, name.len);
	if (rule->name == NULL)
		error_set(err, "out of memory");
	return rule->name != NULL;
}

static void rule_done(struct header_rule *rule)
{
	free(rule->name);
	template_done(&rule->value);
}

/* Behind those of its op and of the ops before. */
static bool insert(
    struct header_rules *rules, const struct header_rule *rule, struct error *err)
{
	struct header_rule *grown =
	    reallocarray(rules->items, rules->n + 1, sizeof(*rules->items));
	uint32_t at = rules->n;

	if (grown == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	for (; at > 0 && grown[at - 1].op > rule->op; at--)
		grown[at] = grown[at - 1];
	grown[at] = *rule;
	rules->items = grown;
	rules->n++;
	rules->variables |= rule->value.variables;
	return true;
}

bool header_rules_add(struct header_rules *rules, enum header_direction direction,
    enum header_op op, struct slice text, struct error *err)
{
	struct header_rule rule;

	if (parse_rule(text, op, direction, &rule, err) &&
	    check_others(rules, op, (struct slice) { rule.name, rule.name_len }, err) &&
	    insert(rules, &rule, err))
		return true;
	rule_done(&rule);
	return false;
}

void header_rules_done(struct header_rules *rules)
{
	for (uint32_t i = 0; i < rules->n; i++)
		rule_done(&rules->items[i]);
	free(rules->items);
	*rules = (struct header_rules) { 0 };
}

#include "conf/force.h"

#include "conf/pattern.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	struct slice prefix;
	enum force_match match;
} matches[] = {
	{ { "header:", 7 }, FORCE_BY_HEADER },
	{ { "cookie:", 7 }, FORCE_BY_COOKIE },
	{ { "address:", 8 }, FORCE_BY_ADDRESS },
};

static bool parse_arm(struct slice text, enum arm *arm, struct error *err)
{
	for (unsigned i = 0; i < ARMS; i++) {
		if (slice_equal(text, slice_of(arm_name((enum arm)i)))) {
			*arm = (enum arm)i;
			return true;
		}
	}
	error_set(err, "begins with its arm, as in canary header:X-Canary=1");
	return false;
}

static char *copy(struct slice text, struct error *err)
{
	char *out = strndup(text.data, text.len);

	if (out == NULL)
		error_set(err, "out of memory");
	return out;
}

/* The value could never be found where a cookie ends before it, or it is not ASCII. */
static bool check_value(enum force_match match, struct slice value, struct error *err)
{
	if (value.len == 0) {
		error_set(err, "no value after the '='; without '=' any value counts");
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c < 0x20 || c > 0x7e) {
			error_set(err, "printable ASCII is needed");
			return false;
		}
		if (match == FORCE_BY_COOKIE && (c == ';' || c == ' ')) {
			error_set(err, "the value of a cookie has no '%c'", c);
			return false;
		}
	}
	return true;
}

/* "X-Canary" or "X-Canary=1". */
static bool parse_named(struct slice text, struct force_rule *rule, struct error *err)
{
	const char *sign = text.len > 0 ? memchr(text.data, '=', text.len) : NULL;
	struct slice name = { text.data, sign != NULL ? (size_t)(sign - text.data) : text.len };
	struct slice value = { NULL, 0 };

	if (!pattern_is_token(name)) {
		error_set(err, "'%.*s' is not the name of a header or cookie", (int)name.len,
		    name.data);
		return false;
	}
	if (sign != NULL) {
		value = (struct slice) { sign + 1, text.len - name.len - 1 };
		if (!check_value(rule->match, value, err))
			return false;
		rule->value = copy(value, err);
		if (rule->value == NULL)
			return false;
	}
	rule->name = copy(name, err);
	return rule->name != NULL;
}

static bool parse_match(struct slice text, struct force_rule *rule, struct error *err)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct slice prefix = matches[i].prefix;
		struct slice rest;

		if (text.len < prefix.len || memcmp(text.data, prefix.data, prefix.len) != 0)
			continue;
		rest = (struct slice) { text.data + prefix.len, text.len - prefix.len };
		rule->match = matches[i].match;
		return rule->match == FORCE_BY_ADDRESS
			   ? network_parse(rest, &rule->network, err)
			   : parse_named(rest, rule, err);
	}
	error_set(err,
	    "'%.*s' is none of header:NAME, header:NAME=VALUE, cookie:NAME, "
	    "cookie:NAME=VALUE, address:NETWORK",
	    (int)text.len, text.data);
	return false;
}

static bool parse_rule(struct slice text, struct force_rule *rule, struct error *err)
{
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	return parse_arm((struct slice) { text.data, len }, &rule->arm, err) &&
	       parse_match(
		   slice_trim((struct slice) { text.data + len, text.len - len }), rule, err);
}

static void rule_done(struct force_rule *rule)
{
	free(rule->name);
	free(rule->value);
}

static bool append(
    const struct force_rule *rule, struct force_rule **rules, size_t *n, struct error *err)
{
	struct force_rule *grown = reallocarray(*rules, *n + 1, sizeof(*grown));

	if (grown == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	*rules = grown;
	grown[(*n)++] = *rule;
	return true;
}

bool force_rules_add(struct slice text, struct conf_place place, struct force_rule **rules,
    size_t *n, struct error *err)
{
	struct force_rule rule = { .place = place };

	if (*n == FORCE_RULES_MAX) {
		error_set(err, "at most %d", FORCE_RULES_MAX);
		return false;
	}
	if (parse_rule(text, &rule, err) && append(&rule, rules, n, err))
		return true;
	rule_done(&rule);
	return false;
}

void force_rules_done(struct force_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule_done(&rules[i]);
	free(rules);
}

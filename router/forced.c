#include "router/forced.h"

#include "router/cookies.h"

bool forced_is_possible(const struct route_conf *route, const struct secret *token_key)
{
	return route->n_force > 0 || token_key->len > 0;
}

/* Any field of that name will do: a proxy before weir may have added its own. */
static bool has_header(const struct message *message, const struct force_rule *rule)
{
	struct slice name = slice_of(rule->name);
	enum field_id id = field_identify(name);

	for (uint32_t i = 0; i < message->n_fields; i++) {
		const struct field *field = &message->fields[i];

		if (field->id == id && slice_equal_nocase(field->name, name) &&
		    (rule->value == NULL || slice_equal(field->value, slice_of(rule->value))))
			return true;
	}
	return false;
}

static bool has_cookie(const struct message *message, const struct force_rule *rule)
{
	struct slice value;

	return cookies_find(message, slice_of(rule->name), &value) &&
	       (rule->value == NULL || slice_equal(value, slice_of(rule->value)));
}

static bool rule_holds(const struct force_rule *rule, const struct message *message,
    const struct ip_address *ip, bool is_trusted)
{
	switch (rule->match) {
	case FORCE_BY_HEADER: return is_trusted && has_header(message, rule);
	case FORCE_BY_COOKIE: return is_trusted && has_cookie(message, rule);
	case FORCE_BY_ADDRESS: return network_has(&rule->network, ip);
	}
	return false;
}

static const struct force_rule *find_rule(const struct forced_request *request)
{
	const struct route_conf *route = request->route;
	struct ip_address ip;
	bool is_trusted;

	if (route->n_force == 0 || !ip_address_parse(request->client_ip, &ip))
		return NULL;
	is_trusted = route->force_from != NULL && network_set_has(route->force_from, &ip);
	for (size_t i = 0; i < route->n_force; i++) {
		if (rule_holds(&route->force[i], request->message, &ip, is_trusted))
			return &route->force[i];
	}
	return NULL;
}

static bool find_token(const struct forced_request *request, struct forced *forced)
{
	struct slice text;
	struct token token;

	if (request->token_key->len == 0 || !token_find(request->message, &text))
		return false;
	forced->token =
	    token_read(request->token_key, text, request->route->name, request->now_s, &token);
	if (forced->token != TOKEN_GOOD)
		return false;
	forced->is_forced = true;
	forced->has_arm = !token.any_arm;
	forced->arm = token.arm;
	forced->synthetic = token.synthetic;
	return true;
}

void forced_find(const struct forced_request *request, struct forced *forced)
{
	*forced = (struct forced) { .token = TOKEN_ABSENT };
	if (find_token(request, forced))
		return;
	forced->rule = find_rule(request);
	if (forced->rule == NULL)
		return;
	forced->is_forced = true;
	forced->has_arm = true;
	forced->arm = forced->rule->arm;
}

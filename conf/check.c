#include "conf/check.h"

#include "conf/matches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address that weir listens on. */
struct bound {
	char text[ADDRESS_TEXT_SIZE]; /* one spelling of each, so that equal ones are equal */
	uint32_t line;
	bool admin;
	const struct address *address;
};

/* In order of text, then line. */
struct bounds {
	struct bound *items;
	size_t n;
};

static int compare_bound(const void *a, const void *b)
{
	const struct bound *left = a, *right = b;
	int order = strcmp(left->text, right->text);

	if (order != 0)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

static void add_bound(struct bounds *bounds, const struct address *address, uint32_t line)
{
	struct bound *bound = &bounds->items[bounds->n++];

	address_format(address, bound->text);
	bound->address = address;
	bound->line = line;
}

static bool list_bounds(const struct config *config, struct bounds *bounds)
{
	const struct weir_conf *weir = &config->weir;

	*bounds =
	    (struct bounds) { .items = calloc(config->n_listens + 1, sizeof(*bounds->items)) };
	if (bounds->items == NULL)
		return false;
	for (size_t i = 0; i < config->n_listens; i++) {
		const struct listen_conf *listen = &config->listens[i];

		if (listen->address_text != NULL) /* else reported as missing or wrong */
			add_bound(bounds, &listen->address, listen->place.line);
	}
	if (weir->admin_listen_text != NULL && address_has_port(&weir->admin_listen)) {
		add_bound(bounds, &weir->admin_listen, weir->admin_listen_place.line);
		bounds->items[bounds->n - 1].admin = true;
	}
	qsort(bounds->items, bounds->n, sizeof(*bounds->items), compare_bound);
	return true;
}

/* The first of that text, or NULL. */
static const struct bound *find_bound(const struct bounds *bounds, const char *text)
{
	for (size_t low = 0, high = bounds->n; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(text, bounds->items[middle].text);

		if (order == 0 &&
		    (middle == 0 || strcmp(text, bounds->items[middle - 1].text) != 0))
			return &bounds->items[middle];
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool is_ipv4(const char *text)
{
	return text[0] != '[';
}

/* What is bound to all addresses of the port, this one's included, or NULL. */
static const struct bound *find_wildcard(const struct bounds *bounds, const char *text)
{
	const char *port = strrchr(text, ':');
	const struct bound *found = NULL;
	char wildcard[ADDRESS_TEXT_SIZE];

	if (is_ipv4(text) && strncmp(text, "0.0.0.0:", 8) != 0) {
		snprintf(wildcard, sizeof(wildcard), "0.0.0.0%.6s", port);
		found = find_bound(bounds, wildcard);
	}
	/* As weir opens it, [::] takes IPv4 too. */
	if (found == NULL && strncmp(text, "[::]:", 5) != 0) {
		snprintf(wildcard, sizeof(wildcard), "[::]%.6s", port);
		found = find_bound(bounds, wildcard);
	}
	return found;
}

static void check_bounds(const struct bounds *bounds, struct problems *problems)
{
	for (size_t i = 0; i < bounds->n; i++) {
		const struct bound *bound = &bounds->items[i];
		const struct bound *other;

		if (i > 0 && strcmp(bound->text, bounds->items[i - 1].text) == 0) {
			problems_add(problems, bound->line,
			    "%s is listened on already, by line %u", bound->text,
			    bounds->items[i - 1].line);
			continue;
		}
		if (!address_has_port(bound->address))
			continue; /* the system chooses a free one */
		other = find_wildcard(bounds, bound->text);
		if (other != NULL && other->line < bound->line)
			problems_add(problems, bound->line,
			    "%s is listened on already, by line %u: %s is all addresses",
			    bound->text, other->line, other->text);
		else if (other != NULL)
			problems_add(problems, other->line,
			    "%s is all addresses, but line %u listens on %s already",
			    other->text, bound->line, bound->text);
	}
}

/* The listener that a request to that address would come back to, or NULL. */
static const struct bound *find_listener(
    const struct bounds *bounds, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	const struct bound *found;

	address_format(address, text);
	found = find_bound(bounds, text);
	if (found == NULL && address_is_loopback(address))
		found = find_wildcard(bounds, text);
	/* To serve weir's own /status by a route is no circle. */
	return found != NULL && !found->admin ? found : NULL;
}

static void check_circles(
    const struct config *config, const struct bounds *bounds, struct problems *problems)
{
	for (size_t i = 0; i < config->n_upstreams; i++) {
		const struct upstream_conf *upstream = &config->upstreams[i];

		for (size_t j = 0; j < upstream->n_servers; j++) {
			const struct server_conf *server = &upstream->servers[j];
			const struct bound *found = find_listener(bounds, &server->address);

			if (found != NULL)
				problems_add(problems, server->place.line,
				    "server %s is weir itself, which listens on %s (line %u): "
				    "requests would go in a circle",
				    server->text, found->text, found->line);
		}
	}
}

static bool uses(const struct rollout_conf *rollout, const struct webhook_conf *webhook)
{
	for (size_t i = 0; i < rollout->n_notify; i++) {
		if (rollout->notify[i] == webhook)
			return true;
	}
	for (size_t i = 0; i < rollout->n_stages; i++) {
		if (rollout->stages[i].webhook == webhook)
			return true;
	}
	return false;
}

static void check_webhooks(const struct config *config, struct problems *problems)
{
	for (size_t i = 0; i < config->n_webhooks; i++) {
		const struct webhook_conf *webhook = &config->webhooks[i];
		size_t by = 0;

		while (by < config->n_rollouts && !uses(&config->rollouts[by], webhook))
			by++;
		if (by == config->n_rollouts)
			problems_warn(problems, webhook->place.line,
			    "[webhook %s] is told nothing: no rollout's 'notify' or gate names "
			    "it",
			    webhook->name);
	}
}

bool check_whole(const struct config *config, struct problems *problems)
{
	struct bounds bounds;

	if (!matches_check(config, problems))
		return false;
	if (config->n_listens == 0)
		problems_add(problems, 1, "no [listen NAME] section; at least one is needed");
	if (config->n_routes == 0)
		problems_add(problems, 1, "no [route NAME] section; at least one is needed");
	if (!problems_any(problems)) /* else a name that is wrong would leave it unused */
		check_webhooks(config, problems);
	if (!list_bounds(config, &bounds))
		return false;
	check_bounds(&bounds, problems);
	check_circles(config, &bounds, problems);
	free(bounds.items);
	return true;
}

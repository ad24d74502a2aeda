#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

/* An address that weir listens on. */
struct bound {
	char text[ADDRESS_TEXT_SIZE]; /* one spelling of each address, so equal texts are equal
				       */
	uint32_t line;
};

static int compare_bound(const void *a, const void *b)
{
	const struct bound *left = a, *right = b;
	int order = strcmp(left->text, right->text);

	if (order != 0)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

static bool check_listens(const struct config *config, struct problems *problems)
{
	struct bound *bounds = calloc(config->n_listens + 1, sizeof(*bounds));
	size_t n = 0;

	if (bounds == NULL)
		return false;
	for (size_t i = 0; i < config->n_listens; i++) {
		const struct listen_conf *listen = &config->listens[i];

		if (listen->address_text == NULL)
			continue; /* reported as missing or wrong */
		address_format(&listen->address, bounds[n].text);
		bounds[n++].line = listen->place.line;
	}
	if (config->weir.admin_listen_text != NULL &&
	    address_has_port(&config->weir.admin_listen)) {
		address_format(&config->weir.admin_listen, bounds[n].text);
		bounds[n++].line = config->weir.admin_listen_place.line;
	}
	qsort(bounds, n, sizeof(*bounds), compare_bound);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(bounds[i].text, bounds[i - 1].text) == 0)
			problems_add(problems, bounds[i].line,
			    "%s is listened on already, by line %u", bounds[i].text,
			    bounds[i - 1].line);
	}
	free(bounds);
	return true;
}

/* One host of a route, with its path: what a request is matched against. */
struct match {
	const char *host; /* "" for any */
	const struct route_conf *route;
};

static int compare_match(const struct match *left, const struct match *right)
{
	int order = strcmp(left->host, right->host);

	if (order == 0)
		order = strcmp(left->route->path, right->route->path);
	if (order == 0)
		order = left->route->path_exact - right->route->path_exact;
	return order;
}

static int compare_match_in_file(const void *a, const void *b)
{
	const struct match *left = a, *right = b;
	int order = compare_match(left, right);

	if (order != 0)
		return order;
	return left->route < right->route ? -1 : left->route > right->route;
}

static size_t list_matches(const struct config *config, struct match *matches)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_routes; i++) {
		const struct route_conf *route = &config->routes[i];

		if (route->path == NULL)
			continue; /* reported as wrong */
		if (route->hosts.n == 0)
			matches[n++] = (struct match) { "", route };
		for (size_t j = 0; j < route->hosts.n; j++)
			matches[n++] = (struct match) { route->hosts.items[j], route };
	}
	return n;
}

static void report_match(
    const struct match *match, const struct match *first, struct problems *problems)
{
	const char *host = match->host;
	bool any = *host == '\0';

	if (match->route != first->route && strcmp(match->route->name, first->route->name) == 0)
		return; /* reported as a second section of that name */
	if (match->route == first->route)
		problems_add(problems, match->route->place.line,
		    "[route %s] has the host '%s' twice", match->route->name, host);
	else
		problems_add(problems, match->route->place.line,
		    "[route %s] never gets requests of %s%s%s with path '%s%s': "
		    "[route %s] on line %u is the same, and comes first",
		    match->route->name, any ? "any host" : "host '", host, any ? "" : "'",
		    match->route->path_exact ? "= " : "", match->route->path,
		    first->route->name, first->route->place.line);
}

static bool check_matches(const struct config *config, struct problems *problems)
{
	struct match *matches;
	size_t room = 1, first = 0, n;

	for (size_t i = 0; i < config->n_routes; i++)
		room += config->routes[i].hosts.n + 1;
	matches = calloc(room, sizeof(*matches));
	if (matches == NULL)
		return false;
	n = list_matches(config, matches);
	qsort(matches, n, sizeof(*matches), compare_match_in_file);
	for (size_t i = 1; i < n; i++) {
		if (compare_match(&matches[i], &matches[first]) == 0)
			report_match(&matches[i], &matches[first], problems);
		else
			first = i;
	}
	free(matches);
	return true;
}

bool check_whole(const struct config *config, struct problems *problems)
{
	if (config->n_listens == 0)
		problems_add(problems, 1, "no [listen NAME] section; at least one is needed");
	if (config->n_routes == 0)
		problems_add(problems, 1, "no [route NAME] section; at least one is needed");
	return check_listens(config, problems) && check_matches(config, problems);
}

#include "conf/matches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOST_SIZE = 256
};

/* One host of a route, with its path: what a request is matched against. */
struct match {
	const char *host; /* "" for any */
	const struct route_conf *route;
};

/* By compare_match_in_file(): of those that are the same, the first is the one taken. */
struct matches {
	struct match *items;
	size_t n;
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

/* Of the first n_routes. */
static bool list_matches(const struct config *config, size_t n_routes, struct matches *matches)
{
	size_t room = 1;

	for (size_t i = 0; i < n_routes; i++)
		room += config->routes[i].hosts.n + 1;
	*matches = (struct matches) { .items = calloc(room, sizeof(*matches->items)) };
	if (matches->items == NULL)
		return false;

	for (size_t i = 0; i < n_routes; i++) {
		const struct route_conf *route = &config->routes[i];

		if (route->path == NULL)
			continue; /* reported as wrong */
		if (route->hosts.n == 0)
			matches->items[matches->n++] = (struct match) { "", route };
		for (size_t j = 0; j < route->hosts.n; j++)
			matches->items[matches->n++] =
			    (struct match) { route->hosts.items[j], route };
	}
	qsort(matches->items, matches->n, sizeof(*matches->items), compare_match_in_file);
	return true;
}

static void report_match(
    const struct match *match, const struct match *first, struct problems *problems)
{
	const char *host = match->host;
	bool any = *host == '\0';

	if (match->route != first->route && strcmp(match->route->name, first->route->name) == 0)
		return; /* reported as a second section of that name */
	if (match->route == first->route)
		problems_warn(problems, match->route->place.line,
		    "[route %s] has the host '%s' twice", match->route->name, host);
	else
		problems_warn(problems, match->route->place.line,
		    "[route %s] never gets requests of %s%s%s with path '%s%s': "
		    "[route %s] on line %u is the same, and comes first",
		    match->route->name, any ? "any host" : "host '", host, any ? "" : "'",
		    match->route->path_exact ? "= " : "", match->route->path,
		    first->route->name, first->route->place.line);
}

static void check_same(const struct matches *matches, struct problems *problems)
{
	size_t first = 0;

	for (size_t i = 1; i < matches->n; i++) {
		if (compare_match(&matches->items[i], &matches->items[first]) == 0)
			report_match(&matches->items[i], &matches->items[first], problems);
		else
			first = i;
	}
}

/* As strcmp() would of the slice's bytes. */
static int compare_slice(struct slice left, const char *right)
{
	int order = strncmp(left.data, right, left.len);

	return order != 0 || right[left.len] == '\0' ? order : -1;
}

/* How many have a host that sorts before this one, or with `too` is this one. */
static size_t count_hosts(const struct matches *matches, const char *host, bool too)
{
	size_t low = 0, high = matches->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (too ? strcmp(host, matches->items[middle].host) >= 0
			: strcmp(host, matches->items[middle].host) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Those of one host, as a part of the list. */
static struct matches of_host(const struct matches *matches, const char *host)
{
	size_t first = count_hosts(matches, host, false);

	return (struct matches) {
		.items = matches->items + first,
		.n = count_hosts(matches, host, true) - first,
	};
}

/* The first route of one host's with that path, as a prefix or exact; NULL: none. */
static const struct route_conf *find(const struct matches *host, struct slice path, bool exact)
{
	size_t low = 0, high = host->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct route_conf *route = host->items[middle].route;
		int order = compare_slice(path, route->path);

		if (order == 0)
			order = exact - route->path_exact;
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == host->n || compare_slice(path, host->items[low].route->path) != 0 ||
	    host->items[low].route->path_exact != exact)
		return NULL;
	return host->items[low].route;
}

static const struct route_conf *earlier(
    const struct route_conf *found, const struct route_conf *best)
{
	return found != NULL && found < best ? found : best;
}

/* The earliest before `best` that takes all of a host's requests for the route's path, or
 * `best`. */
static const struct route_conf *covering_of_host(
    const struct matches *host, const struct route_conf *route, const struct route_conf *best)
{
	const char *path = route->path;

	if (host->n == 0)
		return best;
	if (route->path_exact)
		best = earlier(find(host, slice_of(path), true), best);
	best = earlier(find(host, slice_of(path), false), best);
	for (size_t i = 0; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		best = earlier(find(host, (struct slice) { path, i + 1 }, false), best);
		if (i > 0)
			best = earlier(find(host, (struct slice) { path, i }, false), best);
	}
	return best;
}

/* The earliest route that takes every request of the match; its own where none does. */
static const struct route_conf *covering(
    const struct matches *matches, const struct match *match)
{
	const char *name = strncmp(match->host, "*.", 2) == 0 ? match->host + 2 : match->host;
	const struct route_conf *route = match->route;
	struct matches host = of_host(matches, "");
	const struct route_conf *best = covering_of_host(&host, route, route);

	if (match->host[0] == '\0')
		return best;
	host = of_host(matches, match->host);
	best = covering_of_host(&host, route, best);
	for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		char suffix[HOST_SIZE];

		snprintf(suffix, sizeof(suffix), "*%s", dot);
		host = of_host(matches, suffix);
		best = covering_of_host(&host, route, best);
	}
	return best;
}

/* A host and path that a route before has too is told by itself, not here. */
static void check_covered(
    const struct matches *matches, const struct route_conf *route, struct problems *problems)
{
	size_t n = route->hosts.n > 0 ? route->hosts.n : 1;
	struct slice path = slice_of(route->path);
	const struct route_conf *by = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *host = route->hosts.n > 0 ? route->hosts.items[i] : "";
		struct matches same = of_host(matches, host);
		struct match match = { host, route };
		const struct route_conf *best;

		if (find(&same, path, route->path_exact) != route)
			continue;
		best = covering(matches, &match);
		if (best == route)
			return;
		by = best;
	}
	if (by != NULL && strcmp(by->name, route->name) != 0)
		problems_warn(problems, route->place.line,
		    "[route %s] never gets a request: [route %s] on line %u comes first, and "
		    "takes them",
		    route->name, by->name, by->place.line);
}

static bool takes_all(const struct route_conf *route)
{
	return route->hosts.n == 0 && !route->path_exact && strcmp(route->path, "/") == 0;
}

/*
 * How many routes there are up to the first that takes every request: what comes after
 * it is told once, as whoever puts a notice before all routes for an hour means it.
 */
static size_t check_last(const struct config *config, struct problems *problems)
{
	const struct route_conf *routes = config->routes;
	size_t n = 0;

	while (n < config->n_routes && !takes_all(&routes[n]))
		n++;
	if (n + 1 == config->n_routes)
		return config->n_routes;
	if (n + 2 == config->n_routes)
		problems_warn(problems, routes[n].place.line,
		    "[route %s] takes every request: none is left to [route %s] on line %u",
		    routes[n].name, routes[n + 1].name, routes[n + 1].place.line);
	else if (n < config->n_routes)
		problems_warn(problems, routes[n].place.line,
		    "[route %s] takes every request: none is left to [route %s] on line %u "
		    "and %zu more after it",
		    routes[n].name, routes[n + 1].name, routes[n + 1].place.line,
		    config->n_routes - n - 2);
	return n < config->n_routes ? n + 1 : n;
}

bool matches_check(const struct config *config, struct problems *problems)
{
	bool understood = !problems_any(problems);
	size_t n = understood ? check_last(config, problems) : config->n_routes;
	struct matches matches;

	if (!list_matches(config, n, &matches))
		return false;
	check_same(&matches, problems);
	for (size_t i = 0; understood && i < n; i++)
		check_covered(&matches, &config->routes[i], problems);
	free(matches.items);
	return true;
}

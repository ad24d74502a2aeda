/* conf/matches against router/rules: what `check` calls unreachable, the router never takes. */
#include "conf/load.h"
#include "router/rules.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILES = 3000,
	ROUTES = 6,
};

static const char *const hosts[] = { "", "b", "a.b", "*.b", "*.a.b", "c.a.b" };
static const char *const paths[] = { "/", "= /", "/x", "= /x", "/x/", "/x/y", "= /x/y", "/x/y/",
	"/xy", "= /xy" };
static const char *const asked_hosts[] = { "", "b", "a.b", "c.a.b", "d.a.b", "e.b", "z" };
static const char *const asked_paths[] = { "/", "/x", "/x/", "/x/y", "/x/y/", "/x/y/z", "/xy",
	"/xy/z", "/q", "*" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool resolve_nothing(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

/* xorshift64: the same files on every machine. */
static size_t random_below(uint64_t *seed, size_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (size_t)(*seed % n);
}

struct route_text {
	const char *host, *path;
};

static struct config *load(
    const struct route_text *routes, size_t n, struct conf_problems *problems)
{
	char text[2048];
	size_t len =
	    (size_t)snprintf(text, sizeof(text), "[listen web]\naddress = 127.0.0.1:80\n");

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "[route r%zu]\npath = %s\nrespond = 200\n%s%s\n", i, routes[i].path,
		    routes[i].host[0] != '\0' ? "host = " : "", routes[i].host);
	return config_load_text("weir.ini", slice_of(text), resolve_nothing, problems);
}

/* The first route that is told to be unreachable, or -1. */
static int unreachable(const struct conf_problems *problems)
{
	static const char prefix[] = "[route r";
	const char *text = problems->n_warnings > 0 ? problems->warnings[0] : "";
	const char *left = strstr(text, "none is left to ");
	const char *route = strstr(left != NULL ? left : text, prefix);

	return route != NULL ? atoi(route + strlen(prefix)) : -1;
}

/* Whether any of the requests comes to the route of that index. */
static bool router_reaches(const struct route_text *texts, size_t n, int route)
{
	struct route_conf *confs = calloc(n, sizeof(*confs));
	char *host_items[ROUTES];
	struct router *router;
	bool reached = false;

	assert_non_null(confs);
	for (size_t i = 0; i < n; i++) {
		confs[i].name = (char[]) { "r" };
		confs[i].path_exact = texts[i].path[0] == '=';
		confs[i].path =
		    (char *)(uintptr_t)(texts[i].path + (confs[i].path_exact ? 2 : 0));
		host_items[i] = (char *)(uintptr_t)texts[i].host;
		confs[i].hosts.items = &host_items[i];
		confs[i].hosts.n = texts[i].host[0] != '\0' ? 1 : 0;
	}
	router = router_new(confs, n, NULL);
	assert_non_null(router);
	for (size_t h = 0; h < COUNT(asked_hosts); h++)
		for (size_t p = 0; p < COUNT(asked_paths); p++)
			reached = reached || router_match(router, slice_of(asked_hosts[h]),
						 slice_of(asked_paths[p])) == route;
	router_free(router);
	free(confs);
	return reached;
}

static void a_route_is_called_unreachable_only_where_the_router_never_takes_it(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15;
	size_t told = 0, accepted = 0;

	(void)state;
	for (int file = 0; file < FILES; file++) {
		struct route_text routes[ROUTES];
		struct conf_problems problems;
		struct config *config;
		size_t n = 2 + random_below(&seed, ROUTES - 1);
		int route;

		for (size_t i = 0; i < n; i++)
			routes[i] = (struct route_text) {
				.host = hosts[random_below(&seed, COUNT(hosts))],
				.path = paths[random_below(&seed, COUNT(paths))],
			};
		config = load(routes, n, &problems);
		route = unreachable(&problems);
		assert_non_null(config);
		assert_int_equal(problems.n_warnings > 0, route >= 0);
		told += route >= 0;
		accepted += route < 0;
		if (route >= 0 && router_reaches(routes, n, route))
			fail_msg("%s", problems.warnings[0]);
		config_free(config);
		conf_problems_done(&problems);
	}
	assert_true(told > FILES / 10);
	assert_true(accepted > FILES / 10);
}

/* With two routes nothing but one of them can leave the other without requests. */
static void of_two_routes_each_that_the_router_never_takes_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts) * COUNT(paths); i++) {
		for (size_t j = 0; j < COUNT(hosts) * COUNT(paths); j++) {
			struct route_text routes[] = {
				{ hosts[i % COUNT(hosts)], paths[i / COUNT(hosts)] },
				{ hosts[j % COUNT(hosts)], paths[j / COUNT(hosts)] },
			};
			struct conf_problems problems;
			struct config *config = load(routes, 2, &problems);

			if ((unreachable(&problems) == 1) == router_reaches(routes, 2, 1))
				fail_msg("'%s' '%s', then '%s' '%s'", routes[0].host,
				    routes[0].path, routes[1].host, routes[1].path);
			config_free(config);
			conf_problems_done(&problems);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_route_is_called_unreachable_only_where_the_router_never_takes_it),
		cmocka_unit_test(of_two_routes_each_that_the_router_never_takes_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

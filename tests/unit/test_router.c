#include "router/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	MAX_ROUTES = 12000,
	MAX_HOSTS = 3
};

/* The routes under test. Texts live until the next clear(). */
static struct route_conf routes[MAX_ROUTES];
static char *hosts[MAX_ROUTES][MAX_HOSTS];
static size_t n_routes;

static void clear(void)
{
	for (size_t i = 0; i < n_routes; i++) {
		for (size_t j = 0; j < routes[i].hosts.n; j++)
			free(hosts[i][j]);
		free(routes[i].name);
		free(routes[i].path);
		routes[i] = (struct route_conf) { 0 };
	}
	n_routes = 0;
}

static struct route_conf *add(const char *name, const char *path, bool exact)
{
	struct route_conf *route = &routes[n_routes];

	assert_true(n_routes < MAX_ROUTES);
	route->name = strdup(name);
	route->path = strdup(path);
	route->path_exact = exact;
	route->hosts.items = hosts[n_routes++];
	return route;
}

static void add_host(struct route_conf *route, struct slice host)
{
	assert_true(route->hosts.n < MAX_HOSTS);
	route->hosts.items[route->hosts.n++] = strndup(host.data, host.len);
}

static struct router *compile(void)
{
	struct error err = { "" };
	struct router *router = router_new(routes, n_routes, &err);

	if (router == NULL)
		fail_msg("%s", err.text);
	return router;
}

/* The definition, one route after the other: what the index must equal. */
static bool path_matches(const struct route_conf *route, struct slice path)
{
	size_t len = strlen(route->path);

	if (route->path_exact)
		return slice_equal(slice_of(route->path), path);
	if (len == 1)
		return true;
	if (path.len < len || memcmp(path.data, route->path, len) != 0)
		return false;
	return route->path[len - 1] == '/' || path.len == len || path.data[len] == '/';
}

static bool host_matches(const struct route_conf *route, const char *host)
{
	for (size_t i = 0; i < route->hosts.n; i++) {
		const char *rule = route->hosts.items[i];
		size_t rule_len = strlen(rule);
		size_t len = strlen(host);

		if (rule[0] == '*' && len >= rule_len &&
		    strcmp(host + len - rule_len + 1, rule + 1) == 0)
			return true;
		if (strcmp(host, rule) == 0)
			return true;
	}
	return route->hosts.n == 0;
}

static int match_one_by_one(const char *host, struct slice path)
{
	for (size_t i = 0; i < n_routes; i++) {
		if (host_matches(&routes[i], host) && path_matches(&routes[i], path))
			return (int)i;
	}
	return -1;
}

static void read_route(char *name, char *host_list, char *path)
{
	bool exact = strncmp(path, "= ", 2) == 0;
	struct route_conf *route = add(name, exact ? path + 2 : path, exact);
	struct slice rest = slice_of(host_list);
	struct slice host;

	while (slice_next_element(&rest, &host))
		add_host(route, host);
}

static void each_row_of_the_table_goes_to_its_route(void **state)
{
	FILE *file = fopen("tests/data/router/match.tsv", "r");
	struct router *router = NULL;
	char line[512];
	int n_rows = 0;

	(void)state;
	assert_non_null(file);
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
		char *rest = line;
		char *kind;
		char *a;
		char *b;
		char *c;

		line[strcspn(line, "\n")] = '\0';
		kind = strsep(&rest, "\t");
		a = strsep(&rest, "\t");
		b = strsep(&rest, "\t");
		c = strsep(&rest, "\t");
		if (strcmp(kind, "table") == 0) {
			router_free(router);
			router = NULL;
			clear();
		} else if (strcmp(kind, "route") == 0) {
			read_route(a, b, c);
		} else if (strcmp(kind, "match") == 0) {
			int index;

			if (router == NULL)
				router = compile();
			index = router_match(router, slice_of(a), slice_of(b));
			if (strcmp(index < 0 ? "-" : routes[index].name, c) != 0)
				fail_msg("match.tsv:%d: '%s' '%s' went to %s, not to %s",
				    number, a, b, index < 0 ? "-" : routes[index].name, c);
			n_rows++;
		}
	}
	fclose(file);
	router_free(router);
	clear();
	assert_true(n_rows > 80);
}

/* xorshift64*: the same sequence in every run. */
static uint64_t seed = 20261122;

static uint32_t draw(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1du) >> 33) % below;
}

static void draw_host(char *host)
{
	static const char *const labels[] = { "a", "b", "shop", "www" };

	host[0] = '\0';
	for (uint32_t n = draw(3); n > 0; n--) {
		strcat(host, labels[draw(4)]);
		strcat(host, ".");
	}
	strcat(host, draw(2) == 0 ? "example.com" : "b.test");
}

static void draw_path(char *path)
{
	static const char *const segments[] = { "a", "b", "orders", "orders-old", "", "7" };

	path[0] = '\0';
	for (uint32_t n = draw(4); n > 0; n--) {
		strcat(path, "/");
		strcat(path, segments[draw(6)]);
	}
	if (path[0] == '\0' || draw(4) == 0)
		strcat(path, "/");
}

static void draw_route(void)
{
	char text[128] = "*.";
	struct route_conf *route;

	draw_path(text);
	route = add("random", text, draw(4) == 0);
	for (uint32_t n = draw(4); n > 0 && n <= MAX_HOSTS; n--) {
		strcpy(text, "*.");
		draw_host(draw(2) == 0 ? text : text + 2);
		add_host(route, slice_of(text));
	}
}

static void the_index_finds_what_asking_one_by_one_finds(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct router *router;

		clear();
		for (uint32_t n = 1 + draw(1 + (uint32_t)round); n > 0; n--)
			draw_route();
		router = compile();
		for (int request = 0; request < 200; request++) {
			char host[128];
			char path[128];
			int expected;

			draw_host(host);
			draw_path(path);
			expected = match_one_by_one(host, slice_of(path));
			if (router_match(router, slice_of(host), slice_of(path)) != expected)
				fail_msg("round %d: '%s' '%s' is not %d", round, host, path,
				    expected);
		}
		router_free(router);
	}
	clear();
}

static void ten_thousand_routes_are_each_found(void **state)
{
	struct router *router;
	char text[64];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct route_conf *route;

		snprintf(text, sizeof(text), "/service-%d/v1", i);
		route = add("many", text, false);
		if (i % 2 == 0) {
			snprintf(text, sizeof(text), "%shost-%d.example.com",
			    i % 4 == 0 ? "*." : "", i);
			add_host(route, slice_of(text));
		}
	}
	router = compile();
	for (int i = 0; i < 10000; i++) {
		char host[64];

		snprintf(host, sizeof(host), "x.host-%d.example.com", i);
		snprintf(text, sizeof(text), "/service-%d/v1/orders/7", i);
		assert_int_equal(
		    router_match(router, slice_of(host + (i % 4 == 0 ? 0 : 2)), slice_of(text)),
		    i);
		assert_int_equal(
		    router_match(router, SLICE("other.example.com"), slice_of(text)),
		    i % 2 == 0 ? -1 : i);
	}
	router_free(router);
	clear();
}

static int guess(const struct router *router, const char *host)
{
	struct router_host taken;

	router_host_take(router, slice_of(host), &taken);
	return router_guess(router, &taken);
}

/* It serves to fetch ahead, so it is to be right for nearly all, and need not be. */
static void the_only_route_of_a_host_is_guessed(void **state)
{
	struct router *router;
	int n_right = 0;
	char host[64];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(host, sizeof(host), "host-%d.example.com", i);
		add_host(add("one", "/", false), slice_of(host));
	}
	add_host(add("first", "/a", false), SLICE("two.example.com"));
	add_host(add("second", "/b", false), SLICE("two.example.com"));
	router = compile();
	for (int i = 0; i < 10000; i++) {
		snprintf(host, sizeof(host), "Host-%d.example.com:8080", i);
		n_right += guess(router, host) == i;
	}
	assert_in_range(n_right, 9900, 10000);
	assert_int_equal(guess(router, "two.example.com"), -1);
	assert_int_equal(guess(router, "no.example.com"), -1);
	assert_int_equal(guess(router, ""), -1);
	router_free(router);
	clear();
}

/* Each path of a host has a place of its own, the exact "/" too. */
static void a_table_has_room_for_every_text(void **state)
{
	struct router *router;
	char host[64];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(host, sizeof(host), "host-%d.example.com", i);
		add_host(add("exact", "/", true), slice_of(host));
	}
	router = compile();
	for (int i = 0; i < 3000; i++) {
		snprintf(host, sizeof(host), "host-%d.example.com", i);
		assert_int_equal(router_match(router, slice_of(host), SLICE("/")), i);
		assert_int_equal(router_match(router, slice_of(host), SLICE("/a")), -1);
	}
	router_free(router);
	clear();
}

static void a_host_no_name_can_have_matches_routes_for_any_host_only(void **state)
{
	char host[300];
	struct router *router;

	(void)state;
	memset(host, 'a', sizeof(host));
	memcpy(host + 255 - 12, ".example.com", 12);
	add_host(add("sub", "/", false), SLICE("*.example.com"));
	add("any", "/any", false);
	router = compile();
	assert_int_equal(router_match(router, (struct slice) { host, 255 }, SLICE("/any")), 0);
	memcpy(host + 256 - 12, ".example.com", 12);
	assert_int_equal(router_match(router, (struct slice) { host, 256 }, SLICE("/any")), 1);
	assert_int_equal(router_match(router, (struct slice) { host, 256 }, SLICE("/")), -1);
	router_free(router);
	clear();
}

static void nothing_beyond_the_given_bytes_is_read(void **state)
{
	char *path = malloc(7);
	char *host = malloc(3);
	struct router *router;

	(void)state;
	assert_non_null(path);
	assert_non_null(host);
	memcpy(path, "/orders", 7);
	memcpy(host, "a.b", 3);
	add_host(add("orders", "/orders", false), SLICE("a.b"));
	add("below", "/orders/", false);
	add("long", "/orders/long", false);
	router = compile();
	assert_int_equal(
	    router_match(router, (struct slice) { host, 3 }, (struct slice) { path, 7 }), 0);
	assert_int_equal(
	    router_match(router, (struct slice) { host, 2 }, (struct slice) { path, 7 }), -1);
	assert_int_equal(
	    router_match(router, (struct slice) { host, 3 }, (struct slice) { path, 6 }), -1);
	router_free(router);
	clear();
	free(path);
	free(host);
}

static void a_path_of_slashes_matches_as_any_other(void **state)
{
	char path[8192];
	struct router *router;

	(void)state;
	memset(path, '/', sizeof(path));
	add("deep", "////x", false);
	add("slashes", "//", false);
	router = compile();
	assert_int_equal(
	    router_match(router, SLICE("a"), (struct slice) { path, sizeof(path) }), 1);
	path[4] = 'x';
	assert_int_equal(
	    router_match(router, SLICE("a"), (struct slice) { path, sizeof(path) }), 0);
	router_free(router);
	clear();
}

static void what_could_never_match_is_refused_with_a_reason(void **state)
{
	static const char *const bad_hosts[] = { "Shop.example.com", "shop.example.com:80", "",
		"a.*.com", "*.", "**", "shop.example.com.", "a b", "http://a" };
	static const char *const bad_paths[] = { "", "orders", "/orders?a=b", "*" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		struct error err = { "" };

		add_host(add("bad", "/", false), slice_of(bad_hosts[i]));
		assert_null(router_new(routes, n_routes, &err));
		assert_non_null(strstr(err.text, "is not a host"));
		clear();
	}
	for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
		struct error err = { "" };

		add("bad", bad_paths[i], false);
		assert_null(router_new(routes, n_routes, &err));
		assert_non_null(strstr(err.text, "must begin with '/'"));
		clear();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_goes_to_its_route),
		cmocka_unit_test(the_index_finds_what_asking_one_by_one_finds),
		cmocka_unit_test(ten_thousand_routes_are_each_found),
		cmocka_unit_test(the_only_route_of_a_host_is_guessed),
		cmocka_unit_test(a_table_has_room_for_every_text),
		cmocka_unit_test(a_host_no_name_can_have_matches_routes_for_any_host_only),
		cmocka_unit_test(nothing_beyond_the_given_bytes_is_read),
		cmocka_unit_test(a_path_of_slashes_matches_as_any_other),
		cmocka_unit_test(what_could_never_match_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

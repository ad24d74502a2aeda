#include "router/path_class_rules.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	MAX_PATTERNS = 80
};

/* One route: its slots, and the rules of its newest snapshot. */
struct route {
	struct path_classes *classes;
	struct path_class_rules *rules;
	char *patterns[MAX_PATTERNS];
	size_t n_patterns;
	size_t n_without_slot;
};

static void route_unload(struct route *route)
{
	path_class_rules_free(route->rules);
	for (size_t i = 0; i < route->n_patterns; i++)
		free(route->patterns[i]);
	route->rules = NULL;
	route->n_patterns = 0;
}

static void route_add(struct route *route, const char *pattern)
{
	assert_true(route->n_patterns < MAX_PATTERNS);
	route->patterns[route->n_patterns++] = strdup(pattern);
}

static void route_compile(struct route *route)
{
	struct conf_strings patterns = { route->patterns, route->n_patterns };
	struct error err = { "" };

	route->rules =
	    path_class_rules_new(&patterns, route->classes, NULL, &route->n_without_slot, &err);
	if (route->rules == NULL)
		fail_msg("%s", err.text);
}

/* As a reload does: new rules, the same slots. Patterns are separated by spaces. */
static void route_load(struct route *route, const char *patterns)
{
	char *text = strdup(patterns);
	char *rest = text;

	route_unload(route);
	for (char *one = strsep(&rest, " "); one != NULL; one = strsep(&rest, " ")) {
		if (*one != '\0')
			route_add(route, one);
	}
	free(text);
	route_compile(route);
}

static void route_begin(struct route *route, const char *patterns)
{
	*route = (struct route) { .classes = path_classes_new() };
	assert_non_null(route->classes);
	route_load(route, patterns);
}

static void route_end(struct route *route)
{
	route_unload(route);
	path_classes_free(route->classes);
}

/* What a request does that is answered with 200. */
static unsigned visit(struct route *route, struct slice path)
{
	struct path_class_name unseen;
	unsigned slot = path_class_lookup(route->rules, route->classes, path, &unseen);

	return unseen.n > 0 ? path_class_intern(route->classes, &unseen) : slot;
}

static const char *class_of(struct route *route, const char *path)
{
	return path_classes_name(route->classes, visit(route, slice_of(path)));
}

static size_t n_used(const struct path_classes *classes)
{
	size_t n = 0;

	for (unsigned slot = 0; slot < PATH_CLASS_SLOTS; slot++)
		n += path_classes_name(classes, slot) != NULL;
	return n;
}

static void each_row_of_the_table_has_its_class(void **state)
{
	FILE *file = fopen("tests/data/router/path_class.tsv", "r");
	struct route route;
	char line[1024];
	int n_rows = 0;

	(void)state;
	assert_non_null(file);
	route_begin(&route, "");
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
		char *rest = line;
		char *kind;
		char *text;

		line[strcspn(line, "\n")] = '\0';
		kind = strsep(&rest, "\t");
		text = strsep(&rest, "\t");
		if (strcmp(kind, "rules") == 0) {
			route_end(&route);
			route_begin(&route, text);
		} else if (strcmp(kind, "path") == 0) {
			if (strcmp(class_of(&route, text), rest) != 0)
				fail_msg("path_class.tsv:%d: '%s' is %s, not %s", number, text,
				    class_of(&route, text), rest);
			n_rows++;
		}
	}
	fclose(file);
	assert_true(n_used(route.classes) <= PATH_CLASS_SLOTS);
	route_end(&route);
	assert_true(n_rows > 70);
}

static void a_class_keeps_its_slot(void **state)
{
	struct route route;
	unsigned orders;
	unsigned items;

	(void)state;
	route_begin(&route, "");
	orders = visit(&route, SLICE("/orders/1"));
	items = visit(&route, SLICE("/items"));
	assert_true(orders < PATH_CLASS_SLOTS);
	assert_int_not_equal(orders, items);
	assert_int_equal(visit(&route, SLICE("/orders/2")), orders);
	assert_int_equal(n_used(route.classes), 2);
	route_load(&route, "/items /orders/:id");
	assert_int_equal(visit(&route, SLICE("/orders/x")), orders);
	assert_int_equal(visit(&route, SLICE("/items")), items);
	assert_int_equal(n_used(route.classes), 2);
	assert_string_equal(path_classes_name(route.classes, orders), "/orders/:id");
	assert_string_equal(path_classes_name(route.classes, PATH_CLASS_OTHER), "other");
	route_end(&route);
}

static void a_look_up_takes_no_slot(void **state)
{
	struct route route;
	struct path_class_name unseen;

	(void)state;
	route_begin(&route, "");
	for (int i = 0; i < 1000; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/junk-%c%c", 'a' + i % 26, 'a' + i / 26 % 26);
		assert_int_equal(
		    path_class_lookup(route.rules, route.classes, slice_of(path), &unseen),
		    PATH_CLASS_OTHER);
		assert_true(unseen.n > 0);
	}
	assert_int_equal(n_used(route.classes), 0);
	assert_int_not_equal(path_class_intern(route.classes, &unseen), PATH_CLASS_OTHER);
	assert_int_equal(n_used(route.classes), 1);
	route_end(&route);
}

static void what_is_seen_is_not_offered_for_interning(void **state)
{
	struct route route;
	struct path_class_name unseen;

	(void)state;
	route_begin(&route, "/orders/:id");
	path_class_lookup(route.rules, route.classes, SLICE("/orders/7"), &unseen);
	assert_int_equal(unseen.n, 0);
	path_class_lookup(route.rules, route.classes, SLICE("/a b"), &unseen);
	assert_int_equal(unseen.n, 0);
	assert_int_equal(path_class_intern(route.classes, &unseen), PATH_CLASS_OTHER);
	path_class_lookup(route.rules, route.classes, SLICE("/new"), &unseen);
	assert_int_equal(unseen.n, 4);
	path_class_intern(route.classes, &unseen);
	path_class_lookup(route.rules, route.classes, SLICE("/new"), &unseen);
	assert_int_equal(unseen.n, 0);
	route_end(&route);
}

static void only_an_answer_that_shows_the_path_exists_takes_a_slot(void **state)
{
	static const struct {
		unsigned status;
		bool deserves;
	} rows[] = { { 0, false }, { 200, true }, { 204, true }, { 302, true }, { 304, true },
		{ 400, false }, { 401, false }, { 404, false }, { 405, false }, { 429, false },
		{ 499, false }, { 500, true }, { 501, false }, { 502, true }, { 599, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(path_class_deserves_slot(rows[i].status), rows[i].deserves);
}

static void after_sixty_four_classes_the_rest_is_other(void **state)
{
	struct route route;
	bool taken[PATH_CLASS_SLOTS] = { false };
	struct path_class_name unseen;
	char path[32];

	(void)state;
	route_begin(&route, "");
	for (int i = 0; i < 200; i++) {
		unsigned slot;

		snprintf(path, sizeof(path), "/path-%d", i);
		slot = visit(&route, slice_of(path));
		if (i >= PATH_CLASS_SLOTS) {
			assert_int_equal(slot, PATH_CLASS_OTHER);
			continue;
		}
		assert_true(slot < PATH_CLASS_SLOTS && !taken[slot]);
		taken[slot] = true;
		assert_string_equal(path_classes_name(route.classes, slot), path);
	}
	path_class_lookup(route.rules, route.classes, SLICE("/one-more"), &unseen);
	assert_int_equal(unseen.n, 0);
	assert_int_equal(visit(&route, SLICE("/path-0")), visit(&route, SLICE("/path-0/")));
	assert_string_equal(class_of(&route, "/path-63"), "/path-63");
	route_end(&route);
}

static void a_pattern_without_a_slot_is_other_and_is_told(void **state)
{
	struct route route;
	char path[32];

	(void)state;
	route_begin(&route, "");
	for (int i = 0; i < PATH_CLASS_SLOTS; i++) {
		snprintf(path, sizeof(path), "/path-%d", i);
		visit(&route, slice_of(path));
	}
	route_load(&route, "/orders/:id /path-7 /users/:id");
	assert_int_equal(route.n_without_slot, 2);
	assert_string_equal(class_of(&route, "/orders/1"), "other");
	assert_string_equal(class_of(&route, "/path-7"), "/path-7");
	route_end(&route);
}

static void configured_patterns_come_before_what_traffic_brings(void **state)
{
	struct route route;
	char path[32];

	(void)state;
	route = (struct route) { .classes = path_classes_new() };
	for (int i = 0; i < 70; i++) {
		snprintf(path, sizeof(path), "/pattern-%d/:id", i);
		route_add(&route, path);
	}
	route_compile(&route);
	assert_int_equal(route.n_without_slot, 70 - PATH_CLASS_SLOTS);
	assert_int_equal(n_used(route.classes), PATH_CLASS_SLOTS);
	assert_string_equal(class_of(&route, "/pattern-63/x"), "/pattern-63/:id");
	assert_string_equal(class_of(&route, "/pattern-64/x"), "other");
	assert_string_equal(class_of(&route, "/anything"), "other");
	route_end(&route);
}

static void a_pattern_that_no_path_can_match_is_refused(void **state)
{
	char long_one[PATH_CLASS_NAME_MAX + 2];
	char deep[2 * PATH_CLASS_SEGMENTS_MAX + 3] = "";
	char *bad[] = { "orders", "", "/a b", "/\"a\"", "/caf\xc3\xa9", "/a\n", long_one,
		deep };
	struct path_classes *classes = path_classes_new();

	(void)state;
	memset(long_one, 'a', sizeof(long_one));
	long_one[0] = '/';
	long_one[sizeof(long_one) - 1] = '\0';
	for (int i = 0; i <= PATH_CLASS_SEGMENTS_MAX; i++)
		strcat(deep, "/a");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_strings patterns = { &bad[i], 1 };
		struct error err = { "" };
		size_t n;

		assert_null(path_class_rules_new(&patterns, classes, NULL, &n, &err));
		assert_non_null(strstr(err.text, "must begin with '/'"));
	}
	long_one[sizeof(long_one) - 2] = '\0';
	deep[2 * PATH_CLASS_SEGMENTS_MAX] = '\0';
	for (size_t i = 6; i < 8; i++) {
		struct conf_strings patterns = { &bad[i], 1 };
		struct path_class_rules *rules;
		size_t n;

		rules = path_class_rules_new(&patterns, classes, NULL, &n, NULL);
		assert_non_null(rules);
		path_class_rules_free(rules);
	}
	path_classes_free(classes);
}

/* What is the same for thousands of routes is there once; what differs is not mixed up. */
static void rules_that_say_the_same_are_shared(void **state)
{
	char *orders[] = { "/orders/:id", "/cart" }, *others[] = { "/orders/:id", "/card" };
	struct conf_strings same = { orders, 2 }, different = { others, 2 }, none = { NULL, 0 };
	struct path_classes *classes[3] = { path_classes_new(), path_classes_new(),
		path_classes_new() };
	struct path_class_rules_set set;
	struct path_class_rules *rules[5];
	struct path_class_name unseen;
	size_t n;

	(void)state;
	/* One that holds other classes already gives the patterns other slots. */
	for (int i = 0; i < PATH_CLASS_SLOTS; i++) {
		char name[24];

		snprintf(name, sizeof(name), "/taken%d", i);
		path_classes_slot_for(classes[2], slice_of(name));
	}
	assert_true(path_class_rules_set_init(&set, 5));
	rules[0] = path_class_rules_new(&same, classes[0], &set, &n, NULL);
	rules[1] = path_class_rules_new(&same, classes[1], &set, &n, NULL);
	rules[2] = path_class_rules_new(&same, classes[2], &set, &n, NULL);
	assert_int_equal(n, 2);
	rules[3] = path_class_rules_new(&different, classes[1], &set, &n, NULL);
	rules[4] = path_class_rules_new(&none, classes[0], &set, &n, NULL);
	path_class_rules_set_done(&set);
	assert_ptr_equal(rules[0], rules[1]);
	for (int i = 2; i < 5; i++)
		assert_ptr_not_equal(rules[0], rules[i]);
	path_class_rules_free(rules[0]);
	assert_string_equal(
	    path_classes_name(classes[1],
		path_class_lookup(rules[1], classes[1], SLICE("/orders/a"), &unseen)),
	    "/orders/:id");
	assert_int_equal(
	    path_class_lookup(rules[2], classes[2], SLICE("/cart"), &unseen), PATH_CLASS_OTHER);
	assert_string_equal(
	    path_classes_name(
		classes[1], path_class_lookup(rules[3], classes[1], SLICE("/card"), &unseen)),
	    "/card");
	for (int i = 1; i < 5; i++)
		path_class_rules_free(rules[i]);
	for (int i = 0; i < 3; i++)
		path_classes_free(classes[i]);
}

/* Paths of all lengths and contents stay in their bounds, and names are safe to show. */
static void no_path_makes_a_name_that_is_unsafe_to_show(void **state)
{
	struct route route;
	uint32_t random = 1;

	(void)state;
	route_begin(&route, "/a/:id");
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)(i % 400);
		char *path = malloc(len + 1);
		struct path_class_name unseen;

		assert_non_null(path);
		for (size_t j = 0; j < len; j++) {
			random = random * 1664525 + 1013904223;
			path[j] = j == 0 || random >> 29 == 0 ? '/'
				  : i % 2 == 0                ? (char)(random >> 16)
					       : (char)('a' + (random >> 16) % 26);
		}
		path_class_lookup(
		    route.rules, route.classes, (struct slice) { path, len }, &unseen);
		assert_true(unseen.n <= PATH_CLASS_NAME_MAX);
		for (size_t j = 0; j < unseen.n; j++) {
			assert_true(unseen.text[j] > ' ' && unseen.text[j] < 0x7f);
			assert_null(strchr("\"\\<>{}", unseen.text[j]));
		}
		free(path);
	}
	route_end(&route);
}

enum {
	WORKERS = 8,
	NAMES = 96
};

struct worker {
	struct route *route;
	unsigned first; /* where in the names it begins */
	unsigned slots[NAMES];
};

static void *work(void *argument)
{
	struct worker *worker = argument;

	for (unsigned i = 0; i < NAMES; i++) {
		unsigned name = (worker->first + i) % NAMES;
		char path[32];

		snprintf(path, sizeof(path), "/class-%u", name);
		worker->slots[name] = visit(worker->route, slice_of(path));
	}
	return NULL;
}

static void workers_that_intern_at_once_agree_on_every_slot(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct route route;
		struct worker workers[WORKERS];
		pthread_t threads[WORKERS];
		bool taken[PATH_CLASSES] = { false };

		route_begin(&route, "");
		for (unsigned i = 0; i < WORKERS; i++) {
			workers[i] = (struct worker) { .route = &route,
				.first = i % 2 * (unsigned)round };
			assert_int_equal(
			    pthread_create(&threads[i], NULL, work, &workers[i]), 0);
		}
		for (unsigned i = 0; i < WORKERS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(n_used(route.classes), PATH_CLASS_SLOTS);
		for (unsigned name = 0; name < NAMES; name++) {
			unsigned slot = workers[0].slots[name];

			for (unsigned i = 1; i < WORKERS; i++)
				assert_int_equal(workers[i].slots[name], slot);
			assert_true(slot == PATH_CLASS_OTHER || !taken[slot]);
			taken[slot] = true;
		}
		route_end(&route);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_has_its_class),
		cmocka_unit_test(a_class_keeps_its_slot),
		cmocka_unit_test(a_look_up_takes_no_slot),
		cmocka_unit_test(what_is_seen_is_not_offered_for_interning),
		cmocka_unit_test(only_an_answer_that_shows_the_path_exists_takes_a_slot),
		cmocka_unit_test(after_sixty_four_classes_the_rest_is_other),
		cmocka_unit_test(a_pattern_without_a_slot_is_other_and_is_told),
		cmocka_unit_test(configured_patterns_come_before_what_traffic_brings),
		cmocka_unit_test(a_pattern_that_no_path_can_match_is_refused),
		cmocka_unit_test(rules_that_say_the_same_are_shared),
		cmocka_unit_test(no_path_makes_a_name_that_is_unsafe_to_show),
		cmocka_unit_test(workers_that_intern_at_once_agree_on_every_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

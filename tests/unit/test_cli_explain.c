/* What `weir explain` asks, and what it says. The decision itself: test_explain.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_explain.h"
#include "admin/explain_answer.h"

#include <stdlib.h>
#include <string.h>

/* A route at 50% whose users are known by a header, a cookie, or their address. */
struct asking {
	struct upstream_conf canary;
	struct route_conf route;
	struct secret no_key;
	struct path_classes *classes;
	struct path_class_rules *rules;
	struct cohort *cohort;
	struct explain_question basis;
};

static int set_up(void **state)
{
	static char name[] = "shop", salt[] = "shop", header[] = "X-User", cookie[] = "sid";
	struct asking *asking = calloc(1, sizeof(*asking));
	struct conf_strings none = { .n = 0 };
	size_t n_without_slot;
	struct error err;

	if (asking == NULL)
		return -1;
	asking->route = (struct route_conf) { .name = name,
		.salt = salt,
		.canary = &asking->canary,
		.n_sticky = 3,
		.sticky = { { KEY_SOURCE_HEADER, header }, { KEY_SOURCE_COOKIE, cookie },
		    { KEY_SOURCE_ADDRESS, NULL } } };
	asking->classes = path_classes_new();
	asking->rules =
	    path_class_rules_new(&none, asking->classes, NULL, &n_without_slot, &err);
	asking->cohort = cohort_new(salt, asking->route.sticky, 3, &err);
	asking->basis = (struct explain_question) { .route = &asking->route,
		.cohort = asking->cohort,
		.path_rules = asking->rules,
		.path_classes = asking->classes,
		.token_key = &asking->no_key,
		.setting = { .generation = 1, .weight_ppm = 500000 } };
	*state = asking;
	return asking->rules != NULL && asking->cohort != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct asking *asking = *state;

	cohort_free(asking->cohort);
	path_class_rules_free(asking->rules);
	path_classes_free(asking->classes);
	free(asking);
	return 0;
}

/* json_decref() it. */
static json_t *answer_to(struct asking *asking, const struct explain_asked *asked)
{
	struct error err = { "" };
	json_t *json = explain_answer(asked, &asking->basis, "live", &err);

	if (json == NULL)
		fail_msg("%s", err.text);
	return json;
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text != NULL ? text : "(none)";
}

static void the_user_is_the_first_key_that_is_there(void **state)
{
	static const struct {
		struct explain_asked asked;
		const char *source, *value;
	} rows[] = {
		{ { .headers = { "x-user: u1" }, .n_headers = 1, .ip = "10.0.0.1" }, "header",
		    "u1" },
		{ { .cookies = { "a=b", "sid=c1" }, .n_cookies = 2 }, "cookie", "c1" },
		{ { .headers = { "Cookie: sid=c2" }, .n_headers = 1 }, "cookie", "c2" },
		{ { .ip = "10.0.0.1" }, "address", "10.0.0.1" },
		{ { .ip = "2001:DB8:0::1" }, "address", "2001:db8::1" },
		{ { .ip = "::ffff:10.0.0.1" }, "address", "10.0.0.1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *json = answer_to(*state, &rows[i].asked);
		const json_t *key = json_object_get(json, "key");

		assert_string_equal(text_of(key, "source"), rows[i].source);
		assert_string_equal(text_of(key, "value"), rows[i].value);
		assert_int_equal(strlen(text_of(key, "hash")), 16);
		assert_true(json_is_integer(json_object_get(json, "bucket")));
		json_decref(json);
	}
}

/* The arm at two weights next to each other is the canary's from the one on that is told. */
static void the_weight_at_which_a_user_switches_is_exact(void **state)
{
	struct explain_asked asked = {
		.headers = { "X-User: u1" }, .n_headers = 1, .has_weight = true
	};
	json_t *json = answer_to(*state, &asked);
	json_int_t from = json_integer_value(json_object_get(json, "canary_from_ppm"));

	assert_int_equal(from, json_integer_value(json_object_get(json, "bucket")) + 1);
	json_decref(json);
	asked.weight_ppm = (uint32_t)from;
	json = answer_to(*state, &asked);
	assert_string_equal(text_of(json_object_get(json, "at"), "arm"), "canary");
	json_decref(json);
	asked.weight_ppm = (uint32_t)from - 1;
	json = answer_to(*state, &asked);
	assert_string_equal(text_of(json_object_get(json, "at"), "arm"), "legacy");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(json, "at"), "weight_ppm")),
	    from - 1);
	assert_string_equal(text_of(json, "weight"), "50%");
	json_decref(json);
}

static void without_a_key_there_is_no_bucket(void **state)
{
	struct explain_asked asked = { .path = "/orders/7?x=1" };
	json_t *json = answer_to(*state, &asked);

	assert_true(json_is_null(json_object_get(json, "key")));
	assert_true(json_is_null(json_object_get(json, "bucket")));
	assert_true(json_is_null(json_object_get(json, "canary_from")));
	assert_true(json_is_null(json_object_get(json, "at")));
	assert_string_equal(text_of(json, "why"), "by_chance");
	json_decref(json);
}

static void a_request_that_weir_would_refuse_is_refused_in_words(void **state)
{
	static const struct {
		struct explain_asked asked;
		const char *words;
	} rows[] = {
		{ { .headers = { "X-User" }, .n_headers = 1 }, "'NAME: VALUE', not 'X-User'" },
		{ { .headers = { "X User: 1" }, .n_headers = 1 }, "refuse such a request" },
		{ { .headers = { "A: 1\r\nX-User: 2" }, .n_headers = 1 }, "line break" },
		{ { .headers = { "Host: a", "Host: b" }, .n_headers = 2 }, "refuse" },
		{ { .cookies = { "sid" }, .n_cookies = 1 }, "NAME=VALUE, not 'sid'" },
		{ { .cookies = { "sid=1\nX: 2" }, .n_cookies = 1 }, "line break" },
		{ { .ip = "10.0.0" }, "'10.0.0' is no IP address" },
		{ { .ip = "" }, "is no IP address" },
		{ { .method = "GET /x" }, "spaces" },
		{ { .method = "" }, "refuse" },
		{ { .path = "no-slash" }, "refuse" },
		{ { .path = "/a b" }, "spaces" },
	};
	struct asking *asking = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { "" };
		json_t *json = explain_answer(&rows[i].asked, &asking->basis, "live", &err);

		if (json != NULL)
			fail_msg("taken: %s", rows[i].words);
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].words, err.text);
	}
}

static void a_host_of_the_askers_own_is_taken(void **state)
{
	struct explain_asked asked = { .headers = { "HOST: shop.example.com", "X-User: u1" },
		.n_headers = 2 };

	json_decref(answer_to(*state, &asked));
}

/* free() it. */
static char *shown(const json_t *answer)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	cli_explain_print(answer, out);
	fclose(out);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	return text;
}

static void the_answer_reads_from_the_user_to_the_reason(void **state)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:i, s:s, "
				 "s:{s:s, s:s, s:s}, s:s, s:b, s:b}",
	    "route", "shop", "weight", "5%", "weight_from", "file", "arm", "canary", "words",
	    "bucket 12 is below", "key", "value", "u1", "source", "header", "hash", "00ff",
	    "bucket", 12, "canary_from", "0.0013%", "at", "weight", "0%", "arm", "legacy",
	    "words", "not below", "path_class", "/orders/:id", "counts", 1, "is_evidence", 0);
	char *text = shown(json);

	(void)state;
	assert_string_equal(text,
	    "route       shop, weight 5% by the file: what state_dir knows, "
	    "as a rollback, is not looked at\n"
	    "user        u1 (by header), hash 00ff, bucket 12\n"
	    "arm         canary\n"
	    "why         bucket 12 is below\n"
	    "switches    to the canary from a weight of 0.0013% on\n"
	    "at 0%       legacy: not below\n"
	    "path class  /orders/:id\n"
	    "evidence    no: more than the bucket decided\n");
	free(text);
	json_decref(json);
}

static void a_route_without_a_canary_claims_neither_a_user_nor_a_forced_arm(void **state)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:n, s:s, s:b, s:b}", "route", "shop",
	    "weight", "0%", "weight_from", "file", "arm", "legacy", "key", "why", "no_canary",
	    "counts", 1, "is_evidence", 0);
	char *text;

	(void)state;
	json_object_set_new(json, "words", json_string("the route has no canary"));
	text = shown(json);
	assert_string_equal(text, "route       shop\n"
				  "arm         legacy\n"
				  "why         the route has no canary\n");
	free(text);
	json_object_set_new(json, "arm", json_null());
	json_object_set_new(json, "why", json_string("own_answer"));
	json_object_set_new(json, "chosen", json_pack("{s:s}", "route", "blog"));
	text = shown(json);
	assert_string_equal(text,
	    "route       shop\n"
	    "not here    such a request is for [route blog]. What follows is as if it were for "
	    "[route shop]\n"
	    "why         the route has no canary\n");
	free(text);
	json_decref(json);
}

static void an_answer_that_lacks_everything_is_shown_all_the_same(void **state)
{
	json_t *json = json_object();
	char *text = shown(json);

	(void)state;
	assert_non_null(strstr(text, "nobody in particular"));
	free(text);
	json_object_set_new(json, "words", json_string("\033[2J"));
	text = shown(json);
	assert_null(strchr(text, 0x1b));
	free(text);
	json_decref(json);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_user_is_the_first_key_that_is_there),
		TEST(the_weight_at_which_a_user_switches_is_exact),
		TEST(without_a_key_there_is_no_bucket),
		TEST(a_request_that_weir_would_refuse_is_refused_in_words),
		TEST(a_host_of_the_askers_own_is_taken),
		cmocka_unit_test(the_answer_reads_from_the_user_to_the_reason),
		cmocka_unit_test(
		    a_route_without_a_canary_claims_neither_a_user_nor_a_forced_arm),
		cmocka_unit_test(an_answer_that_lacks_everything_is_shown_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

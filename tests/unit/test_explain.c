#include "router/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/*
 * XXH64 of "shop/user-23" and of "shop/user-1", by another implementation: buckets
 * 32,078 and 748,477.
 */
enum {
	BUCKET_OF_EARLY = 32078,
	BUCKET_OF_LATE = 748477,
};
static const char early[] = "user-23";
static const char late[] = "user-1";

static const struct secret key = { .len = 32, .bytes = "0123456789abcdef0123456789abcdef" };
static const struct secret no_key = { .len = 0 };

static struct message request;
static struct route_conf route;
static struct upstream_conf canary;
static struct cohort *cohort;
static struct path_classes *classes;
static struct path_class_rules *rules;
static struct seen_users *seen;
static struct explain_question question;

static void identify_by(const struct key_source *sources, size_t n)
{
	struct error err;

	cohort_free(cohort);
	cohort = cohort_new("shop", sources, n, &err);
	assert_non_null(cohort);
	question.cohort = cohort;
}

static int begin(void **state)
{
	static char orders[] = "/orders/:id", header[] = "X-User-Id";
	static char *patterns[] = { orders };
	struct conf_strings path_classes = { patterns, 1 };
	struct key_source source = { KEY_SOURCE_HEADER, header };
	size_t n_without_slot;
	struct error err;

	(void)state;
	memset(&request, 0, sizeof(request));
	memset(&route, 0, sizeof(route));
	request.method_id = METHOD_GET;
	request.method = SLICE("GET");
	request.target = SLICE("/orders/7?x=1");
	route.name = (char *)(uintptr_t) "shop";
	route.canary = &canary;
	classes = path_classes_new();
	seen = seen_users_new();
	rules = path_class_rules_new(&path_classes, classes, NULL, &n_without_slot, &err);
	assert_true(classes != NULL && seen != NULL && rules != NULL);
	question = (struct explain_question) {
		.route = &route,
		.path_rules = rules,
		.path_classes = classes,
		.seen_users = seen,
		.token_key = &no_key,
		.setting = { .generation = 3, .weight_ppm = 50000 },
		.request = &request,
		.client_ip = SLICE("192.0.2.9"),
		.now_s = 1780000000,
	};
	identify_by(&source, 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	cohort_free(cohort);
	cohort = NULL;
	path_class_rules_free(rules);
	path_classes_free(classes);
	seen_users_free(seen);
	return 0;
}

static void add_field(const char *name, const char *value)
{
	assert_true(message_add(
	    &request, field_identify(slice_of(name)), slice_of(name), slice_of(value)));
}

static struct explanation explain_now(void)
{
	struct explanation e;

	explain(&question, &e);
	return e;
}

static void assert_said(struct explanation e, enum explain_why why, enum arm arm,
    bool is_evidence, const char *words)
{
	assert_string_equal(explain_why_name(e.why), explain_why_name(why));
	assert_string_equal(arm_name(e.arm), arm_name(arm));
	assert_int_equal(e.is_evidence, is_evidence);
	assert_string_equal(e.words, words);
}

static void a_user_below_the_weight_is_the_canary_s(void **state)
{
	struct explanation e;

	(void)state;
	add_field("X-User-Id", early);
	e = explain_now();
	assert_said(e, EXPLAIN_BELOW_WEIGHT, ARM_CANARY, true,
	    "bucket 32,078 of 1,000,000 is below the weight of 50,000 (5%)");
	assert_true(e.counts && e.has_bucket);
	assert_int_equal(e.bucket, BUCKET_OF_EARLY);
	assert_int_equal(e.canary_from_ppm, BUCKET_OF_EARLY + 1);
	assert_int_equal(e.source, COHORT_SOURCE_HEADER);
	assert_true(slice_equal(e.key, slice_of(early)));
	assert_string_equal(e.path_class_name, "/orders/:id");
}

static void the_weight_at_which_a_user_would_change_over_is_exact(void **state)
{
	struct explanation e;

	(void)state;
	add_field("X-User-Id", late);
	e = explain_now();
	assert_said(e, EXPLAIN_ABOVE_WEIGHT, ARM_LEGACY, true,
	    "bucket 748,477 of 1,000,000 is not below the weight of 50,000 (5%)");
	assert_int_equal(e.bucket, BUCKET_OF_LATE);
	question.setting.weight_ppm = e.canary_from_ppm;
	assert_int_equal(explain_now().arm, ARM_CANARY);
	question.setting.weight_ppm = e.canary_from_ppm - 1;
	assert_int_equal(explain_now().arm, ARM_LEGACY);
}

static void a_route_without_a_canary_says_so(void **state)
{
	struct explanation e;

	(void)state;
	route.canary = NULL;
	route.legacy = &canary;
	add_field("X-User-Id", early);
	e = explain_now();
	assert_said(e, EXPLAIN_NO_CANARY, ARM_LEGACY, false, "the route has no canary");
	assert_true(e.counts); /* in its budget: nothing is forced */
	assert_false(e.has_bucket);
}

static void a_route_that_weir_answers_itself_has_no_arm(void **state)
{
	(void)state;
	route.canary = NULL;
	assert_said(explain_now(), EXPLAIN_OWN_ANSWER, ARM_LEGACY, false,
	    "weir answers by itself: the route has no upstream");
}

static void the_route_that_a_request_takes_may_be_another_one_or_none(void **state)
{
	static char orders[] = "/orders", special[] = "/orders/special",
		    host[] = "shop.example";
	static char *hosts[] = { host };
	struct route_conf routes[] = {
		{ .name = (char[]) { "special" }, .path = special, .hosts = { hosts, 1 } },
		{ .name = (char[]) { "shop" }, .path = orders, .hosts = { hosts, 1 } },
	};
	struct error err;
	struct router *router = router_new(routes, 2, &err);

	(void)state;
	assert_non_null(router);
	request.authority = SLICE("shop.example:8080");
	question.router = router;
	question.routes = routes;
	question.route = &routes[1];
	assert_ptr_equal(explain_chosen(&question), &routes[1]);
	request.target = SLICE("/orders/special/1");
	assert_ptr_equal(explain_chosen(&question), &routes[0]);
	request.target = SLICE("/");
	assert_null(explain_chosen(&question));
	request.target = SLICE("/orders");
	request.authority = SLICE("other.example");
	assert_null(explain_chosen(&question));
	router_free(router);
}

static void a_user_without_a_key_goes_by_chance(void **state)
{
	static char issued[] = "weir_id";
	struct key_source issue = { KEY_SOURCE_ISSUE, issued };
	struct explanation e;

	(void)state;
	e = explain_now();
	assert_said(e, EXPLAIN_BY_CHANCE, ARM_LEGACY, true,
	    "no key: each request draws a bucket, and is the canary's with a chance of 5%");
	assert_false(e.has_bucket);
	question.setting.weight_ppm = 750000;
	assert_int_equal(explain_now().arm, ARM_CANARY);
	identify_by(&issue, 1);
	assert_said(explain_now(), EXPLAIN_BY_CHANCE, ARM_CANARY, true,
	    "no key yet: weir issues an id, whose bucket is the canary's with a chance of "
	    "75%, and stays so");
}

static void a_stage_s_methods_and_a_withdrawn_path_go_to_legacy(void **state)
{
	(void)state;
	add_field("X-User-Id", early);
	question.setting.methods = 1 << METHOD_GET;
	assert_int_equal(explain_now().arm, ARM_CANARY);
	request.method_id = METHOD_POST;
	request.method = SLICE("POST");
	assert_said(explain_now(), EXPLAIN_METHOD, ARM_LEGACY, false,
	    "this stage sends no POST to the canary");
	question.setting.methods = 0;
	question.setting.withdrawn = UINT64_C(1) << explain_now().path_class;
	assert_said(explain_now(), EXPLAIN_PATH, ARM_LEGACY, false,
	    "the path class /orders/:id is withdrawn from the canary");
	question.setting.withdrawn = ~question.setting.withdrawn;
	assert_int_equal(explain_now().arm, ARM_CANARY);
}

static void a_drain_keeps_whom_the_canary_has_seen(void **state)
{
	(void)state;
	question.setting.weight_ppm = 0;
	question.setting.drain_ppm = 50000;
	add_field("X-User-Id", early);
	assert_said(explain_now(), EXPLAIN_DRAIN, ARM_LEGACY, false,
	    "the canary was rolled back to 0% and is being drained; this user was not on it");
	seen_users_add(seen, explain_now().unit_hash);
	assert_said(explain_now(), EXPLAIN_DRAIN, ARM_CANARY, false,
	    "the canary was rolled back; this user was on it, and stays while it is drained");
	question.setting.drain_ppm = BUCKET_OF_EARLY;
	assert_said(explain_now(), EXPLAIN_ABOVE_WEIGHT, ARM_LEGACY, false,
	    "bucket 32,078 of 1,000,000 is not below the weight of 0 (0%)");
	question.seen_users = NULL;
	assert_int_equal(explain_now().arm, ARM_LEGACY);
}

static void a_forced_user_is_told_by_what_and_does_not_count(void **state)
{
	static char name[] = "X-Arm";
	struct force_rule rule = { .arm = ARM_CANARY, .match = FORCE_BY_HEADER, .name = name };
	struct network_set from = { .n = 0 };
	struct error err;
	struct network office;
	struct explanation e;

	(void)state;
	question.setting.weight_ppm = 0;
	add_field("X-Arm", "new");
	assert_true(network_parse(SLICE("192.0.2.0/24"), &office, &err));
	assert_true(network_set_add(&from, &office));
	route.force_from = &from;
	route.force = &rule;
	route.n_force = 1;
	e = explain_now();
	assert_said(
	    e, EXPLAIN_RULE, ARM_CANARY, false, "forced by a rule for the header X-Arm");
	assert_false(e.counts);
	rule = (struct force_rule) {
		.arm = ARM_CANARY, .match = FORCE_BY_ADDRESS, .network = office
	};
	assert_said(explain_now(), EXPLAIN_RULE, ARM_CANARY, false,
	    "forced by a rule for the client's address 192.0.2.9");
}

static void a_token_is_told_with_what_became_of_it(void **state)
{
	struct explanation e;

	(void)state;
	question.token_key = &key;
	add_field("X-User-Id", early);
	add_field(
	    "Weir-Token", "v1.*.any.1790000000.s.uvlTGecsFbMERCcFgLZQXEm79oDBohoiQu8wG4hlD8g");
	e = explain_now();
	assert_said(e, EXPLAIN_BELOW_WEIGHT, ARM_CANARY, false,
	    "bucket 32,078 of 1,000,000 is below the weight of 50,000 (5%)");
	assert_int_equal(e.token, TOKEN_GOOD);
	assert_true(e.synthetic && !e.counts);
	question.now_s = 1790000000;
	e = explain_now();
	assert_int_equal(e.token, TOKEN_EXPIRED);
	assert_true(e.counts && e.is_evidence);
	question.now_s = 0;
	request.fields[1].value =
	    SLICE("v1.shop.canary.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU");
	assert_said(
	    explain_now(), EXPLAIN_TOKEN, ARM_CANARY, false, "forced by a signed token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_user_below_the_weight_is_the_canary_s, begin, end),
		cmocka_unit_test_setup_teardown(
		    the_weight_at_which_a_user_would_change_over_is_exact, begin, end),
		cmocka_unit_test_setup_teardown(a_route_without_a_canary_says_so, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_route_that_weir_answers_itself_has_no_arm, begin, end),
		cmocka_unit_test_setup_teardown(
		    the_route_that_a_request_takes_may_be_another_one_or_none, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_user_without_a_key_goes_by_chance, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_stage_s_methods_and_a_withdrawn_path_go_to_legacy, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_drain_keeps_whom_the_canary_has_seen, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_forced_user_is_told_by_what_and_does_not_count, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_token_is_told_with_what_became_of_it, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

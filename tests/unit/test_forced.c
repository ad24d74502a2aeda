#include "router/forced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct secret key = { .len = 32, .bytes = "0123456789abcdef0123456789abcdef" };
static const struct secret no_key = { .len = 0 };

static const char canary_token[] =
    "v1.shop.canary.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU";
static const char any_synthetic_token[] =
    "v1.*.any.1790000000.s.uvlTGecsFbMERCcFgLZQXEm79oDBohoiQu8wG4hlD8g";

static struct message message;
static struct route_conf route;
static struct force_rule rules[3];
static struct network_set force_from;

static struct network network_of(const char *text)
{
	struct network network;
	struct error err = { "" };

	if (!network_parse(slice_of(text), &network, &err))
		fail_msg("%s", err.text);
	return network;
}

/* The office may force; two rules by field, one by address. */
static int begin(void **state)
{
	static char header[] = "X-Arm", cookie[] = "arm", exact[] = "new";
	struct network office = network_of("10.1.0.0/16");

	(void)state;
	memset(&message, 0, sizeof(message));
	memset(&route, 0, sizeof(route));
	memset(&force_from, 0, sizeof(force_from));
	route.name = (char *)(uintptr_t) "shop";
	route.force = rules;
	route.force_from = &force_from;
	route.force[0] = (struct force_rule) {
		.arm = ARM_CANARY, .match = FORCE_BY_HEADER, .name = header, .value = exact
	};
	route.force[1] =
	    (struct force_rule) { .arm = ARM_LEGACY, .match = FORCE_BY_COOKIE, .name = cookie };
	route.force[2] = (struct force_rule) { .arm = ARM_CANARY,
		.match = FORCE_BY_ADDRESS,
		.network = network_of("192.0.2.0/24") };
	route.n_force = 3;
	return network_set_add(&force_from, &office) ? 0 : -1;
}

static void add_field(const char *name, const char *value)
{
	assert_true(message_add(
	    &message, field_identify(slice_of(name)), slice_of(name), slice_of(value)));
}

static struct forced find_with(const struct secret *token_key, const char *ip, int64_t now_s)
{
	struct forced forced;
	struct forced_request request = { .route = &route,
		.message = &message,
		.client_ip = slice_of(ip),
		.token_key = token_key,
		.now_s = now_s };

	forced_find(&request, &forced);
	return forced;
}

static struct forced find_from(const char *ip)
{
	return find_with(&key, ip, 1780000000);
}

static void without_rules_and_a_key_there_is_nothing_to_look_for(void **state)
{
	(void)state;
	assert_true(forced_is_possible(&route, &no_key));
	route.n_force = 0;
	assert_true(forced_is_possible(&route, &key));
	assert_false(forced_is_possible(&route, &no_key));
}

static void a_request_that_meets_no_rule_is_not_forced(void **state)
{
	(void)state;
	add_field("Host", "shop.example");
	add_field("X-Arm", "old");
	assert_false(find_from("10.1.2.3").is_forced);
	assert_int_equal(find_from("10.1.2.3").token, TOKEN_ABSENT);
}

static void a_rule_by_field_counts_only_from_where_it_is_trusted(void **state)
{
	static const struct {
		const char *ip;
		bool is_forced;
	} rows[] = { { "10.1.2.3", true }, { "::ffff:10.1.2.3", true }, { "10.2.2.3", false },
		{ "2001:db8::1", false }, { "unknown", false } };

	(void)state;
	add_field("x-arm", "new");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forced forced = find_from(rows[i].ip);

		assert_int_equal(forced.is_forced, rows[i].is_forced);
		assert_int_equal(forced.has_arm, rows[i].is_forced);
		assert_int_equal(forced.arm, rows[i].is_forced ? ARM_CANARY : ARM_LEGACY);
		assert_false(forced.synthetic);
	}
}

static void nobody_is_trusted_where_no_network_is_named(void **state)
{
	(void)state;
	route.force_from = NULL;
	add_field("X-Arm", "new");
	assert_false(find_from("127.0.0.1").is_forced);
}

static void a_rule_without_a_value_holds_for_any(void **state)
{
	struct forced forced;

	(void)state;
	add_field("Cookie", "sid=1; arm=");
	forced = find_from("10.1.2.3");
	assert_true(forced.is_forced);
	assert_int_equal(forced.arm, ARM_LEGACY);
	assert_ptr_equal(forced.rule, &route.force[1]);
}

static void an_exact_value_is_compared_byte_by_byte(void **state)
{
	(void)state;
	add_field("X-Arm", "NEW");
	assert_false(find_from("10.1.2.3").is_forced);
	add_field("X-Arm", "new");
	assert_true(find_from("10.1.2.3").is_forced);
}

static void a_rule_by_address_needs_no_other_trust(void **state)
{
	(void)state;
	assert_true(find_from("192.0.2.9").is_forced);
	assert_ptr_equal(find_from("192.0.2.9").rule, &route.force[2]);
	assert_false(find_from("192.0.3.9").is_forced);
}

static void the_first_rule_that_holds_counts(void **state)
{
	(void)state;
	add_field("Cookie", "arm=1");
	add_field("X-Arm", "new");
	assert_ptr_equal(find_from("10.1.2.3").rule, &route.force[0]);
}

static void a_token_counts_from_anywhere_and_before_every_rule(void **state)
{
	struct forced forced;

	(void)state;
	add_field("Cookie", "arm=1");
	add_field("Weir-Token", canary_token);
	forced = find_from("10.1.2.3");
	assert_int_equal(forced.token, TOKEN_GOOD);
	assert_int_equal(forced.arm, ARM_CANARY);
	assert_null(forced.rule);
	assert_true(find_from("198.51.100.1").is_forced);
}

static void a_token_may_come_as_a_cookie(void **state)
{
	struct forced forced;

	(void)state;
	add_field("Cookie", "sid=1; weir_token=v1.*.any.1790000000.s."
			    "uvlTGecsFbMERCcFgLZQXEm79oDBohoiQu8wG4hlD8g");
	forced = find_from("198.51.100.1");
	assert_true(forced.is_forced);
	assert_false(forced.has_arm);
	assert_true(forced.synthetic);
}

static void a_field_comes_before_a_cookie(void **state)
{
	(void)state;
	add_field("Cookie", "weir_token=nonsense");
	add_field("weir-token", any_synthetic_token);
	assert_int_equal(find_from("198.51.100.1").token, TOKEN_GOOD);
}

static void a_token_that_does_not_hold_is_passed_over(void **state)
{
	(void)state;
	add_field("Weir-Token", canary_token);
	assert_false(find_with(&no_key, "198.51.100.1", 0).is_forced);
	assert_int_equal(find_with(&no_key, "198.51.100.1", 0).token, TOKEN_ABSENT);
	assert_false(find_with(&key, "198.51.100.1", 1790000000).is_forced);
	assert_int_equal(find_with(&key, "198.51.100.1", 1790000000).token, TOKEN_EXPIRED);
	/* Then the rules have their say. */
	assert_ptr_equal(find_with(&key, "192.0.2.9", 1790000000).rule, &route.force[2]);
}

static void tokens_go_no_further(void **state)
{
	struct arena arena;
	struct slice text;

	(void)state;
	arena_init(&arena, 4096);
	add_field("Weir-Token", "one");
	add_field("WEIR-TOKEN", "two");
	add_field("Weir-Tokens", "another");
	add_field("Cookie", "a=1; weir_token=three; b=2");
	assert_true(token_strip(&message, &arena));
	assert_true(message.fields[0].drop && message.fields[1].drop);
	assert_false(message.fields[2].drop || message.fields[3].drop);
	assert_true(slice_equal(message.fields[3].value, SLICE("a=1; b=2")));
	message_clear(&message);
	assert_false(token_find(&message, &text));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    without_rules_and_a_key_there_is_nothing_to_look_for, begin),
		cmocka_unit_test_setup(a_request_that_meets_no_rule_is_not_forced, begin),
		cmocka_unit_test_setup(
		    a_rule_by_field_counts_only_from_where_it_is_trusted, begin),
		cmocka_unit_test_setup(nobody_is_trusted_where_no_network_is_named, begin),
		cmocka_unit_test_setup(a_rule_without_a_value_holds_for_any, begin),
		cmocka_unit_test_setup(an_exact_value_is_compared_byte_by_byte, begin),
		cmocka_unit_test_setup(a_rule_by_address_needs_no_other_trust, begin),
		cmocka_unit_test_setup(the_first_rule_that_holds_counts, begin),
		cmocka_unit_test_setup(
		    a_token_counts_from_anywhere_and_before_every_rule, begin),
		cmocka_unit_test_setup(a_token_may_come_as_a_cookie, begin),
		cmocka_unit_test_setup(a_field_comes_before_a_cookie, begin),
		cmocka_unit_test_setup(a_token_that_does_not_hold_is_passed_over, begin),
		cmocka_unit_test_setup(tokens_go_no_further, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

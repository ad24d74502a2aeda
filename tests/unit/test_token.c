#include "router/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum {
	EXPIRES_S = 1790000000
};

/* Signed by another implementation of HMAC-SHA-256, with the key below. */
static const char canary_for_shop[] =
    "v1.shop.canary.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU";
static const char any_synthetic[] =
    "v1.*.any.1790000000.s.uvlTGecsFbMERCcFgLZQXEm79oDBohoiQu8wG4hlD8g";
static const char legacy_for_dots[] =
    "v1.a.b.legacy.1790000000.-.AC3ycOJtjDLSYGpMv35JVdnwwENNGkXW77NYcAxPDQ4";

static const struct secret key = { .len = 32, .bytes = "0123456789abcdef0123456789abcdef" };
static const struct secret other_key = { .len = 32,
	.bytes = "0123456789abcdef0123456789abcdeF" };

static enum token_state read_at(
    const char *text, const char *route, int64_t now_s, struct token *token)
{
	return token_read(&key, slice_of(text), route, now_s, token);
}

static void a_token_says_what_it_was_made_for(void **state)
{
	static const struct {
		const char *text;
		const char *route;
		struct token token;
	} rows[] = {
		{ canary_for_shop, "shop", { .arm = ARM_CANARY, .expires_s = EXPIRES_S } },
		{ any_synthetic, "shop",
		    { .any_arm = true, .synthetic = true, .expires_s = EXPIRES_S } },
		{ legacy_for_dots, "a.b", { .arm = ARM_LEGACY, .expires_s = EXPIRES_S } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token token;

		assert_int_equal(
		    read_at(rows[i].text, rows[i].route, EXPIRES_S - 1, &token), TOKEN_GOOD);
		assert_int_equal(token.any_arm, rows[i].token.any_arm);
		assert_int_equal(token.arm, rows[i].token.arm);
		assert_int_equal(token.synthetic, rows[i].token.synthetic);
		assert_int_equal(token.expires_s, rows[i].token.expires_s);
	}
}

static void what_is_written_is_what_others_sign(void **state)
{
	struct token canary = { .arm = ARM_CANARY, .expires_s = EXPIRES_S };
	struct token any = { .any_arm = true, .synthetic = true, .expires_s = EXPIRES_S };
	struct token legacy = { .arm = ARM_LEGACY, .expires_s = EXPIRES_S };
	char text[TOKEN_SIZE];
	struct error err;

	(void)state;
	assert_true(token_write(&key, "shop", &canary, text, &err));
	assert_string_equal(text, canary_for_shop);
	assert_true(token_write(&key, "*", &any, text, &err));
	assert_string_equal(text, any_synthetic);
	assert_true(token_write(&key, "a.b", &legacy, text, &err));
	assert_string_equal(text, legacy_for_dots);
}

static void the_longest_name_fits_and_a_longer_one_is_an_error(void **state)
{
	struct token longest = { .arm = ARM_CANARY, .expires_s = INT64_MAX, .synthetic = true };
	struct token read;
	char route[200] = "";
	char text[TOKEN_SIZE];
	struct error err = { "" };

	(void)state;
	memset(route, 'r', 40);
	assert_true(token_write(&key, route, &longest, text, &err));
	assert_int_equal(read_at(text, route, 0, &read), TOKEN_GOOD);
	memset(route, 'r', sizeof(route) - 1);
	assert_false(token_write(&key, route, &longest, text, &err));
	assert_non_null(strstr(err.text, "too long"));
}

static void a_token_is_void_once_it_has_expired(void **state)
{
	struct token token;

	(void)state;
	assert_int_equal(read_at(canary_for_shop, "shop", EXPIRES_S - 1, &token), TOKEN_GOOD);
	assert_int_equal(read_at(canary_for_shop, "shop", EXPIRES_S, &token), TOKEN_EXPIRED);
}

static void a_token_for_one_route_is_void_on_another(void **state)
{
	struct token token;

	(void)state;
	assert_int_equal(read_at(canary_for_shop, "cart", 0, &token), TOKEN_OTHER_ROUTE);
	assert_int_equal(read_at(canary_for_shop, "sho", 0, &token), TOKEN_OTHER_ROUTE);
	assert_int_equal(read_at(legacy_for_dots, "b", 0, &token), TOKEN_OTHER_ROUTE);
}

static void a_token_signed_with_another_key_is_void(void **state)
{
	struct token token;

	(void)state;
	assert_int_equal(
	    token_read(&other_key, slice_of(canary_for_shop), "shop", 0, &token), TOKEN_FORGED);
}

static void a_token_changed_anywhere_is_void(void **state)
{
	char text[sizeof(canary_for_shop)];
	size_t len = sizeof(canary_for_shop) - 1;
	struct token token;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(text, canary_for_shop, sizeof(text));
			text[i] = (char)(text[i] ^ 1 << bit);
			assert_int_not_equal(
			    token_read(&key, (struct slice) { text, len }, "shop", 0, &token),
			    TOKEN_GOOD);
		}
		assert_int_not_equal(
		    token_read(&key, (struct slice) { canary_for_shop, i }, "shop", 0, &token),
		    TOKEN_GOOD);
	}
}

static void what_is_no_token_is_malformed(void **state)
{
	static const char *const rows[] = { "", ".", "v1", "v1.....", "v1.shop.canary.1.-",
		"v2.shop.canary.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU",
		"v1.shop.both.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU",
		"v1.shop.canary.1790000000.x.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU",
		"v1.shop.canary.1790000000..9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU",
		"v1.shop.canary.-1.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU",
		"v1.shop.canary.18446744073709551615.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3",
		"v1.canary.1790000000.-.9HBuinlh22xsjHR7-vKabXz4fbfrn9ybQs3NAppkNoU" };
	char huge[TOKEN_SIZE + 1];
	struct token token;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (read_at(rows[i], "shop", 0, &token) != TOKEN_MALFORMED)
			fail_msg("'%s' is not malformed", rows[i]);
	}
	memset(huge, '.', TOKEN_SIZE);
	huge[TOKEN_SIZE] = '\0';
	assert_int_equal(read_at(huge, "shop", 0, &token), TOKEN_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_says_what_it_was_made_for),
		cmocka_unit_test(what_is_written_is_what_others_sign),
		cmocka_unit_test(the_longest_name_fits_and_a_longer_one_is_an_error),
		cmocka_unit_test(a_token_is_void_once_it_has_expired),
		cmocka_unit_test(a_token_for_one_route_is_void_on_another),
		cmocka_unit_test(a_token_signed_with_another_key_is_void),
		cmocka_unit_test(a_token_changed_anywhere_is_void),
		cmocka_unit_test(what_is_no_token_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

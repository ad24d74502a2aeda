#include "admin/cli_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum {
	NOW_S = 1780000000
};

static struct cli_args args;

static int begin(void **state)
{
	(void)state;
	memset(&args, 0, sizeof(args));
	return 0;
}

static void give(enum cli_option option, const char *value)
{
	args.values[option].items[0] = value;
	args.values[option].n = 1;
}

static void a_token_lasts_an_hour_unless_it_is_said_otherwise(void **state)
{
	static const struct {
		const char *lasts;
		int64_t seconds;
	} rows[] = { { NULL, 3600 }, { "1s", 1 }, { "8h", 8 * 3600 }, { "90d", 90 * 86400 } };

	(void)state;
	give(CLI_OPTION_ROUTE, "shop");
	give(CLI_OPTION_ARM, "canary");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_token_request request;
		struct error err = { "" };

		if (rows[i].lasts != NULL)
			give(CLI_OPTION_FOR, rows[i].lasts);
		if (!cli_token_read(&args, NOW_S, &request, &err))
			fail_msg("%s", err.text);
		assert_int_equal(request.token.expires_s, NOW_S + rows[i].seconds);
		assert_string_equal(request.route, "shop");
	}
}

static void arms_are_canary_legacy_and_any(void **state)
{
	static const struct {
		const char *text;
		bool any_arm;
		enum arm arm;
	} rows[] = { { "canary", false, ARM_CANARY }, { "legacy", false, ARM_LEGACY },
		{ "any", true, ARM_LEGACY } };

	(void)state;
	give(CLI_OPTION_ROUTE, "*");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_token_request request;
		struct error err;

		give(CLI_OPTION_ARM, rows[i].text);
		assert_true(cli_token_read(&args, NOW_S, &request, &err));
		assert_int_equal(request.token.any_arm, rows[i].any_arm);
		assert_int_equal(request.token.arm, rows[i].arm);
		assert_false(request.token.synthetic);
	}
	give(CLI_OPTION_SYNTHETIC, "");
	{
		struct cli_token_request request;
		struct error err;

		assert_true(cli_token_read(&args, NOW_S, &request, &err));
		assert_true(request.token.synthetic);
	}
}

static void what_is_missing_or_senseless_is_named(void **state)
{
	static const struct {
		const char *route, *arm, *lasts;
		const char *words;
	} rows[] = {
		{ NULL, "canary", NULL, "--route" },
		{ "shop", NULL, NULL, "--arm" },
		{ "shop", "", NULL, "--arm" },
		{ "shop", "Canary", NULL, "--arm" },
		{ "shop", "canary", "0s", "--for" },
		{ "shop", "canary", "999ms", "--for" },
		{ "shop", "canary", "91d", "--for" },
		{ "shop", "canary", "soon", "--for" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_token_request request;
		struct error err = { "" };

		begin(state);
		if (rows[i].route != NULL)
			give(CLI_OPTION_ROUTE, rows[i].route);
		if (rows[i].arm != NULL)
			give(CLI_OPTION_ARM, rows[i].arm);
		if (rows[i].lasts != NULL)
			give(CLI_OPTION_FOR, rows[i].lasts);
		assert_false(cli_token_read(&args, NOW_S, &request, &err));
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("'%s' does not name %s", err.text, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    a_token_lasts_an_hour_unless_it_is_said_otherwise, begin),
		cmocka_unit_test_setup(arms_are_canary_legacy_and_any, begin),
		cmocka_unit_test_setup(what_is_missing_or_senseless_is_named, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

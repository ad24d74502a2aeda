/* What a command line asks for, and what is said of one that makes no sense. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_args.h"
#include "admin/cli_socket.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 16
};

/* A line's words, at single spaces; `line` is written into. */
static bool parse(char *line, struct cli_args *args, struct error *err)
{
	char *words[WORDS_MAX];
	char *rest = line;
	int n = 0;

	while (n < WORDS_MAX && (words[n] = strsep(&rest, " ")) != NULL)
		n++;
	*err = (struct error) { "" };
	return cli_args_parse(n, words, args, err);
}

static void assert_text(const char *text, const char *expected)
{
	if (expected == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
}

struct given {
	enum cli_option option;
	const char *value;
};

static size_t options_given(const struct cli_args *args)
{
	size_t n = 0;

	for (enum cli_option option = 0; option < CLI_OPTIONS; option++)
		n += args->values[option].n;
	return n;
}

static void each_command_takes_what_it_needs(void **state)
{
	static const struct {
		const char *line;
		enum cli_command command;
		const char *operand, *second;
		struct given given[4]; /* up to one without a value */
	} rows[] = {
		{ "weir run f.ini", CLI_RUN, "f.ini", NULL, { { 0 } } },
		{ "weir check f.ini", CLI_CHECK, "f.ini", NULL, { { 0 } } },
		{ "weir keys", CLI_KEYS, NULL, NULL, { { 0 } } },
		{ "weir status", CLI_STATUS, NULL, NULL, { { 0 } } },
		{ "weir status shop", CLI_STATUS, "shop", NULL, { { 0 } } },
		{ "weir status --json --socket s", CLI_STATUS, NULL, NULL,
		    { { CLI_OPTION_JSON, "" }, { CLI_OPTION_SOCKET, "s" } } },
		{ "weir status --config f.ini", CLI_STATUS, NULL, NULL,
		    { { CLI_OPTION_CONFIG, "f.ini" } } },
		{ "weir status --watch", CLI_STATUS, NULL, NULL, { { CLI_OPTION_WATCH, "" } } },
		{ "weir status --watch 0.5 shop", CLI_STATUS, "shop", NULL,
		    { { CLI_OPTION_WATCH, "0.5" } } },
		{ "weir status --watch=2s", CLI_STATUS, NULL, NULL,
		    { { CLI_OPTION_WATCH, "2s" } } },
		{ "weir status --watch shop", CLI_STATUS, "shop", NULL,
		    { { CLI_OPTION_WATCH, "" } } },
		{ "weir status --watch 2fast", CLI_STATUS, "2fast", NULL,
		    { { CLI_OPTION_WATCH, "" } } },
		{ "weir status --watch --json", CLI_STATUS, NULL, NULL,
		    { { CLI_OPTION_WATCH, "" }, { CLI_OPTION_JSON, "" } } },
		{ "weir promote shop", CLI_PROMOTE, "shop", NULL, { { 0 } } },
		{ "weir rollback shop --why slow --socket s", CLI_ROLLBACK, "shop", NULL,
		    { { CLI_OPTION_WHY, "slow" }, { CLI_OPTION_SOCKET, "s" } } },
		{ "weir rollback --why=a=b shop", CLI_ROLLBACK, "shop", NULL,
		    { { CLI_OPTION_WHY, "a=b" } } },
		{ "weir pause --socket=s shop --why -x", CLI_PAUSE, "shop", NULL,
		    { { CLI_OPTION_SOCKET, "s" }, { CLI_OPTION_WHY, "-x" } } },
		{ "weir resume -- -shop", CLI_RESUME, "-shop", NULL, { { 0 } } },
		{ "weir set-weight shop 10% --why more", CLI_SET_WEIGHT, "shop", "10%",
		    { { CLI_OPTION_WHY, "more" } } },
		{ "weir reload --socket s", CLI_RELOAD, NULL, NULL,
		    { { CLI_OPTION_SOCKET, "s" } } },
		{ "weir explain shop --ip 10.0.0.1 --weight 25% --json", CLI_EXPLAIN, "shop",
		    NULL,
		    { { CLI_OPTION_IP, "10.0.0.1" }, { CLI_OPTION_WEIGHT, "25%" },
			{ CLI_OPTION_JSON, "" } } },
		{ "weir explain shop --method GET --path /a", CLI_EXPLAIN, "shop", NULL,
		    { { CLI_OPTION_METHOD, "GET" }, { CLI_OPTION_PATH, "/a" } } },
		{ "weir journal --route shop --since -1h --verdict ROLL_BACK", CLI_JOURNAL,
		    NULL, NULL,
		    { { CLI_OPTION_ROUTE, "shop" }, { CLI_OPTION_SINCE, "-1h" },
			{ CLI_OPTION_VERDICT, "ROLL_BACK" } } },
		{ "weir journal --verify --state-dir d --until x", CLI_JOURNAL, NULL, NULL,
		    { { CLI_OPTION_VERIFY, "" }, { CLI_OPTION_STATE_DIR, "d" },
			{ CLI_OPTION_UNTIL, "x" } } },
		{ "weir journal --export judge --config f.ini", CLI_JOURNAL, NULL, NULL,
		    { { CLI_OPTION_EXPORT, "judge" }, { CLI_OPTION_CONFIG, "f.ini" } } },
		{ "weir judge -", CLI_JUDGE, "-", NULL, { { 0 } } },
		{ "weir judge f.tsv --set alpha=0.01,hold=60s", CLI_JUDGE, "f.tsv", NULL,
		    { { CLI_OPTION_SET, "alpha=0.01,hold=60s" } } },
		{ "weir drill shop --fail 5% --for 60s --live", CLI_DRILL, "shop", NULL,
		    { { CLI_OPTION_FAIL, "5%" }, { CLI_OPTION_FOR, "60s" },
			{ CLI_OPTION_LIVE, "" } } },
		{ "weir token --route shop --arm canary --synthetic", CLI_TOKEN, NULL, NULL,
		    { { CLI_OPTION_ROUTE, "shop" }, { CLI_OPTION_ARM, "canary" },
			{ CLI_OPTION_SYNTHETIC, "" } } },
		{ "weir version", CLI_VERSION, NULL, NULL, { { 0 } } },
		{ "weir --version", CLI_VERSION, NULL, NULL, { { 0 } } },
		{ "weir help", CLI_HELP, NULL, NULL, { { 0 } } },
		{ "weir --help", CLI_HELP, NULL, NULL, { { 0 } } },
		{ "weir -h", CLI_HELP, NULL, NULL, { { 0 } } },
		{ "weir help drill", CLI_HELP, "drill", NULL, { { 0 } } },
		{ "weir rollback --why x --help", CLI_HELP, "rollback", NULL, { { 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = strdup(rows[i].line);
		struct cli_args args;
		struct error err;
		size_t n = 0;

		assert_non_null(line);
		if (!parse(line, &args, &err))
			fail_msg("%s: %s", rows[i].line, err.text);
		assert_int_equal(args.command, rows[i].command);
		assert_text(args.operand, rows[i].operand);
		assert_text(args.second, rows[i].second);
		for (; n < 4 && rows[i].given[n].value != NULL; n++)
			assert_text(
			    cli_value(&args, rows[i].given[n].option), rows[i].given[n].value);
		if (options_given(&args) != n)
			fail_msg("%s: %zu options", rows[i].line, options_given(&args));
		free(line);
	}
}

static void an_option_that_may_be_repeated_keeps_its_order(void **state)
{
	char line[] = "weir explain shop --header a --cookie c=1 --header=b --header c";
	struct cli_args args;
	struct error err;

	(void)state;
	assert_true(parse(line, &args, &err));
	assert_int_equal(args.values[CLI_OPTION_HEADER].n, 3);
	assert_string_equal(args.values[CLI_OPTION_HEADER].items[0], "a");
	assert_string_equal(args.values[CLI_OPTION_HEADER].items[1], "b");
	assert_string_equal(args.values[CLI_OPTION_HEADER].items[2], "c");
	assert_int_equal(args.values[CLI_OPTION_COOKIE].n, 1);
	assert_null(cli_value(&args, CLI_OPTION_IP));
}

static void an_option_may_not_be_repeated_without_end(void **state)
{
	char weir[] = "weir", command[] = "judge", file[] = "-", option[] = "--set=a=1";
	char *words[CLI_VALUES_MAX + 4] = { weir, command, file };
	struct cli_args args;
	struct error err;

	(void)state;
	for (int i = 3; i < CLI_VALUES_MAX + 4; i++)
		words[i] = option;
	assert_true(cli_args_parse(CLI_VALUES_MAX + 3, words, &args, &err));
	assert_false(cli_args_parse(CLI_VALUES_MAX + 4, words, &args, &err));
	assert_non_null(strstr(err.text, "--set is given more than 16 times"));
}

static void a_line_that_makes_no_sense_is_refused_in_words(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "weir", "no command" },
		{ "weir stauts", "unknown command 'stauts'; did you mean 'status'?" },
		{ "weir rolback shop", "did you mean 'rollback'?" },
		{ "weir explode shop", "unknown command 'explode'" },
		{ "weir --json", "unknown command '--json'" },
		{ "weir run", "weir run needs a FILE" },
		{ "weir pause", "weir pause needs a ROUTE" },
		{ "weir rollback shop extra", "'extra' is one word too many" },
		{ "weir keys all", "'all' is one word too many" },
		{ "weir status a b", "'b' is one word too many" },
		{ "weir set-weight", "weir set-weight needs a ROUTE: weir set-weight ROUTE "
				     "WEIGHT" },
		{ "weir set-weight shop", "weir set-weight needs a WEIGHT" },
		{ "weir set-weight shop 1% 2%", "'2%' is one word too many" },
		{ "weir judge", "weir judge needs a FILE" },
		{ "weir journal shop", "'shop' is one word too many" },
		{ "weir journal --verfiy", "did you mean '--verify'?" },
		{ "weir journal --verify=1", "--verify takes no value" },
		{ "weir explain shop --header", "--header needs 'NAME: VALUE'" },
		{ "weir explain shop --ip=", "--ip needs ADDRESS" },
		{ "weir drill shop --fail 1% --fail 2%", "--fail is given twice" },
		{ "weir status --watch --watch", "--watch is given twice" },
		{ "weir help stauts", "did you mean 'status'?" },
		{ "weir status --sokcet s", "no option '--sokcet'; did you mean '--socket'?" },
		{ "weir status --why x", "weir status has no option '--why'" },
		{ "weir check f.ini --json", "weir check has no option '--json'" },
		{ "weir status --json=1", "--json takes no value" },
		{ "weir status --socket", "--socket needs PATH" },
		{ "weir status --socket=", "--socket needs PATH" },
		{ "weir status --socket a --socket b", "--socket is given twice" },
		{ "weir status --socket a --config b", "one of them, not both" },
		{ "weir status --an-option-longer-than-any-other-could-be", "no option" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = strdup(rows[i].line);
		struct cli_args args;
		struct error err;

		assert_non_null(line);
		if (parse(line, &args, &err))
			fail_msg("taken: %s", rows[i].line);
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].line, err.text);
		free(line);
	}
}

static void a_reason_longer_than_the_journal_keeps_is_refused(void **state)
{
	char why[700];
	char command[] = "rollback", route[] = "shop", option[] = "--why", weir[] = "weir";
	char *words[] = { weir, command, route, option, why };
	struct cli_args args;
	struct error err;

	(void)state;
	memset(why, 'x', sizeof(why));
	why[639] = '\0';
	assert_true(cli_args_parse(5, words, &args, &err));
	why[639] = 'x';
	why[640] = '\0';
	assert_false(cli_args_parse(5, words, &args, &err));
	assert_non_null(strstr(err.text, "639"));
}

/* free() it. */
static char *usage_of(const char *command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	cli_usage_print(command, out);
	fclose(out);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 80);
	return text;
}

static void the_usage_names_every_command(void **state)
{
	char *text = usage_of(NULL);

	(void)state;
	for (enum cli_command command = 0; command < CLI_COMMANDS; command++) {
		char line[64];

		snprintf(line, sizeof(line), "\n  weir %s ", cli_command_name(command));
		assert_non_null(strstr(text, line));
	}
	free(text);
}

static void a_commands_usage_names_its_own_options(void **state)
{
	char *text = usage_of("set-weight");

	(void)state;
	assert_non_null(strstr(text, "usage: weir set-weight ROUTE WEIGHT [OPTION...]\n"));
	assert_non_null(strstr(text, "\n  --why "));
	assert_null(strstr(text, "--json"));
	free(text);
	text = usage_of("token");
	assert_non_null(strstr(text, "canary, legacy, or any: the bucket's; required\n"));
	free(text);
	text = usage_of("keys");
	assert_non_null(strstr(text, "usage: weir keys\n"));
	free(text);
	for (enum cli_command command = 0; command < CLI_COMMANDS; command++)
		free(usage_of(cli_command_name(command)));
}

static void the_socket_is_found_in_a_file_whatever_else_is_wrong_with_it(void **state)
{
	static const struct {
		const char *text, *socket;
	} rows[] = {
		{ "[weir]\nadmin_socket = /tmp/a.sock\n", "/tmp/a.sock" },
		{ "[weir]\nadmin_socket = b/a.sock   ; a comment\n", "b/a.sock" },
		{ "nonsense\n[weir]\nworkerz = x\nadmin_socket = s\n[route shop]\nlegacy = "
		  "no\n",
		    "s" },
		{ "[upstream x]\nadmin_socket = other\n[weir]\nadmin_socket = s\n", "s" },
		{ "[upstream x]\nadmin_socket = other\n", "/run/weir/admin.sock" },
		{ "[weir]\n; admin_socket = s\n", "/run/weir/admin.sock" },
		{ "", "/run/weir/admin.sock" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *found = cli_socket_in(slice_of(rows[i].text));

		assert_text(found, rows[i].socket);
		free(found);
	}
}

static void the_socket_of_a_sample_is_the_one_it_names(void **state)
{
	struct error err = { "" };
	char *found = cli_socket_of("conf/quickstart.ini", &err);

	(void)state;
	assert_text(found, "conf/../build/quickstart/admin.sock");
	free(found);
	assert_null(cli_socket_of("conf/absent.ini", &err));
	assert_non_null(strstr(err.text, "conf/absent.ini"));
	assert_null(cli_socket_of("conf", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_takes_what_it_needs),
		cmocka_unit_test(an_option_that_may_be_repeated_keeps_its_order),
		cmocka_unit_test(an_option_may_not_be_repeated_without_end),
		cmocka_unit_test(a_line_that_makes_no_sense_is_refused_in_words),
		cmocka_unit_test(a_reason_longer_than_the_journal_keeps_is_refused),
		cmocka_unit_test(the_usage_names_every_command),
		cmocka_unit_test(a_commands_usage_names_its_own_options),
		cmocka_unit_test(the_socket_is_found_in_a_file_whatever_else_is_wrong_with_it),
		cmocka_unit_test(the_socket_of_a_sample_is_the_one_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

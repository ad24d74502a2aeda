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

static void each_command_takes_what_it_needs(void **state)
{
	static const struct {
		const char *line;
		struct cli_args args;
	} rows[] = {
		{ "weir run f.ini", { .command = CLI_RUN, .operand = "f.ini" } },
		{ "weir check f.ini", { .command = CLI_CHECK, .operand = "f.ini" } },
		{ "weir keys", { .command = CLI_KEYS } },
		{ "weir status", { .command = CLI_STATUS } },
		{ "weir status --json --socket s",
		    { .command = CLI_STATUS, .json = true, .socket = "s" } },
		{ "weir status --config f.ini", { .command = CLI_STATUS, .config = "f.ini" } },
		{ "weir promote shop", { .command = CLI_PROMOTE, .operand = "shop" } },
		{ "weir rollback shop --why slow --socket s", { .command = CLI_ROLLBACK,
								  .operand = "shop",
								  .why = "slow",
								  .socket = "s" } },
		{ "weir rollback --why=a=b shop",
		    { .command = CLI_ROLLBACK, .operand = "shop", .why = "a=b" } },
		{ "weir pause --socket=s shop --why -x",
		    { .command = CLI_PAUSE, .operand = "shop", .why = "-x", .socket = "s" } },
		{ "weir resume -- -shop", { .command = CLI_RESUME, .operand = "-shop" } },
		{ "weir reload --socket s", { .command = CLI_RELOAD, .socket = "s" } },
		{ "weir version", { .command = CLI_VERSION } },
		{ "weir --version", { .command = CLI_VERSION } },
		{ "weir help", { .command = CLI_HELP } },
		{ "weir --help", { .command = CLI_HELP } },
		{ "weir -h", { .command = CLI_HELP } },
		{ "weir rollback --help", { .command = CLI_HELP } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = strdup(rows[i].line);
		struct cli_args args;
		struct error err;

		assert_non_null(line);
		if (!parse(line, &args, &err))
			fail_msg("%s: %s", rows[i].line, err.text);
		assert_int_equal(args.command, rows[i].args.command);
		assert_text(args.operand, rows[i].args.operand);
		assert_text(args.socket, rows[i].args.socket);
		assert_text(args.config, rows[i].args.config);
		assert_text(args.why, rows[i].args.why);
		assert_int_equal(args.json, rows[i].args.json);
		free(line);
	}
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
		{ "weir status --sokcet s", "no option '--sokcet'; did you mean '--socket'?" },
		{ "weir status --why x", "weir status has no option '--why'" },
		{ "weir check f.ini --json", "weir check has no option '--json'" },
		{ "weir status --json=1", "--json takes no value" },
		{ "weir status --socket", "--socket needs a PATH" },
		{ "weir status --socket=", "--socket needs a PATH" },
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

static void the_usage_names_every_command(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	cli_usage_print(out);
	fclose(out);
	for (enum cli_command command = 0; command < CLI_COMMANDS; command++) {
		char line[64];

		snprintf(line, sizeof(line), "\n  weir %s ", cli_command_name(command));
		assert_non_null(strstr(text, line));
	}
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 80);
	free(text);
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
	assert_text(found, "build/quickstart/admin.sock");
	free(found);
	assert_null(cli_socket_of("conf/absent.ini", &err));
	assert_non_null(strstr(err.text, "conf/absent.ini"));
	assert_null(cli_socket_of("conf", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_takes_what_it_needs),
		cmocka_unit_test(a_line_that_makes_no_sense_is_refused_in_words),
		cmocka_unit_test(a_reason_longer_than_the_journal_keeps_is_refused),
		cmocka_unit_test(the_usage_names_every_command),
		cmocka_unit_test(the_socket_is_found_in_a_file_whatever_else_is_wrong_with_it),
		cmocka_unit_test(the_socket_of_a_sample_is_the_one_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* conf/secret_files: keys that weir could not start with are told when the file is read. */
#include "base/secret.h"
#include "conf/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory with a configuration that names a key of its own in each place. */
struct place {
	char directory[32];
	char conf[64], token_key[64], webhook_key[64];
	struct conf_problems problems;
};

static void write_key(const char *path, size_t len, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		fputc('k', file);
	fputc('\n', file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	FILE *file;

	assert_non_null(place);
	snprintf(place->directory, sizeof(place->directory), "/tmp/weir-keys-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->conf, sizeof(place->conf), "%s/c", place->directory);
	snprintf(place->token_key, sizeof(place->token_key), "%s/t", place->directory);
	snprintf(place->webhook_key, sizeof(place->webhook_key), "%s/w", place->directory);
	write_key(place->token_key, SECRET_MIN_BYTES, 0600);
	write_key(place->webhook_key, 1, 0600);
	file = fopen(place->conf, "w");
	assert_non_null(file);
	fprintf(file,
	    "[weir]\ntoken_key_file = %s\n[listen web]\naddress = 127.0.0.1:80\n"
	    "[route r]\nrespond = 200\n[rollout p]\nstages = 100%%\nnotify = h\n"
	    "[webhook h]\nurl = http://h\nsecret_file = %s\n",
	    place->token_key, place->webhook_key);
	fclose(file);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	conf_problems_done(&place->problems);
	unlink(place->conf);
	unlink(place->token_key);
	unlink(place->webhook_key);
	rmdir(place->directory);
	free(place);
	return 0;
}

static bool takes(struct place *place, enum conf_purpose purpose)
{
	struct config *config;
	bool taken;

	conf_problems_done(&place->problems);
	config = config_load(place->conf, purpose, &place->problems);
	taken = config != NULL;
	config_free(config);
	return taken;
}

static void assert_line(const char *text, const struct place *place, const char *after)
{
	size_t len = strlen(place->conf);

	assert_memory_equal(text, place->conf, len);
	if (strncmp(text + len, after, strlen(after)) != 0)
		fail_msg("%s", text);
}

/* The only problem, whatever the file is read for, begins so after the file's name. */
static void assert_refused(struct place *place, const char *begins, const char *holds)
{
	for (enum conf_purpose purpose = CONF_TO_RUN; purpose <= CONF_TO_CHECK; purpose++) {
		assert_false(takes(place, purpose));
		assert_int_equal(place->problems.n, 1);
		assert_line(place->problems.lines[0], place, begins);
		assert_non_null(strstr(place->problems.lines[0], holds));
		assert_int_equal(place->problems.n_warnings, 0);
	}
}

static void keys_that_can_be_used_are_not_talked_about(void **state)
{
	struct place *place = *state;

	assert_true(takes(place, CONF_TO_RUN));
	assert_int_equal(place->problems.n_warnings, 0);
	assert_true(takes(place, CONF_TO_CHECK));
	assert_int_equal(place->problems.n_warnings, 0);
}

static void a_tokens_key_that_is_too_short_or_not_private_is_a_problem(void **state)
{
	struct place *place = *state;

	write_key(place->token_key, SECRET_MIN_BYTES - 1, 0600);
	assert_refused(place, ":2: token_key_file: ", "31 bytes; at least 32");
	write_key(place->token_key, SECRET_MIN_BYTES, 0640);
	assert_refused(place, ":2: token_key_file: ", "chmod 600");
}

static void a_webhooks_key_that_is_empty_or_too_long_is_a_problem(void **state)
{
	struct place *place = *state;

	write_key(place->webhook_key, 0, 0600);
	assert_refused(place, ":12: secret_file: ", "is empty");
	write_key(place->webhook_key, WEBHOOK_SECRET_MAX_BYTES, 0600);
	assert_refused(place, ":12: secret_file: ", "longer than 4096 bytes");
	unlink(place->webhook_key);
	assert_int_equal(mkdir(place->webhook_key, 0700), 0);
	assert_refused(place, ":12: secret_file: ", "not a regular file");
	rmdir(place->webhook_key);
}

static void a_webhooks_key_that_others_may_read_is_warned_of(void **state)
{
	struct place *place = *state;

	write_key(place->webhook_key, 20, 0604);
	assert_true(takes(place, CONF_TO_RUN));
	assert_int_equal(place->problems.n_warnings, 1);
	assert_line(place->problems.warnings[0], place, ":12: warning: secret_file: ");
	assert_non_null(strstr(place->problems.warnings[0], "(mode 0604): chmod 600 it"));
}

static void a_key_that_is_not_there_is_a_problem_to_run_and_a_warning_to_check(void **state)
{
	struct place *place = *state;

	unlink(place->token_key);
	unlink(place->webhook_key);
	assert_false(takes(place, CONF_TO_RUN));
	assert_int_equal(place->problems.n, 2);
	assert_line(place->problems.lines[0], place, ":2: token_key_file: ");
	assert_line(place->problems.lines[1], place, ":12: secret_file: ");
	assert_non_null(strstr(place->problems.lines[1], "No such file"));

	assert_true(takes(place, CONF_TO_CHECK));
	assert_int_equal(place->problems.n_warnings, 2);
	assert_line(place->problems.warnings[0], place, ":2: warning: token_key_file: ");
	assert_line(place->problems.warnings[1], place, ":12: warning: secret_file: ");
	assert_non_null(strstr(place->problems.warnings[1], "cannot be read here (No such"));
}

static void a_pipe_in_place_of_a_key_holds_nobody_up(void **state)
{
	struct place *place = *state;

	unlink(place->token_key);
	assert_int_equal(mkfifo(place->token_key, 0600), 0);
	assert_refused(place, ":2: token_key_file: ", "regular file");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(keys_that_can_be_used_are_not_talked_about),
		TEST(a_tokens_key_that_is_too_short_or_not_private_is_a_problem),
		TEST(a_webhooks_key_that_is_empty_or_too_long_is_a_problem),
		TEST(a_webhooks_key_that_others_may_read_is_warned_of),
		TEST(a_key_that_is_not_there_is_a_problem_to_run_and_a_warning_to_check),
		TEST(a_pipe_in_place_of_a_key_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A gate's questions: what gives leave, what refuses it, and what is no answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/webhook_bench.h"

static void leave_is_given_only_in_so_many_words(void **state)
{
	static const struct {
		struct reply reply;
		bool allowed;
		bool answered;
		const char *words;
	} rows[] = {
		{ { 200, NULL, NULL }, true, true, "" },
		{ { 204, NULL, NULL }, true, true, "" },
		{ { 200, "ok\n", NULL }, true, true, "" },
		{ { 200, "{}", NULL }, true, true, "" },
		{ { 200, "{\"allow\": true, \"why\": \"fine\"}", NULL }, true, true, "fine" },
		{ { 200, "{\"allow\": false, \"why\": \"freeze\\nuntil Monday\"}", NULL },
		    false, true, "freeze until Monday" },
		{ { 200, "{\"allow\": false}", NULL }, false, true, "" },
		{ { 403, "{\"why\": \"not you\"}", NULL }, false, true, "not you" },
		{ { 409, "<html>busy</html>", NULL }, false, true, "" },
		{ { 200, "{\"allow\": fals", NULL }, false, false,
		    "no answer: its answer is neither empty, nor \"ok\", nor a JSON object" },
		{ { 200, "<html>please log in</html>", NULL }, false, false,
		    "no answer: its answer is neither empty, nor \"ok\", nor a JSON object" },
		{ { 200, "false", NULL }, false, false,
		    "no answer: its answer is neither empty, nor \"ok\", nor a JSON object" },
		{ { 200, "{\"allow\": true, \"allow\": false}", NULL }, false, false,
		    "no answer: its answer is neither empty, nor \"ok\", nor a JSON object" },
		{ { 200, "{\"allow\": \"no\"}", NULL }, false, false,
		    "no answer: \"allow\" in its answer is neither true nor false" },
		{ { 404, NULL, NULL }, false, false, "no answer: HTTP status 404" },
		{ { 302, NULL, NULL }, false, false,
		    "no answer: HTTP status 302 (redirects are not followed)" },
		{ { 500, "{\"allow\": true}", NULL }, false, false,
		    "no answer: HTTP status 500" },
	};
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	serve(bench);
	open_hooks(bench, &options);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < REPLIES_MAX; k++)
			bench->replies[k] = rows[i].reply;
		assert_true(ask(bench, i, NULL));
		until_answered(bench, i + 1);
		if (bench->allowed != rows[i].allowed || bench->answered != rows[i].answered ||
		    bench->ask != i || strcmp(bench->words, rows[i].words) != 0)
			fail_msg("row %u: allowed=%d answered=%d %s", i, bench->allowed,
			    bench->answered, bench->words);
		assert_string_equal(bench->got[i].event, "gate");
	}
	assert_int_equal(stats(bench).questions, 0);
}

static void an_answer_counts_only_when_it_is_whole(void **state)
{
	static const struct {
		const char *answer;
		bool allowed;
		const char *words;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, "" },
		{ "HTTP/1.1 200 OK\r\n\r\nok", true, "" },
		{ "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 403 No\r\n\r\n", false, "" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "2\r\nok\r\n0\r\n\r\n",
		    true, "" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false,
		    "no answer: the connection was closed before the answer was whole" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", false,
		    "no answer: the connection was closed before the answer was whole" },
		{ "HTTP/1.1 200 OK\r\n", false,
		    "no answer: the connection was closed before the answer was there" },
		{ "", false,
		    "no answer: the connection was closed before the answer was there" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", false,
		    "no answer: the answer is not proper HTTP" },
	};
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	serve_raw(bench);
	open_hooks(bench, &options);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench->raw_answer = rows[i].answer;
		assert_true(ask(bench, i, NULL));
		until_answered(bench, i + 1);
		if (bench->allowed != rows[i].allowed ||
		    strncmp(bench->words, rows[i].words, strlen(rows[i].words)) != 0)
			fail_msg("row %u: allowed=%d %s", i, bench->allowed, bench->words);
	}
}

static void a_question_is_tried_again_and_then_has_no_answer(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->conf.attempts = 3;
	open_hooks(bench, &options);
	assert_true(ask(bench, 1, NULL));
	assert_true(ask(bench, 1, NULL)); /* is being asked already */
	assert_int_equal(stats(bench).questions, 1);
	assert_int_equal(bench->n_answers, 0);
	until_answered(bench, 1);
	assert_false(bench->allowed);
	assert_string_equal(bench->words, "no answer: Connection refused");

	bench->replies[0].status = 503;
	bench->replies[1].status = 200;
	serve(bench);
	assert_true(ask(bench, 2, NULL));
	until_answered(bench, 2);
	assert_true(bench->allowed);
	assert_int_equal(bench->n_got, 2);
}

static void a_question_does_not_wait_for_notices(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->replies[0].status = HANG;
	bench->replies[1].status = 200;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_got(bench, 1);
	assert_true(ask(bench, 1, NULL));
	until_answered(bench, 1);
	assert_true(bench->allowed);
	assert_int_equal(stats(bench).pending, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(leave_is_given_only_in_so_many_words),
		T(an_answer_counts_only_when_it_is_whole),
		T(a_question_is_tried_again_and_then_has_no_answer),
		T(a_question_does_not_wait_for_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

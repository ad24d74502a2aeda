/* Webhooks against a server of the test's own: delivery, retries, reloads, the end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/webhook_bench.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char key[] = "Jefe";

static void a_notice_is_posted_as_documented(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	char text[512], host[64];

	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	assert_int_equal(stats(bench).pending, 1);
	until_delivered(bench, 1);
	assert_int_equal(stats(bench).pending, 0);
	assert_int_equal(bench->n_got, 1);
	snprintf(host, sizeof(host), "127.0.0.1:%u", bench->port);
	assert_string_equal(bench->got[0].host, host);
	assert_string_equal(bench->got[0].target, "/hooks/weir?to=shop");
	assert_string_equal(bench->got[0].type, "application/json");
	assert_string_equal(bench->got[0].agent, "weir/" WEIR_VERSION);
	assert_string_equal(bench->got[0].event, "pause");
	assert_string_equal(member(&bench->got[0], "id", text), bench->got[0].id);
	assert_string_equal(member(&bench->got[0], "why", text), "lunch");
}

static void the_signature_is_the_hmac_of_the_body(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	unsigned char digest[EVP_MAX_MD_SIZE];
	char expected[80] = "sha256=";
	unsigned len = 0;

	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_delivered(bench, 1);
	HMAC(EVP_sha256(), key, sizeof(key) - 1, (const unsigned char *)bench->got[0].body,
	    strlen(bench->got[0].body), digest, &len);
	for (unsigned i = 0; i < len; i++)
		snprintf(expected + 7 + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(bench->got[0].signature, expected);
}

static void without_a_secret_there_is_no_signature(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->conf.secret_file = NULL;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_delivered(bench, 1);
	assert_string_equal(bench->got[0].signature, "");
}

static void what_may_pass_is_tried_again_with_the_same_id(void **state)
{
	static const int statuses[] = { 500, 408, 429, 503 };
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	for (size_t i = 0; i < 4; i++)
		bench->replies[i].status = statuses[i];
	bench->replies[4].status = 204;
	bench->conf.attempts = 5;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_delivered(bench, 1);
	assert_int_equal(bench->n_got, 5);
	for (size_t i = 1; i < 5; i++) {
		assert_string_equal(bench->got[i].id, bench->got[0].id);
		assert_string_equal(bench->got[i].body, bench->got[0].body);
	}
}

static void the_attempts_are_counted(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->replies[0].status = 500;
	bench->conf.attempts = 3;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_given_up(bench, 1);
	assert_int_equal(bench->n_got, 3);
	assert_int_equal(stats(bench).pending, 0);
}

static void what_will_not_pass_is_given_up_at_once(void **state)
{
	static const int statuses[] = { 400, 401, 404, 410, 302, 308 };
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->conf.attempts = 5;
	for (size_t i = 0; i < 6; i++)
		bench->replies[i].status = statuses[i];
	serve(bench);
	open_hooks(bench, &options);
	for (size_t i = 0; i < 6; i++)
		tell(bench, "lunch");
	until_given_up(bench, 6);
	assert_int_equal(bench->n_got, 6);
	assert_int_equal(stats(bench).delivered, 0);
}

static void a_receiver_that_comes_up_late_gets_its_notice(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->conf.attempts = UINT32_MAX;
	open_hooks(bench, &options);
	tell(bench, "lunch");
	for (int i = 0; i < 50; i++)
		turn(bench); /* some attempts: nobody listens yet */
	assert_int_equal(stats(bench).pending, 1);
	serve(bench);
	until_delivered(bench, 1);
	assert_int_equal(bench->n_got, 1);
}

static void a_receiver_that_never_answers_is_left(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->replies[0].status = HANG;
	bench->replies[1].status = 200;
	bench->conf.timeout_ms = 20;
	bench->conf.attempts = UINT32_MAX;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_got(bench, 1);
	bench->conf.timeout_ms = LONG_MS;
	take_over(bench, 1);
	until_delivered(bench, 1);
	assert_int_equal(bench->n_got, 2);
}

static void retry_after_is_heeded(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->replies[0] = (struct reply) { .status = 503, .retry_after = "3600" };
	bench->replies[1].status = 200;
	bench->conf.attempts = 3;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_got(bench, 1);
	let_happen(bench);
	assert_int_equal(bench->n_got, 1);
	assert_int_equal(stats(bench).pending, 1);
	options.retry_after_max_ms = 0;
	webhooks_free(bench->hooks);
	bench->n_got = 0;
	free_got(&bench->got[0]);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_delivered(bench, 1);
	assert_int_equal(bench->n_got, 2);
}

static void a_large_answer_to_a_notice_does_not_matter(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	char *large = malloc(300001);

	memset(large, 'x', 300000);
	large[300000] = '\0';
	bench->replies[0] = (struct reply) { .status = 200, .body = large };
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_delivered(bench, 1);
	assert_true(ask(bench, 1, NULL));
	until_answered(bench, 1);
	assert_false(bench->allowed);
	assert_non_null(strstr(bench->words, "no answer: the answer is larger than 64 KiB"));
	let_happen(bench);
	free(large);
}

static void notices_keep_their_order(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	char text[512], why[16];

	bench->replies[0].status = 500;
	bench->replies[1].status = 200;
	bench->conf.attempts = 2;
	serve(bench);
	open_hooks(bench, &options);
	for (int i = 0; i < 5; i++) {
		snprintf(why, sizeof(why), "%d", i);
		tell(bench, why);
	}
	until_delivered(bench, 5);
	assert_int_equal(bench->n_got, 6);
	for (int i = 0; i < 5; i++) {
		snprintf(why, sizeof(why), "%d", i);
		assert_string_equal(member(&bench->got[i + 1], "why", text), why);
	}
}

static void a_full_queue_loses_its_oldest_and_counts_them(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	char text[512], why[16];

	options.queue_max = 3;
	serve(bench);
	open_hooks(bench, &options);
	for (int i = 0; i < 6; i++) {
		snprintf(why, sizeof(why), "%d", i);
		tell(bench, why);
	}
	assert_int_equal(stats(bench).pending, 3);
	assert_int_equal(stats(bench).dropped, 3);
	until_delivered(bench, 3);
	assert_string_equal(member(&bench->got[0], "why", text), "0"); /* was on its way */
	assert_string_equal(member(&bench->got[1], "why", text), "4");
	assert_string_equal(member(&bench->got[2], "why", text), "5");
}

static void a_reload_keeps_the_queue_and_goes_by_the_new_settings(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = webhooks_default_options;

	options.pause_ms = LONG_MS;
	bench->conf.attempts = 3;
	bench->replies[0].status = 500;
	bench->replies[1].status = 200;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	until_got(bench, 1);
	let_happen(bench);
	assert_int_equal(stats(bench).pending, 1);
	snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%u/new", bench->port);
	take_over(bench, 1);
	until_delivered(bench, 1);
	assert_string_equal(bench->got[1].target, "/new");
	assert_string_equal(bench->got[1].id, bench->got[0].id);
	assert_string_equal(webhooks_stats(bench->hooks, 0).name, "chat");
	assert_int_equal(webhooks_stats(bench->hooks, 0).delivered, 1);
}

static void a_webhook_that_is_gone_takes_its_queue_along(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	struct error err;

	bench->replies[0].status = HANG;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "1");
	tell(bench, "2");
	assert_true(ask(bench, 7, NULL));
	until_got(bench, 2);
	take_over(bench, 0);
	assert_int_equal(webhooks_n(bench->hooks), 0);
	assert_int_equal(stats(bench).pending, 0);
	assert_int_equal(stats(bench).dropped, 2);
	assert_int_equal(bench->n_answers, 0);
	until_answered(bench, 1);
	assert_int_equal(bench->ask, 7);
	assert_false(bench->allowed);
	assert_false(bench->answered);
	assert_string_equal(bench->words, "no answer: it is not configured any more");
	tell(bench, "3");
	assert_int_equal(stats(bench).pending, 0);
	assert_false(ask(bench, 8, &err));
	assert_string_equal(err.text, "there is no webhook 'chat'");
}

static void on_end(void *arg)
{
	struct bench *bench = arg;

	bench->n_ends++;
}

static void at_the_end_the_queue_is_sent_without_pauses(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = webhooks_default_options;

	options.pause_ms = LONG_MS;
	bench->conf.attempts = 5;
	bench->replies[0].status = 500;
	bench->replies[1].status = 500;
	bench->replies[2].status = 200;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "1");
	tell(bench, "2");
	until_got(bench, 1);
	let_happen(bench);
	assert_int_equal(bench->n_got, 1);
	webhooks_stop(bench->hooks, LONG_MS, on_end, bench);
	webhooks_stop(bench->hooks, LONG_MS, on_end, bench);
	assert_int_equal(bench->n_ends, 0);
	while (bench->n_ends == 0)
		turn(bench);
	let_happen(bench);
	assert_int_equal(bench->n_ends, 1);
	assert_int_equal(stats(bench).failed, 1);
	assert_int_equal(stats(bench).delivered, 1);
}

static void the_end_does_not_wait_for_a_receiver_that_hangs(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	bench->replies[0].status = HANG;
	serve(bench);
	open_hooks(bench, &options);
	tell(bench, "lunch");
	assert_true(ask(bench, 1, NULL));
	webhooks_stop(bench->hooks, 10, on_end, bench);
	while (bench->n_ends == 0)
		turn(bench);
	assert_int_equal(stats(bench).pending, 1);
	assert_int_equal(bench->n_answers, 0);
}

static void without_a_queue_the_end_is_at_once(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();

	open_hooks(bench, &options);
	webhooks_stop(bench->hooks, LONG_MS, on_end, bench);
	assert_int_equal(bench->n_ends, 0);
	let_happen(bench);
	assert_int_equal(bench->n_ends, 1);
}

static void the_pauses_grow_within_their_bounds(void **state)
{
	struct webhooks_options options = webhooks_default_options;

	(void)state;
	assert_int_equal(webhook_pause_ms(&options, 1, 0, 0), 750);
	assert_int_equal(webhook_pause_ms(&options, 1, 0, UINT32_MAX), 1250);
	assert_int_equal(webhook_pause_ms(&options, 2, 0, 0), 1500);
	assert_int_equal(webhook_pause_ms(&options, 4, 0, 0), 6000);
	assert_int_equal(webhook_pause_ms(&options, 30, 0, 0), 225000);
	assert_int_equal(webhook_pause_ms(&options, UINT32_MAX, 0, UINT32_MAX), 375000);
	assert_int_equal(webhook_pause_ms(&options, 1, 30000, 0), 30000);
	assert_int_equal(webhook_pause_ms(&options, 4, 10, 0), 6000);
	assert_int_equal(webhook_pause_ms(&options, 1, UINT64_MAX, 0), 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_notice_is_posted_as_documented),
		T(the_signature_is_the_hmac_of_the_body),
		T(without_a_secret_there_is_no_signature),
		T(what_may_pass_is_tried_again_with_the_same_id),
		T(the_attempts_are_counted),
		T(what_will_not_pass_is_given_up_at_once),
		T(a_receiver_that_comes_up_late_gets_its_notice),
		T(a_receiver_that_never_answers_is_left),
		T(retry_after_is_heeded),
		T(a_large_answer_to_a_notice_does_not_matter),
		T(notices_keep_their_order),
		T(a_full_queue_loses_its_oldest_and_counts_them),
		T(a_reload_keeps_the_queue_and_goes_by_the_new_settings),
		T(a_webhook_that_is_gone_takes_its_queue_along),
		T(at_the_end_the_queue_is_sent_without_pauses),
		T(the_end_does_not_wait_for_a_receiver_that_hangs),
		T(without_a_queue_the_end_is_at_once),
		T(the_pauses_grow_within_their_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

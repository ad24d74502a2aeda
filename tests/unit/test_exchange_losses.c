#include "conf/budget.h"
#include "proxy/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct exchange ex;
static struct message request;
static struct message response;
static struct status_set failures; /* 500..599 */

static const struct connection_options says_nothing;

static int begin(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	memset(&response, 0, sizeof(response));
	assert_true(status_set_parse(SLICE("500-599"), &failures, NULL));
	request.minor = response.minor = 1;
	request.method_id = METHOD_GET;
	response.status = 200;
	response.body = BODY_LENGTH;
	exchange_init(&ex, 1000);
	return 0;
}

/* A request whose body has yet to come. */
static void begin_request(void)
{
	exchange_request_head(&ex, &request, &says_nothing);
}

static void whole_request(void)
{
	begin_request();
	exchange_request_end(&ex);
}

static void begin_response(void)
{
	exchange_response_head(&ex, &response, &says_nothing, &failures);
}

/* What is known of a lost connection, as the bits of n. */
static struct loss_facts facts_of(unsigned n)
{
	return (struct loss_facts) {
		.reused = n & 1,
		.response_begun = n & 2,
		.delivered = n & 4,
		.replayable = n & 8,
		.others = n & 16,
		.waited_us = 2000000,
	};
}

/* RFC 9110 9.2.2, RFC 9112 9.3.1, said once more and in other words. */
static bool is_safe_to_repeat(enum method_id method, enum server_loss loss, unsigned attempts,
    const struct loss_facts *facts)
{
	bool harmless = method == METHOD_GET || method == METHOD_HEAD ||
			method == METHOD_OPTIONS || method == METHOD_TRACE ||
			method == METHOD_PUT || method == METHOD_DELETE;

	if (attempts >= 3)
		return false;
	if (loss == LOSS_CONNECT || (loss == LOSS_CONNECT_TIMEOUT && facts->others))
		return true; /* no byte of it has left */
	if (loss != LOSS_CLOSED)
		return false; /* the server has it, or did not talk HTTP */
	if (!facts->reused)
		return false; /* a fresh connection that closes is no idle one that aged */
	if (facts->response_begun || !facts->replayable)
		return false;
	return harmless || !facts->delivered;
}

static const enum method_id every_method[] = { METHOD_OTHER, METHOD_CONNECT, METHOD_DELETE,
	METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_POST, METHOD_PUT, METHOD_TRACE };

static void a_request_is_repeated_only_where_that_is_safe(void **state)
{
	unsigned n_repeated = 0, n_rows = 0;

	for (size_t m = 0; m < sizeof(every_method) / sizeof(every_method[0]); m++) {
		for (unsigned n = 0; n < 5 * 4 * 32; n++) {
			enum server_loss loss = n % 5;
			unsigned attempts = 1 + n / 5 % 4;
			struct loss_facts facts = facts_of(n / 20);
			bool safe = is_safe_to_repeat(every_method[m], loss, attempts, &facts);

			begin(state);
			request.method_id = every_method[m];
			whole_request();
			ex.attempts = attempts;
			assert_int_equal(exchange_server_lost(&ex, loss, &facts),
			    safe ? STEP_RETRY : STEP_ANSWER);
			assert_int_equal(
			    exchange_outcome(&ex, 1)->failure == FAILURE_NONE, safe);
			assert_int_equal(ex.response, RESPONSE_WAITING);
			n_repeated += safe;
			n_rows++;
		}
	}
	assert_int_equal(n_rows, 5760);
	assert_in_range(n_repeated, 850, 1000);
}

static void a_post_is_not_repeated_once_it_may_have_arrived(void **state)
{
	struct loss_facts facts = { .reused = true, .delivered = true, .replayable = true };

	(void)state;
	request.method_id = METHOD_POST;
	whole_request();
	ex.attempts = 1;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_ANSWER);
	assert_int_equal(ex.answer_status, 502);
}

static void a_stale_connection_is_replaced_by_a_fresh_one(void **state)
{
	struct loss_facts stale = { .reused = true, .delivered = true, .replayable = true };
	struct loss_facts fresh = { .delivered = true, .replayable = true };

	(void)state;
	whole_request();
	ex.attempts = 1;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &stale), STEP_RETRY);
	ex.attempts = 2;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &fresh), STEP_ANSWER);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_RESET);
}

static void a_server_that_takes_no_connection_is_waited_for_once(void **state)
{
	struct loss_facts facts = { .others = true, .waited_us = 2000000 };

	(void)state;
	request.method_id = METHOD_POST; /* nothing of it was sent */
	whole_request();
	ex.attempts = 1;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CONNECT_TIMEOUT, &facts), STEP_RETRY);
	ex.attempts = 2;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CONNECT_TIMEOUT, &facts), STEP_ANSWER);
	assert_int_equal(ex.answer_status, 504);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_CONNECT);
}

static void a_wait_for_a_server_that_took_no_connection_is_the_arm_s_latency(void **state)
{
	struct loss_facts facts = { .others = true, .waited_us = 2000000 };

	(void)state;
	whole_request();
	ex.attempts = 1;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CONNECT_TIMEOUT, &facts), STEP_RETRY);
	exchange_forwarded(&ex, 2003000);
	exchange_first_byte(&ex, 2008000);
	begin_response();
	exchange_response_end(&ex);
	assert_int_equal(exchange_outcome(&ex, 2009000)->failure, FAILURE_NONE);
	assert_int_equal(exchange_outcome(&ex, 2009000)->first_byte_us, 2005000);
}

static void a_repeated_request_that_succeeds_is_no_failure(void **state)
{
	struct loss_facts facts = { .reused = true, .replayable = true };

	(void)state;
	whole_request();
	ex.attempts = 1;
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_RETRY);
	begin_response();
	exchange_response_end(&ex);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
	assert_int_equal(exchange_outcome(&ex, 1)->status, 200);
}

static void each_loss_before_the_answer_has_its_status_and_kind(void **state)
{
	static const struct {
		enum server_loss loss;
		uint16_t status;
		enum failure_kind failure;
	} rows[] = {
		{ LOSS_CONNECT, 502, FAILURE_CONNECT },
		{ LOSS_CONNECT_TIMEOUT, 504, FAILURE_CONNECT },
		{ LOSS_CLOSED, 502, FAILURE_RESET },
		{ LOSS_TIMEOUT, 504, FAILURE_TIMEOUT },
		{ LOSS_MALFORMED, 502, FAILURE_MALFORMED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loss_facts facts = { .delivered = true };

		begin(state);
		whole_request();
		ex.attempts = EXCHANGE_ATTEMPTS_MAX;
		assert_int_equal(exchange_server_lost(&ex, rows[i].loss, &facts), STEP_ANSWER);
		assert_int_equal(ex.answer_status, rows[i].status);
		assert_true(strlen(ex.answer_reason) > 10);
		assert_int_equal(exchange_outcome(&ex, 1)->failure, rows[i].failure);
		/* The answer to the client changes nothing about the arm's failure. */
		exchange_answer_locally(&ex, ex.answer_status);
		assert_true(ex.client_persists);
		assert_int_equal(exchange_outcome(&ex, 1)->failure, rows[i].failure);
		assert_false(exchange_outcome(&ex, 1)->client_gone);
	}
}

static void each_loss_inside_the_answer_cuts_it_off(void **state)
{
	static const struct {
		enum server_loss loss;
		enum failure_kind failure;
	} rows[] = {
		{ LOSS_CLOSED, FAILURE_TRUNCATED },
		{ LOSS_TIMEOUT, FAILURE_TIMEOUT },
		{ LOSS_MALFORMED, FAILURE_MALFORMED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loss_facts facts = { .reused = true, .replayable = true };

		begin(state);
		whole_request();
		begin_response();
		assert_int_equal(exchange_server_lost(&ex, rows[i].loss, &facts), STEP_ABORT);
		assert_int_equal(ex.response, RESPONSE_BROKEN);
		assert_false(ex.client_persists);
		assert_true(exchange_is_over(&ex, true));
		assert_int_equal(exchange_outcome(&ex, 1)->failure, rows[i].failure);
		assert_int_equal(exchange_outcome(&ex, 1)->status, 200);
	}
}

static void a_loss_behind_the_answer_is_none(void **state)
{
	struct loss_facts facts = { .delivered = true };

	(void)state;
	request.body = BODY_LENGTH;
	begin_request();
	begin_response();
	exchange_response_end(&ex);
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_FINISH);
	assert_int_equal(ex.response, RESPONSE_DONE);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
}

static void a_second_loss_changes_nothing(void **state)
{
	struct loss_facts facts = { 0 };

	(void)state;
	whole_request();
	begin_response();
	assert_int_equal(exchange_server_lost(&ex, LOSS_TIMEOUT, &facts), STEP_ABORT);
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_FINISH);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_TIMEOUT);
}

static void a_status_in_the_route_s_set_is_a_failure(void **state)
{
	static const uint16_t statuses[] = { 200, 304, 404, 499, 500, 503, 511 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		begin(state);
		whole_request();
		response.status = statuses[i];
		begin_response();
		exchange_response_end(&ex);
		assert_int_equal(exchange_outcome(&ex, 1)->status, statuses[i]);
		assert_int_equal(exchange_outcome(&ex, 1)->failure,
		    statuses[i] >= 500 ? FAILURE_STATUS : FAILURE_NONE);
	}
}

static void a_client_that_leaves_is_no_failure_of_the_arm(void **state)
{
	(void)state;
	exchange_client_lost(&ex);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
	begin(state);
	whole_request();
	exchange_client_lost(&ex);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
	begin(state);
	whole_request();
	begin_response();
	exchange_client_lost(&ex);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
	assert_false(ex.client_persists);
}

static void a_client_that_leaves_with_its_answer_was_served(void **state)
{
	(void)state;
	whole_request();
	begin_response();
	exchange_response_end(&ex);
	exchange_client_lost(&ex);
	assert_false(exchange_outcome(&ex, 1)->client_gone);
	assert_false(ex.client_persists);
}

static void a_client_that_leaves_hides_no_failure(void **state)
{
	struct loss_facts facts = { .delivered = true };

	(void)state;
	whole_request();
	response.status = 500;
	begin_response();
	exchange_client_lost(&ex);
	assert_false(exchange_outcome(&ex, 1)->client_gone);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_STATUS);
	begin(state);
	whole_request();
	assert_int_equal(exchange_server_lost(&ex, LOSS_TIMEOUT, &facts), STEP_ANSWER);
	exchange_client_lost(&ex);
	assert_false(exchange_outcome(&ex, 1)->client_gone);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_TIMEOUT);
}

/* Who keeps a server waiting until it closes could have any canary rolled back. */
static void a_server_that_closes_on_a_stalled_client_has_not_failed(void **state)
{
	struct loss_facts facts = { .delivered = true, .client_stalled = true };

	begin_request();
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_ANSWER);
	assert_int_equal(ex.answer_status, 502);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
	begin(state);
	whole_request();
	begin_response();
	assert_int_equal(exchange_server_lost(&ex, LOSS_CLOSED, &facts), STEP_ABORT);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_NONE);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
}

static void a_stalled_client_hides_no_failure_of_another_kind(void **state)
{
	struct loss_facts facts = { .delivered = true, .client_stalled = true };

	begin_request();
	exchange_server_lost(&ex, LOSS_MALFORMED, &facts);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_MALFORMED);
	begin(state);
	whole_request();
	response.status = 500;
	begin_response();
	exchange_server_lost(&ex, LOSS_CLOSED, &facts);
	assert_int_equal(exchange_outcome(&ex, 1)->failure, FAILURE_STATUS);
	assert_false(exchange_outcome(&ex, 1)->client_gone);
}

/* The server is not asked about what a client that left would have got. */
static void a_loss_behind_a_client_that_left_is_no_failure(void **state)
{
	struct loss_facts facts = { .delivered = true };

	(void)state;
	whole_request();
	begin_response();
	exchange_client_lost(&ex);
	(void)exchange_server_lost(&ex, LOSS_CLOSED, &facts);
	assert_true(exchange_outcome(&ex, 1)->client_gone);
}

#define SENTENCE(test) cmocka_unit_test_setup(test, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SENTENCE(a_request_is_repeated_only_where_that_is_safe),
		SENTENCE(a_post_is_not_repeated_once_it_may_have_arrived),
		SENTENCE(a_stale_connection_is_replaced_by_a_fresh_one),
		SENTENCE(a_server_that_takes_no_connection_is_waited_for_once),
		SENTENCE(a_wait_for_a_server_that_took_no_connection_is_the_arm_s_latency),
		SENTENCE(a_repeated_request_that_succeeds_is_no_failure),
		SENTENCE(each_loss_before_the_answer_has_its_status_and_kind),
		SENTENCE(each_loss_inside_the_answer_cuts_it_off),
		SENTENCE(a_loss_behind_the_answer_is_none),
		SENTENCE(a_second_loss_changes_nothing),
		SENTENCE(a_status_in_the_route_s_set_is_a_failure),
		SENTENCE(a_client_that_leaves_is_no_failure_of_the_arm),
		SENTENCE(a_client_that_leaves_with_its_answer_was_served),
		SENTENCE(a_client_that_leaves_hides_no_failure),
		SENTENCE(a_server_that_closes_on_a_stalled_client_has_not_failed),
		SENTENCE(a_stalled_client_hides_no_failure_of_another_kind),
		SENTENCE(a_loss_behind_a_client_that_left_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

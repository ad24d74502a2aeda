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
static const struct connection_options says_close = { .close = true };
static const struct connection_options says_keep_alive = { .keep_alive = true };

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

static void add_expect(void)
{
	assert_true(
	    message_add(&request, FIELD_EXPECT, SLICE("Expect"), SLICE("100-continue")));
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

static void a_request_and_its_answer_pass_through(void **state)
{
	(void)state;
	assert_int_equal(ex.request, REQUEST_HEAD);
	assert_int_equal(ex.response, RESPONSE_WAITING);
	begin_request();
	assert_int_equal(ex.request, REQUEST_BODY);
	exchange_request_end(&ex);
	assert_int_equal(ex.request, REQUEST_DONE);
	assert_false(exchange_is_over(&ex, true));
	begin_response();
	assert_int_equal(ex.response, RESPONSE_BODY);
	assert_false(exchange_is_over(&ex, true));
	exchange_response_end(&ex);
	assert_int_equal(ex.response, RESPONSE_DONE);
	assert_true(exchange_is_over(&ex, true));
	assert_true(ex.client_persists && ex.server_persists);
}

/* RFC 9112 9.3 */
static void a_client_s_connection_persists_as_its_version_says(void **state)
{
	static const struct {
		uint8_t minor;
		const struct connection_options *says;
		bool persists;
	} rows[] = {
		{ 1, &says_nothing, true },
		{ 1, &says_keep_alive, true },
		{ 1, &says_close, false },
		{ 0, &says_nothing, false },
		{ 0, &says_keep_alive, true },
		{ 0, &says_close, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(state);
		request.minor = rows[i].minor;
		exchange_request_head(&ex, &request, rows[i].says);
		assert_int_equal(ex.client_persists, rows[i].persists);
	}
}

static void close_wins_over_keep_alive(void **state)
{
	struct connection_options both = { .close = true, .keep_alive = true };

	(void)state;
	exchange_request_head(&ex, &request, &both);
	assert_false(ex.client_persists);
	exchange_request_end(&ex);
	exchange_response_head(&ex, &response, &both, &failures);
	assert_false(ex.server_persists);
}

static void a_server_s_connection_persists_as_its_version_says(void **state)
{
	static const struct {
		uint8_t minor;
		const struct connection_options *says;
		bool persists;
	} rows[] = {
		{ 1, &says_nothing, true },
		{ 1, &says_close, false },
		{ 0, &says_nothing, false },
		{ 0, &says_keep_alive, true },
		{ 0, &says_close, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(state);
		whole_request();
		response.minor = rows[i].minor;
		exchange_response_head(&ex, &response, rows[i].says, &failures);
		assert_int_equal(ex.server_persists, rows[i].persists);
		/* What the server does is no matter of the client's. */
		assert_true(ex.client_persists);
	}
}

/* RFC 9112 6.3, 7.1 */
static void the_framing_follows_the_body_and_the_client_s_version(void **state)
{
	static const struct {
		uint8_t client_minor;
		enum body_kind body;
		enum response_framing framing;
		bool persists;
	} rows[] = {
		{ 1, BODY_NONE, FRAMING_NONE, true },
		{ 1, BODY_LENGTH, FRAMING_LENGTH, true },
		{ 1, BODY_STREAM, FRAMING_CHUNKED, true },
		{ 0, BODY_NONE, FRAMING_NONE, true },
		{ 0, BODY_LENGTH, FRAMING_LENGTH, true },
		{ 0, BODY_STREAM, FRAMING_CLOSE, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(state);
		request.minor = rows[i].client_minor;
		exchange_request_head(&ex, &request, &says_keep_alive);
		exchange_request_end(&ex);
		response.body = rows[i].body;
		begin_response();
		assert_int_equal(ex.framing, rows[i].framing);
		assert_int_equal(ex.client_persists, rows[i].persists);
	}
}

static void an_answer_before_the_request_s_end_closes_the_client(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	begin_request();
	exchange_request_body(&ex);
	begin_response();
	assert_false(ex.client_persists);
	exchange_response_end(&ex);
	/* The server may want the rest; only then it is over. */
	assert_false(exchange_is_over(&ex, true));
	exchange_request_end(&ex);
	assert_true(exchange_is_over(&ex, true));
}

static void without_its_server_an_answered_request_is_over(void **state)
{
	(void)state;
	request.body = BODY_STREAM;
	begin_request();
	exchange_request_body(&ex);
	begin_response();
	exchange_response_end(&ex);
	assert_true(exchange_is_over(&ex, false));
}

/* RFC 9110 10.1.1 */
static void a_client_refused_before_its_body_need_not_send_it(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	add_expect();
	begin_request();
	begin_response();
	exchange_response_end(&ex);
	assert_true(exchange_is_over(&ex, true));
	assert_false(ex.client_persists);
}

static void one_that_was_told_to_continue_sends_it(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	add_expect();
	begin_request();
	assert_true(exchange_passes_interim(&ex, 100));
	begin_response();
	exchange_response_end(&ex);
	assert_false(exchange_is_over(&ex, true));
}

static void one_that_began_without_waiting_sends_it_too(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	add_expect();
	begin_request();
	exchange_request_body(&ex);
	begin_response();
	exchange_response_end(&ex);
	assert_false(exchange_is_over(&ex, true));
}

/* RFC 9110 15.2 */
static void interim_answers_go_to_those_who_understand_them(void **state)
{
	static const struct {
		uint8_t minor;
		bool expects;
		uint16_t status;
		bool passes;
	} rows[] = {
		{ 1, true, 100, true },
		{ 1, false, 100, true },
		{ 1, false, 102, true },
		{ 1, false, 103, true },
		{ 1, true, 103, true },
		{ 0, true, 100, false },
		{ 0, false, 103, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(state);
		request.minor = rows[i].minor;
		request.body = BODY_LENGTH;
		if (rows[i].expects)
			add_expect();
		begin_request();
		assert_int_equal(exchange_passes_interim(&ex, rows[i].status), rows[i].passes);
	}
}

/* RFC 9110 10.1.1 */
static void a_body_is_held_back_until_100_a_byte_of_it_or_an_answer(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	add_expect();
	begin_request();
	assert_true(exchange_awaits_continue(&ex));
	assert_true(exchange_passes_interim(&ex, 103));
	assert_true(exchange_awaits_continue(&ex));
	assert_true(exchange_passes_interim(&ex, 100));
	assert_false(exchange_awaits_continue(&ex));
}

static void an_expectation_without_a_body_holds_nothing_back(void **state)
{
	(void)state;
	add_expect();
	begin_request();
	assert_false(exchange_awaits_continue(&ex));
}

static void weir_s_own_answer_ends_the_response(void **state)
{
	(void)state;
	whole_request();
	exchange_answer_locally(&ex, 404);
	assert_true(ex.local);
	assert_int_equal(ex.answer_status, 404);
	assert_int_equal(ex.response, RESPONSE_DONE);
	assert_true(ex.client_persists);
	assert_true(exchange_is_over(&ex, false));
	assert_int_equal(exchange_outcome(&ex, 2000)->status, 0);
	assert_false(exchange_outcome(&ex, 2000)->has_first_byte);
}

static void weir_s_own_answer_before_the_request_s_end_closes(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	begin_request();
	exchange_answer_locally(&ex, 503);
	assert_false(ex.client_persists);
	begin(state);
	exchange_answer_locally(&ex, 400);
	assert_false(ex.client_persists);
}

static void times_run_from_the_request_to_the_first_and_the_last_byte(void **state)
{
	(void)state;
	whole_request();
	exchange_forwarded(&ex, 5000);
	exchange_first_byte(&ex, 7500);
	exchange_first_byte(&ex, 9000);
	begin_response();
	exchange_response_end(&ex);
	assert_true(exchange_outcome(&ex, 11000)->has_first_byte);
	assert_int_equal(exchange_outcome(&ex, 11000)->first_byte_us, 2500);
	assert_int_equal(exchange_outcome(&ex, 11000)->total_us, 10000);
}

static void an_answer_before_the_request_was_through_took_no_time(void **state)
{
	(void)state;
	request.body = BODY_LENGTH;
	begin_request();
	exchange_first_byte(&ex, 3000);
	begin_response();
	exchange_request_end(&ex);
	exchange_forwarded(&ex, 5000);
	exchange_response_end(&ex);
	assert_int_equal(exchange_outcome(&ex, 6000)->first_byte_us, 0);
	assert_true(exchange_outcome(&ex, 6000)->has_first_byte);
}

static void an_interim_answer_is_not_the_first_byte(void **state)
{
	(void)state;
	whole_request();
	exchange_forwarded(&ex, 5000);
	exchange_first_byte(&ex, 6000);
	exchange_interim(&ex);
	exchange_first_byte(&ex, 9000);
	begin_response();
	exchange_response_end(&ex);
	assert_int_equal(exchange_outcome(&ex, 11000)->first_byte_us, 4000);
}

static void a_clock_that_stands_still_gives_no_time(void **state)
{
	(void)state;
	whole_request();
	exchange_forwarded(&ex, 1000);
	exchange_first_byte(&ex, 1000);
	begin_response();
	exchange_response_end(&ex);
	assert_int_equal(exchange_outcome(&ex, 1000)->total_us, 0);
	assert_int_equal(exchange_outcome(&ex, 999)->total_us, 0);
	assert_int_equal(exchange_outcome(&ex, 1000)->first_byte_us, 0);
}

#define SENTENCE(test) cmocka_unit_test_setup(test, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SENTENCE(a_request_and_its_answer_pass_through),
		SENTENCE(a_client_s_connection_persists_as_its_version_says),
		SENTENCE(close_wins_over_keep_alive),
		SENTENCE(a_server_s_connection_persists_as_its_version_says),
		SENTENCE(the_framing_follows_the_body_and_the_client_s_version),
		SENTENCE(an_answer_before_the_request_s_end_closes_the_client),
		SENTENCE(without_its_server_an_answered_request_is_over),
		SENTENCE(a_client_refused_before_its_body_need_not_send_it),
		SENTENCE(one_that_was_told_to_continue_sends_it),
		SENTENCE(one_that_began_without_waiting_sends_it_too),
		SENTENCE(interim_answers_go_to_those_who_understand_them),
		SENTENCE(a_body_is_held_back_until_100_a_byte_of_it_or_an_answer),
		SENTENCE(an_expectation_without_a_body_holds_nothing_back),
		SENTENCE(weir_s_own_answer_ends_the_response),
		SENTENCE(weir_s_own_answer_before_the_request_s_end_closes),
		SENTENCE(times_run_from_the_request_to_the_first_and_the_last_byte),
		SENTENCE(an_answer_before_the_request_was_through_took_no_time),
		SENTENCE(an_interim_answer_is_not_the_first_byte),
		SENTENCE(a_clock_that_stands_still_gives_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

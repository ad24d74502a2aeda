#include "proxy/h1_writer.h"

#include "proxy/h1_parser.h"
#include "proxy/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	CAP = 100000
};

static const struct h1_limits limits = { 65536, 256, 8192 };
static struct message message;
static struct buffer out;

static const struct request_context from_client = {
	.request_id = { "id-1", 4 },
};

static int begin(void **state)
{
	(void)state;
	memset(&message, 0, sizeof(message));
	buffer_init(&out, CAP);
	return 0;
}

static int end(void **state)
{
	(void)state;
	buffer_done(&out);
	return 0;
}

static void assert_written(const char *expected)
{
	if (!slice_equal(buffer_slice(&out), slice_of(expected)))
		fail_msg(
		    "written is\n%.*s\nnot\n%s", (int)buffer_len(&out), out.data, expected);
}

static bool is_written(const char *part)
{
	return memmem(out.data, buffer_len(&out), part, strlen(part)) != NULL;
}

/* The message of these bytes, its hop-by-hop fields marked. */
static void read_message(bool response, struct slice bytes)
{
	struct connection_options options;
	struct h1_parser parser;
	struct h1_fault fault;
	struct slice data;
	size_t used;

	if (response)
		h1_parser_init_response(&parser, &limits, false);
	else
		h1_parser_init_request(&parser, &limits);
	assert_int_equal(h1_parser_next(&parser, bytes, &message, &used, &data), H1_HEAD);
	assert_int_equal(used, bytes.len);
	assert_true(headers_strip_hop_by_hop(&message, &options, &fault));
}

static void read_request(const char *bytes)
{
	read_message(false, slice_of(bytes));
	headers_strip_replaced(&message, false);
}

static void read_response(const char *bytes)
{
	read_message(true, slice_of(bytes));
}

static void write_request(void)
{
	assert_true(h1_write_request_head(&out, &message, &from_client));
}

static void a_request_is_written_anew(void **state)
{
	(void)state;
	read_request("POST /a?b HTTP/1.1\r\nHost: a.example:81\r\nx-one:   1  \r\n"
		     "Connection: close, X-Two\r\nX-Two: 2\r\nContent-Length: 0005\r\n"
		     "X-Request-Id: forged\r\n"
		     "Via: 1.0 edge\r\n\r\n");
	write_request();
	assert_written("POST /a?b HTTP/1.1\r\n"
		       "Host: a.example:81\r\n"
		       "x-one: 1\r\n"
		       "Via: 1.0 edge\r\n"
		       "Via: 1.1 weir\r\n"
		       "X-Request-Id: id-1\r\n"
		       "Content-Length: 5\r\n"
		       "\r\n");
}

static void each_line_has_one_space_however_it_came(void **state)
{
	(void)state;
	read_request("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC:3\r\nD: 4\r\nE:  5\r\n"
		     "F: 6 \t\r\nG: 7\r\nH:\t8\r\nI:\r\nJ: \r\nK: 9: 9\r\n\r\n");
	write_request();
	assert_true(is_written("\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\n"
			       "H: 8\r\nI: \r\nJ: \r\nK: 9: 9\r\nVia:"));
}

static void lines_between_others_are_left_out_or_written_anew_alone(void **state)
{
	(void)state;
	read_request("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nTE: x\r\nC: 3\r\nD: 4\r\n"
		     "E: 5\r\n\r\n");
	assert_true(slice_equal(message.fields[4].name, SLICE("C")));
	message.fields[5].value = SLICE("another");
	write_request();
	assert_true(is_written("\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: another\r\nE: 5\r\nVia:"));
}

static void a_request_without_a_body_gets_no_framing(void **state)
{
	(void)state;
	read_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	write_request();
	assert_false(is_written("Content-Length") || is_written("Transfer-Encoding"));
	assert_false(is_written("Connection"));
}

static void a_chunked_request_stays_chunked(void **state)
{
	(void)state;
	read_request("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n");
	write_request();
	assert_true(is_written("\r\nTransfer-Encoding: chunked\r\n"));
	assert_false(is_written("Content-Length"));
}

/* RFC 9112 2.3, 3.2 */
static void http_1_0_becomes_1_1_with_a_host_field(void **state)
{
	(void)state;
	read_request("GET / HTTP/1.0\r\n\r\n");
	write_request();
	assert_written("GET / HTTP/1.1\r\n"
		       "Host: \r\n"
		       "Via: 1.0 weir\r\n"
		       "X-Request-Id: id-1\r\n"
		       "\r\n");
}

/* RFC 9112 3.2.1, 3.2.2, 3.2.4 */
static void targets_are_written_in_origin_form(void **state)
{
	static const char *const rows[][2] = {
		{ "GET http://b.example/x?y", "GET /x?y HTTP/1.1\r\nHost: b.example\r\n" },
		{ "GET http://b.example", "GET / HTTP/1.1\r\nHost: b.example\r\n" },
		{ "GET http://b.example?y", "GET /?y HTTP/1.1\r\nHost: b.example\r\n" },
		{ "GET https://b.example:1/", "GET / HTTP/1.1\r\nHost: b.example:1\r\n" },
		{ "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n" },
		{ "OPTIONS http://b.example", "OPTIONS * HTTP/1.1\r\nHost: b.example\r\n" },
		{ "OPTIONS http://b.example/", "OPTIONS / HTTP/1.1\r\nHost: b.example\r\n" },
		{ "OPTIONS http://b.example?y", "OPTIONS /?y HTTP/1.1\r\nHost: b.example\r\n" },
		{ "GET //x", "GET //x HTTP/1.1\r\nHost: a\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char bytes[200];

		snprintf(bytes, sizeof(bytes), "%s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i][0]);
		read_request(bytes);
		buffer_reset(&out, CAP);
		write_request();
		if (!is_written(rows[i][1]))
			fail_msg(
			    "%s becomes\n%.*s", rows[i][0], (int)buffer_len(&out), out.data);
	}
}

static void what_is_written_is_appended(void **state)
{
	(void)state;
	assert_true(buffer_append(&out, "before", 6));
	read_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	write_request();
	assert_memory_equal(out.data, "beforeGET / HTTP/1.1\r\n", 22);
}

static void assert_same_message(const struct message *a, const struct message *b)
{
	assert_true(slice_equal(a->method, b->method));
	assert_true(slice_equal(a->authority, b->authority));
	assert_true(slice_equal(a->target, b->target));
	assert_int_equal(a->status, b->status);
	assert_true(slice_equal(a->reason, b->reason));
	assert_int_equal(a->body, b->body);
	assert_true(a->content_length == b->content_length);
}

/* Each field of `a` that travels on is found in `b`, in that order. */
static void assert_fields_arrived(const struct message *a, const struct message *b)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < a->n_fields; i++) {
		if (a->fields[i].drop)
			continue;
		while (
		    k < b->n_fields && !(slice_equal(a->fields[i].name, b->fields[k].name) &&
					   slice_equal(a->fields[i].value, b->fields[k].value)))
			k++;
		assert_true(k < b->n_fields);
		k++;
	}
}

static void what_is_written_of_a_request_reads_as_the_same_request(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /x?y HTTP/1.1\r\nHost: [::1]:80\r\nAccept: a,\tb\r\nAccept: c\r\n\r\n",
		"PATCH /%20 HTTP/1.1\r\nHost: a\r\nContent-Length: 4611686018427387903\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX:\r\nY: \xe4\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: X, close\r\nX: y\r\nZ: z\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		static struct message before;

		read_request(requests[i]);
		before = message;
		buffer_reset(&out, CAP);
		write_request();
		read_message(false, buffer_slice(&out));
		assert_same_message(&before, &message);
		assert_fields_arrived(&before, &message);
	}
}

/* RFC 9110 6.6.1, 7.6.3; RFC 9112 4 */
static void a_response_is_written_anew(void **state)
{
	struct response_context context = {
		.framing = FRAMING_LENGTH,
		.date = SLICE("Sun, 22 Nov 2026 07:00:00 GMT"),
		.issue_cookie = SLICE("weir_id=1; Path=/"),
	};

	(void)state;
	read_response(
	    "HTTP/1.0 404 Not  Here\r\nServer: x\r\nContent-Length: 5\r\n"
	    "Keep-Alive: timeout=5\r\nConnection: keep-alive\r\nSet-Cookie: a=b\r\n\r\n");
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_written("HTTP/1.1 404 Not  Here\r\n"
		       "Server: x\r\n"
		       "Set-Cookie: a=b\r\n"
		       "Via: 1.0 weir\r\n"
		       "Date: Sun, 22 Nov 2026 07:00:00 GMT\r\n"
		       "Set-Cookie: weir_id=1; Path=/\r\n"
		       "Content-Length: 5\r\n"
		       "\r\n");
}

static void a_server_s_own_date_is_kept(void **state)
{
	struct response_context context = { .framing = FRAMING_LENGTH, .date = SLICE("now") };

	(void)state;
	read_response("HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n");
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_true(is_written("\r\nDate: then\r\n"));
	assert_false(is_written("now"));
}

/* RFC 9110 6.6.1: one is added where none travels on. */
static void a_date_that_was_dropped_is_replaced(void **state)
{
	struct response_context context = { .framing = FRAMING_LENGTH, .date = SLICE("now") };

	(void)state;
	read_response("HTTP/1.1 200 OK\r\nDate: then\r\nConnection: date\r\n"
		      "Content-Length: 0\r\n\r\n");
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_true(is_written("\r\nDate: now\r\n"));
}

static void a_date_behind_one_that_was_dropped_is_kept(void **state)
{
	const struct response_context context = { .date = SLICE("now") };

	(void)state;
	read_response("HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n");
	message.fields[0].drop = true;
	assert_true(message_add(&message, FIELD_DATE, SLICE("Date"), SLICE("later")));
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_true(is_written("\r\nDate: later\r\n"));
	assert_false(is_written("now") || is_written("then"));
}

static void an_empty_reason_keeps_its_space(void **state)
{
	struct response_context context = { .framing = FRAMING_LENGTH };

	(void)state;
	read_response("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_memory_equal(out.data, "HTTP/1.1 200 \r\n", 15);
	assert_false(is_written("Date"));
}

/* RFC 9110 8.6; RFC 9112 6.1, 6.2 */
static void a_response_is_framed_as_decided(void **state)
{
	static const struct {
		const char *status_and_fields;
		enum response_framing framing;
		const char *written; /* the last fields, or NULL: no framing */
	} rows[] = {
		{ "200 OK\r\nContent-Length: 7\r\n", FRAMING_LENGTH, "Content-Length: 7\r\n" },
		{ "200 OK\r\nContent-Length: 0\r\n", FRAMING_LENGTH, "Content-Length: 0\r\n" },
		{ "200 OK\r\nTransfer-Encoding: chunked\r\n", FRAMING_CHUNKED,
		    "Transfer-Encoding: chunked\r\n" },
		{ "200 OK\r\n", FRAMING_CHUNKED, "Transfer-Encoding: chunked\r\n" },
		{ "200 OK\r\n", FRAMING_CLOSE, NULL },
		{ "200 OK\r\nContent-Length: 7\r\n", FRAMING_NONE, "Content-Length: 7\r\n" },
		{ "200 OK\r\n", FRAMING_NONE, NULL },
		{ "304 Not Modified\r\nContent-Length: 7\r\n", FRAMING_NONE,
		    "Content-Length: 7\r\n" },
		{ "304 Not Modified\r\n", FRAMING_NONE, NULL },
		{ "204 No Content\r\nContent-Length: 0\r\n", FRAMING_NONE, NULL },
		{ "204 No Content\r\n", FRAMING_NONE, NULL },
		{ "101 Switching Protocols\r\nContent-Length: 5\r\n", FRAMING_NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct response_context context = { .framing = rows[i].framing };
		char bytes[200];

		snprintf(bytes, sizeof(bytes), "HTTP/1.1 %s\r\n", rows[i].status_and_fields);
		read_response(bytes);
		buffer_reset(&out, CAP);
		assert_true(h1_write_response_head(&out, &message, &context));
		snprintf(bytes, sizeof(bytes), "Via: 1.1 weir\r\n%s\r\n",
		    rows[i].written != NULL ? rows[i].written : "");
		if (!is_written(bytes))
			fail_msg("row %zu:\n%.*s", i, (int)buffer_len(&out), out.data);
	}
}

static void persistence_is_said_where_it_is_not_the_rule(void **state)
{
	struct response_context context = { .framing = FRAMING_LENGTH };

	(void)state;
	read_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_false(is_written("Connection:"));
	buffer_reset(&out, CAP);
	context.keep_alive = true;
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_true(is_written("\r\nConnection: keep-alive\r\n"));
	buffer_reset(&out, CAP);
	context.close = true;
	assert_true(h1_write_response_head(&out, &message, &context));
	assert_true(is_written("\r\nConnection: close\r\n"));
	assert_false(is_written("keep-alive"));
}

static void an_interim_response_has_its_own_fields_and_no_others(void **state)
{
	(void)state;
	read_response("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n"
		      "Content-Length: 5\r\n\r\n");
	assert_true(h1_write_interim(&out, &message));
	assert_written("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

static void a_chunk_begins_with_its_size_in_hexadecimal(void **state)
{
	static const struct {
		size_t n;
		const char *head;
	} rows[] = {
		{ 1, "1\r\n" },
		{ 0xf, "f\r\n" },
		{ 0x10, "10\r\n" },
		{ 0xff, "ff\r\n" },
		{ 0x100, "100\r\n" },
		{ 65536, "10000\r\n" },
		{ 0xabcdef01, "abcdef01\r\n" },
		{ (size_t)1 << 59, "800000000000000\r\n" },
		{ (size_t)1 << 60, "1000000000000000\r\n" },
		{ SIZE_MAX, "ffffffffffffffff\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char head[H1_CHUNK_HEAD_MAX];
		size_t len = h1_chunk_head(head, rows[i].n);

		assert_int_equal(len, strlen(rows[i].head));
		assert_memory_equal(head, rows[i].head, len);
	}
}

/* The local answer as a client reads it; its body in *body. */
static void read_answer(bool to_head, struct slice *body)
{
	struct h1_parser parser;
	struct slice bytes = buffer_slice(&out);
	size_t used;

	*body = (struct slice) { 0 };
	h1_parser_init_response(&parser, &limits, to_head);
	assert_int_equal(h1_parser_next(&parser, bytes, &message, &used, body), H1_HEAD);
	bytes = (struct slice) { bytes.data + used, bytes.len - used };
	if (!to_head) {
		assert_int_equal(
		    h1_parser_next(&parser, bytes, &message, &used, body), H1_DATA);
		bytes = (struct slice) { bytes.data + used, bytes.len - used };
	}
	assert_int_equal(h1_parser_next(&parser, bytes, &message, &used, &bytes), H1_END);
	assert_int_equal(bytes.len, 0);
}

static void weir_s_own_answer_is_a_whole_response(void **state)
{
	struct local_answer answer = { .status = 502,
		.explanation = SLICE("the upstream server could not be reached"),
		.request_id = SLICE("id-1"),
		.date = SLICE("Sun, 22 Nov 2026 07:00:00 GMT"),
		.close = true };
	struct slice body;

	(void)state;
	assert_true(h1_write_local_answer(&out, &answer));
	read_answer(false, &body);
	assert_int_equal(message.status, 502);
	assert_true(slice_equal(message.reason, SLICE("Bad Gateway")));
	assert_true(slice_equal(
	    body, SLICE("502 Bad Gateway: the upstream server could not be reached\n"
			"request id: id-1\n")));
	assert_true(slice_equal(message_find(&message, FIELD_DATE)->value, answer.date));
	assert_true(
	    slice_equal(message_find(&message, FIELD_CONNECTION)->value, SLICE("close")));
	assert_true(slice_equal(
	    message_find_name(&message, SLICE("Cache-Control"))->value, SLICE("no-store")));
}

static void an_answer_without_a_request_has_no_id(void **state)
{
	struct local_answer answer = { .status = 400, .explanation = SLICE("no Host") };
	struct slice body;

	(void)state;
	assert_true(h1_write_local_answer(&out, &answer));
	read_answer(false, &body);
	assert_true(slice_equal(body, SLICE("400 Bad Request: no Host\n")));
	assert_null(message_find(&message, FIELD_DATE));
	assert_null(message_find(&message, FIELD_CONNECTION));
}

/* RFC 9110 9.3.2 */
static void an_answer_to_head_is_its_fields_alone(void **state)
{
	struct local_answer answer = { .status = 404, .explanation = SLICE("no route") };
	struct slice body;
	uint64_t length;

	(void)state;
	assert_true(h1_write_local_answer(&out, &answer));
	read_answer(false, &body);
	length = message.content_length;
	assert_int_equal(length, body.len);
	buffer_reset(&out, CAP);
	answer.head = true;
	assert_true(h1_write_local_answer(&out, &answer));
	read_answer(true, &body);
	assert_int_equal(message.content_length, length);
	assert_memory_equal(out.data + out.end - 4, "\r\n\r\n", 4);
}

static void the_longest_answer_fits(void **state)
{
	char id[REQUEST_ID_MAX];
	char explanation[160];
	struct local_answer answer = { .status = 431,
		.explanation = { explanation, sizeof(explanation) },
		.request_id = { id, sizeof(id) } };
	struct slice body;

	(void)state;
	memset(id, 'i', sizeof(id));
	memset(explanation, 'e', sizeof(explanation));
	assert_true(h1_write_local_answer(&out, &answer));
	read_answer(false, &body);
	assert_int_equal(
	    body.len, strlen("431 Request Header Fields Too Large: \nrequest id: \n") +
			  sizeof(id) + sizeof(explanation));
}

static void each_status_that_weir_uses_has_its_phrase(void **state)
{
	static const uint16_t statuses[] = { 400, 404, 408, 414, 431, 500, 501, 502, 503, 504,
		505 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		assert_string_not_equal(h1_reason_phrase(statuses[i]), "");
	assert_string_equal(h1_reason_phrase(299), "");
}

static bool write_nth(int n)
{
	static const struct response_context context = { .framing = FRAMING_LENGTH };
	static const struct local_answer answer = { .status = 400 };

	switch (n) {
	case 0: return h1_write_request_head(&out, &message, &from_client);
	case 1: return h1_write_response_head(&out, &message, &context);
	case 2: return h1_write_interim(&out, &message);
	default: return h1_write_local_answer(&out, &answer);
	}
}

static void beyond_its_cap_a_buffer_is_left_as_it_was(void **state)
{
	(void)state;
	read_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n");
	for (int n = 0; n < 4; n++) {
		unsigned refusals = 0;

		for (size_t cap = 0; cap < 2000; cap += 50) {
			bool written;

			buffer_done(&out);
			buffer_init(&out, cap);
			written =
			    buffer_append(&out, "before", cap > 6 ? 6 : 0) && write_nth(n);
			if (!written)
				assert_written(cap > 6 ? "before" : "");
			refusals += !written;
		}
		/* It fits in the end. */
		assert_in_range(refusals, 1, 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_is_written_anew, begin, end),
		cmocka_unit_test_setup_teardown(
		    each_line_has_one_space_however_it_came, begin, end),
		cmocka_unit_test_setup_teardown(
		    lines_between_others_are_left_out_or_written_anew_alone, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_request_without_a_body_gets_no_framing, begin, end),
		cmocka_unit_test_setup_teardown(a_chunked_request_stays_chunked, begin, end),
		cmocka_unit_test_setup_teardown(
		    http_1_0_becomes_1_1_with_a_host_field, begin, end),
		cmocka_unit_test_setup_teardown(targets_are_written_in_origin_form, begin, end),
		cmocka_unit_test_setup_teardown(what_is_written_is_appended, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_is_written_of_a_request_reads_as_the_same_request, begin, end),
		cmocka_unit_test_setup_teardown(a_response_is_written_anew, begin, end),
		cmocka_unit_test_setup_teardown(a_server_s_own_date_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_date_that_was_dropped_is_replaced, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_date_behind_one_that_was_dropped_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(an_empty_reason_keeps_its_space, begin, end),
		cmocka_unit_test_setup_teardown(a_response_is_framed_as_decided, begin, end),
		cmocka_unit_test_setup_teardown(
		    persistence_is_said_where_it_is_not_the_rule, begin, end),
		cmocka_unit_test_setup_teardown(
		    an_interim_response_has_its_own_fields_and_no_others, begin, end),
		cmocka_unit_test(a_chunk_begins_with_its_size_in_hexadecimal),
		cmocka_unit_test_setup_teardown(
		    weir_s_own_answer_is_a_whole_response, begin, end),
		cmocka_unit_test_setup_teardown(
		    an_answer_without_a_request_has_no_id, begin, end),
		cmocka_unit_test_setup_teardown(
		    an_answer_to_head_is_its_fields_alone, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_answer_fits, begin, end),
		cmocka_unit_test(each_status_that_weir_uses_has_its_phrase),
		cmocka_unit_test_setup_teardown(
		    beyond_its_cap_a_buffer_is_left_as_it_was, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

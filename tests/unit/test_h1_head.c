/*
 * What h1_head refuses by itself: nothing here has passed llhttp before, since
 * only what both accept is a message. The whole of the grammar is in the rows of
 * test_h1_parser.
 */
#include "proxy/h1_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct h1_limits limits = {
	.max_head_bytes = 4096,
	.max_fields = 10,
	.max_uri_bytes = 100,
};

static struct message message;
static struct h1_fault fault;

/* In memory of exactly its size. */
static bool reads(bool response, struct slice head)
{
	char *copy = malloc(head.len);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, head.data, head.len);
	head.data = copy;
	memset(&message, 0xa5, sizeof(message));
	fault = (struct h1_fault) { 0 };
	ok = response ? h1_head_read_response(head, &limits, false, &message, &fault)
		      : h1_head_read_request(head, &limits, &message, &fault);
	free(copy);
	assert_int_equal(ok, fault.status == 0);
	assert_int_equal(ok, fault.reason == NULL);
	return ok;
}

static void assert_refused(bool response, const struct slice *heads, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (reads(response, heads[i]))
			fail_msg("accepted: %.*s", (int)heads[i].len, heads[i].data);
	}
}

#define ASSERT_REFUSED(response, heads)                                                        \
	assert_refused(response, heads, sizeof(heads) / sizeof((heads)[0]))

static void a_plain_head_is_read(void **state)
{
	(void)state;
	assert_true(reads(false, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
	assert_true(reads(true, SLICE("HTTP/1.1 200 OK\r\n\r\n")));
}

static void two_readings_of_the_framing_are_refused(void **state)
{
	const struct slice heads[] = {
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		      "Content-Length: 0\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
		      "Content-Length: 5\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: chunked, chunked\r\n\r\n"),
		SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
		SLICE("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
	};

	(void)state;
	ASSERT_REFUSED(false, heads);
}

static void lines_end_with_crlf_and_nothing_else(void **state)
{
	const struct slice heads[] = {
		SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n\n"),
		SLICE("GET / HTTP/1.1\rHost: a\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r"),
		SLICE("GET / HTTP/1.1\r\nHost: a"),
		SLICE("GET / HTTP/1.1\r\n"),
		SLICE("GET / HTTP/1.1"),
		SLICE("GET /"),
		SLICE("GET "),
		SLICE("GET"),
		SLICE(""),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nX"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n"),
	};

	(void)state;
	ASSERT_REFUSED(false, heads);
}

static void bytes_outside_the_grammar_are_refused(void **state)
{
	const struct slice heads[] = {
		SLICE("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaa\x7f\x61\x61\x61\x61\x61\x61\x61"
		      "\r\n\r\n"),
		SLICE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET /# HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
		SLICE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
		SLICE("GET / RTSP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
		SLICE("GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
		SLICE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
	};

	(void)state;
	ASSERT_REFUSED(false, heads);
}

static void status_lines_outside_the_grammar_are_refused(void **state)
{
	const struct slice heads[] = {
		SLICE("HTTP/1.1 20 OK\r\n\r\n"),
		SLICE("HTTP/1.1 2000 OK\r\n\r\n"),
		SLICE("HTTP/1.1 2x0 OK\r\n\r\n"),
		SLICE("HTTP/1.1 099 OK\r\n\r\n"),
		SLICE("HTTP/1.1 600 OK\r\n\r\n"),
		SLICE("HTTP/1.1  200 OK\r\n\r\n"),
		SLICE("HTTP/1.1\t200 OK\r\n\r\n"),
		SLICE("HTTP/1.1 200\tOK\r\n\r\n"),
		SLICE("HTTP/1.1 200 O\0K\r\n\r\n"),
		SLICE("HTTP/1.1 200 O\rK\r\n\r\n"),
		SLICE("HTTP/1.1 200 OK\n\r\n"),
		SLICE("HTTP/1.2 200 OK\r\n\r\n"),
		SLICE("HTTP/2.0 200 OK\r\n\r\n"),
		SLICE("HTTP/1.1 200 OK\r\n"),
		SLICE("HTTP/1.1 20"),
		SLICE("HTTP/1."),
		SLICE(""),
		SLICE("\r\nHTTP/1.1 200 OK\r\n\r\n"),
	};

	(void)state;
	ASSERT_REFUSED(true, heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_head_is_read),
		cmocka_unit_test(two_readings_of_the_framing_are_refused),
		cmocka_unit_test(lines_end_with_crlf_and_nothing_else),
		cmocka_unit_test(bytes_outside_the_grammar_are_refused),
		cmocka_unit_test(status_lines_outside_the_grammar_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

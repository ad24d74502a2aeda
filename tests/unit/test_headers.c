#include "proxy/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct message message;
static struct connection_options options;
static struct h1_fault fault;

static void begin(uint8_t minor)
{
	memset(&message, 0, sizeof(message));
	message.minor = minor;
}

static void add(const char *name, const char *value)
{
	assert_true(message_add(
	    &message, field_identify(slice_of(name)), slice_of(name), slice_of(value)));
}

static void strip(void)
{
	assert_true(headers_strip_hop_by_hop(&message, &options, &fault));
}

/* The values of the fields that travel on, joined. */
static void assert_left(const char *expected)
{
	char left[2000] = "";

	for (uint32_t i = 0; i < message.n_fields; i++) {
		const struct field *field = &message.fields[i];

		if (field->drop)
			continue;
		snprintf(left + strlen(left), sizeof(left) - strlen(left), "%s%.*s: %.*s",
		    left[0] == '\0' ? "" : ", ", (int)field->name.len, field->name.data,
		    (int)field->value.len, field->value.data);
	}
	assert_string_equal(left, expected);
}

/* RFC 9110 7.6.1, 7.8, 10.1.4, 11.7; RFC 9112 6.1, C.2.2 */
static void hop_by_hop_fields_stop_here(void **state)
{
	static const char *const names[] = { "Connection", "Keep-Alive", "Proxy-Connection",
		"TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Authentication-Info", "HTTP2-Settings",
		"cONNECTION", "kEEP-aLIVE", "uPGRADE", "tE" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin(1);
		add("X-One", "1");
		add(names[i], "x");
		add("X-Two", "2");
		strip();
		assert_left("X-One: 1, X-Two: 2");
	}
}

static void the_framing_stops_here(void **state)
{
	(void)state;
	begin(1);
	add("Content-Length", "5");
	add("Transfer-Encoding", "chunked");
	add("Content-Type", "text/plain");
	strip();
	assert_left("Content-Type: text/plain");
}

static void everything_else_travels_on(void **state)
{
	(void)state;
	begin(1);
	add("Accept", "*/*");
	add("Cookie", "a=b");
	add("Authorization", "Basic eA==");
	add("Via", "1.1 edge");
	add("Expect", "100-continue");
	add("Date", "x");
	add("Set-Cookie", "a=b");
	add("Keep-Alive-Not", "x");
	add("X-Connection", "close");
	strip();
	assert_left("Accept: */*, Cookie: a=b, Authorization: Basic eA==, Via: 1.1 edge, "
		    "Expect: 100-continue, Date: x, Set-Cookie: a=b, Keep-Alive-Not: x, "
		    "X-Connection: close");
	assert_false(options.close || options.keep_alive);
}

static void fields_that_connection_nominates_stop_here(void **state)
{
	(void)state;
	begin(1);
	add("X-One", "1");
	add("Connection", "x-ONE, ,close,\tX-Three ");
	add("X-Two", "2");
	add("X-Three", "3");
	add("X-One", "4");
	strip();
	assert_left("X-Two: 2");
	assert_true(options.close);
}

/* Else a client could have itself taken for the trusted proxy in front of weir. */
static void what_a_proxy_says_of_the_client_is_not_the_clients_to_take_away(void **state)
{
	(void)state;
	begin(1);
	add("X-Forwarded-For", "203.0.113.9");
	add("Forwarded", "for=203.0.113.9");
	add("X-Forwarded-Proto", "https");
	add("X-Forwarded-Host", "shop.example");
	add("Connection", "X-Forwarded-For, forwarded, X-Forwarded-Proto, x-forwarded-host");
	strip();
	assert_left("X-Forwarded-For: 203.0.113.9, Forwarded: for=203.0.113.9, "
		    "X-Forwarded-Proto: https, X-Forwarded-Host: shop.example");
}

static void every_connection_field_counts(void **state)
{
	(void)state;
	begin(1);
	add("Connection", "X-One");
	add("X-One", "1");
	add("X-Two", "2");
	add("X-Three", "3");
	add("connection", "X-Two");
	add("Connection", "close");
	strip();
	assert_left("X-Three: 3");
	assert_true(options.close);
}

static void a_nomination_of_nothing_there_is_harmless(void **state)
{
	(void)state;
	begin(1);
	add("Connection", "X-None, upgrade, \"x\", a b");
	add("X-One", "1");
	strip();
	assert_left("X-One: 1");
}

static void close_and_keep_alive_are_options_in_any_case(void **state)
{
	static const struct {
		const char *value;
		bool close;
		bool keep_alive;
	} rows[] = {
		{ "close", true, false },
		{ "Close", true, false },
		{ "keep-alive", false, true },
		{ "Keep-ALIVE", false, true },
		{ "keep-alive, close", true, true },
		{ "upgrade ,\t close", true, false },
		{ "closed", false, false },
		{ "not-close", false, false },
		{ "close keep-alive", false, false },
		{ "", false, false },
		{ ",", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(1);
		add("Connection", rows[i].value);
		memset(&options, 0xff, sizeof(options));
		strip();
		assert_int_equal(options.close, rows[i].close);
		assert_int_equal(options.keep_alive, rows[i].keep_alive);
	}
}

static void an_option_named_close_drops_no_field_of_that_name(void **state)
{
	(void)state;
	begin(1);
	add("Connection", "close, keep-alive");
	add("Close", "x");
	strip();
	assert_left("Close: x");
}

/* n options, over as many fields as asked. */
static bool strip_with_options(unsigned n, unsigned fields)
{
	static char values[40][200];

	begin(1);
	for (unsigned i = 0; i < fields; i++) {
		values[i][0] = '\0';
		for (unsigned k = i; k < n; k += fields)
			strcat(values[i], "a,");
		add("Connection", values[i]);
	}
	fault = (struct h1_fault) { 0 };
	return headers_strip_hop_by_hop(&message, &options, &fault);
}

static void too_many_connection_options_are_refused(void **state)
{
	(void)state;
	assert_true(strip_with_options(32, 1));
	assert_false(strip_with_options(33, 1));
	assert_int_equal(fault.status, 400);
	assert_string_equal(fault.reason, "too many connection options");
	assert_true(strip_with_options(32, 32));
	assert_false(strip_with_options(33, 33));
	assert_false(strip_with_options(33, 3));
}

static void what_weir_writes_itself_is_replaced(void **state)
{
	(void)state;
	begin(1);
	add("Host", "a.example");
	add("X-Request-Id", "7");
	add("X-Forwarded-Port", "443");
	add("Via", "1.1 edge");
	headers_strip_replaced(&message, false);
	assert_left("X-Forwarded-Port: 443, Via: 1.1 edge");
}

static void names_with_underscores_are_dropped_unless_they_are_allowed(void **state)
{
	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		begin(1);
		add("Content_Length", "5");
		add("X-One", "a_b");
		headers_strip_replaced(&message, allowed);
		assert_left(allowed ? "Content_Length: 5, X-One: a_b" : "X-One: a_b");
	}
}

/* RFC 9110 10.1.4 */
static void trailers_are_taken_by_who_says_so(void **state)
{
	(void)state;
	begin(1);
	assert_false(headers_accept_trailers(&message));
	add("TE", "gzip;q=0.5, Trailers");
	assert_true(headers_accept_trailers(&message));
	begin(0);
	add("TE", "trailers");
	assert_false(headers_accept_trailers(&message));
}

/* RFC 9110 6.5.1 */
static void trailers_that_change_the_message_are_dropped(void **state)
{
	static const char *const never[] = { "Transfer-Encoding", "Content-Length", "Host",
		"Connection", "TE", "Trailer", "Content-Type", "content-encoding",
		"Content-Range", "Authorization", "Cookie", "Set-Cookie", "Cache-Control",
		"Max-Forwards", "Expect", "X-Forwarded-For", "X-Request-Id", "Via", "Accept",
		"Accept-Encoding", "Content-Location", "If-Match", "if-none-match",
		"IF-MODIFIED-SINCE", "If-Range", "Location", "Age", "Vary", "Expires",
		"Retry-After", "Pragma", "X-Real-IP", "X-Forwarded-Port" };

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		begin(1);
		add(never[i], "1");
		add("X-Checksum", "abc");
		headers_strip_trailers(&message, SLICE(""), true);
		assert_left("X-Checksum: abc");
	}
}

/* RFC 9110 8.8.3, 14.3; RFC 9530 2, 3 */
static void trailers_whose_definitions_let_them_come_last_pass(void **state)
{
	(void)state;
	begin(1);
	add("ETag", "1");
	add("Accept-Ranges", "2");
	add("Content-Digest", "3");
	add("Date", "4");
	headers_strip_trailers(&message, SLICE(""), false);
	assert_left("ETag: 1, Accept-Ranges: 2, Content-Digest: 3, Date: 4");
}

static void trailers_with_underscores_are_dropped_unless_they_are_allowed(void **state)
{
	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		begin(1);
		add("Content_Length", "5");
		add("X-One", "a_b");
		headers_strip_trailers(&message, SLICE(""), allowed);
		assert_left(allowed ? "Content_Length: 5, X-One: a_b" : "X-One: a_b");
	}
}

/* The names that are kept of the message's Connection fields. */
static void assert_nominated(const char *expected)
{
	struct buffer names;

	buffer_init(&names, 1000);
	assert_true(headers_nominate_trailers(&message, &names));
	if (strcmp(expected, "") == 0)
		assert_null(names.data);
	else
		assert_true(slice_equal(buffer_slice(&names), slice_of(expected)));
	buffer_done(&names);
}

/* RFC 9110 7.6.1: any header or trailer fields of that name. */
static void trailers_that_connection_nominates_stop_here(void **state)
{
	(void)state;
	begin(1);
	add("Connection", "X-Hop, ,close,\tdate ");
	add("X-Two", "2");
	add("connection", "X-More");
	assert_nominated("X-Hop,date,X-More,");
	begin(1);
	add("X-Hop-Not", "1");
	add("x-hop", "2");
	add("X-Mor", "3");
	add("X-MORE", "4");
	add("Date", "5");
	add("close", "6");
	headers_strip_trailers(&message, SLICE("X-Hop,date,X-More,"), true);
	assert_left("X-Hop-Not: 1, X-Mor: 3, close: 6");
}

static void of_the_usual_connection_options_nothing_is_kept(void **state)
{
	(void)state;
	begin(1);
	add("X-Hop", "1");
	assert_nominated("");
	add("Connection",
	    "keep-alive, Upgrade, TE, close, Trailer, X-Forwarded-For, X-Real-IP");
	assert_nominated("");
}

static void nominations_that_there_is_no_memory_for_are_told(void **state)
{
	struct buffer names;

	(void)state;
	begin(1);
	add("Connection", "X-Hop, X-More");
	for (size_t cap = 0; cap <= 13; cap++) {
		buffer_init(&names, cap);
		assert_int_equal(headers_nominate_trailers(&message, &names), cap == 13);
		buffer_done(&names);
	}
}

/* RFC 9110 7.8, RFC 9113 3.1 */
static void only_another_protocol_than_http_is_changed_to(void **state)
{
	static const struct {
		const char *upgrade;
		bool passes;
	} rows[] = {
		{ "websocket", true },
		{ "WebSocket, foo/2", true },
		{ "h2c", false },
		{ "websocket, h2c", false },
		{ "HTTP/2.0", false },
		{ "TLS/1.0", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(1);
		add("Connection", "keep-alive, Upgrade");
		add("Upgrade", rows[i].upgrade);
		strip();
		assert_int_equal(headers_upgrade(&message, &options).len > 0, rows[i].passes);
	}
}

static void an_upgrade_needs_its_option_http_1_1_and_no_body(void **state)
{
	(void)state;
	begin(1);
	add("Upgrade", "websocket");
	strip();
	assert_int_equal(headers_upgrade(&message, &options).len, 0);
	begin(0);
	add("Connection", "upgrade");
	add("Upgrade", "websocket");
	strip();
	assert_int_equal(headers_upgrade(&message, &options).len, 0);
	begin(1);
	add("Connection", "upgrade");
	add("Upgrade", "websocket");
	message.body = BODY_LENGTH;
	message.content_length = 1;
	strip();
	assert_int_equal(headers_upgrade(&message, &options).len, 0);
	/* Content-Length: 0 says that there is none. */
	message.content_length = 0;
	assert_int_equal(headers_upgrade(&message, &options).len, 9);
}

/* RFC 9110 7.6.2 */
static void max_forwards_is_counted_down_and_ends_at_zero(void **state)
{
	static const struct {
		enum method_id method;
		const char *before;
		bool goes_on;
		const char *after;
	} rows[] = {
		{ METHOD_OPTIONS, "10", true, "Max-Forwards: 9" },
		{ METHOD_TRACE, "1", true, "Max-Forwards: 0" },
		{ METHOD_OPTIONS, "0", false, "Max-Forwards: 0" },
		{ METHOD_GET, "0", true, "Max-Forwards: 0" },
		{ METHOD_OPTIONS, "18446744073709551615", true,
		    "Max-Forwards: 18446744073709551614" },
		/* More than can be counted is the most that can. */
		{ METHOD_OPTIONS, "18446744073709551616", true,
		    "Max-Forwards: 18446744073709551614" },
		{ METHOD_TRACE, "99999999999999999999999", true,
		    "Max-Forwards: 18446744073709551614" },
		/* Nobody can tell what is no number: the next one may read it otherwise. */
		{ METHOD_OPTIONS, "many", true, "Max-Forwards: many" },
		{ METHOD_OPTIONS, "0, 5", true, "Max-Forwards: 0, 5" },
		{ METHOD_OPTIONS, "99999999999999999999999x", true,
		    "Max-Forwards: 99999999999999999999999x" },
		{ METHOD_OPTIONS, "", true, "Max-Forwards: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char digits[MAX_FORWARDS_DIGITS];

		begin(1);
		message.method_id = rows[i].method;
		add("Max-Forwards", rows[i].before);
		assert_int_equal(headers_count_forward(&message, digits), rows[i].goes_on);
		assert_left(rows[i].after);
	}
}

static void of_several_max_forwards_the_smallest_counts_and_goes_on_alone(void **state)
{
	static const struct {
		const char *values[3];
		bool goes_on;
		const char *after;
	} rows[] = {
		{ { "5", "3", "7" }, true, "Max-Forwards: 2" },
		{ { "3", "5", "5" }, true, "Max-Forwards: 2" },
		{ { "5", "many", "" }, true, "Max-Forwards: 4" },
		{ { "many", "5", "5" }, true, "Max-Forwards: 4" },
		{ { "99999999999999999999999", "5", "6" }, true, "Max-Forwards: 4" },
		{ { "5", "0", "5" }, false,
		    "Max-Forwards: 5, Max-Forwards: 0, Max-Forwards: 5" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char digits[MAX_FORWARDS_DIGITS];

		begin(1);
		message.method_id = METHOD_OPTIONS;
		for (size_t j = 0; j < 3; j++)
			add("Max-Forwards", rows[i].values[j]);
		assert_int_equal(headers_count_forward(&message, digits), rows[i].goes_on);
		assert_left(rows[i].after);
	}
}

static void a_max_forwards_that_connection_names_ends_here(void **state)
{
	char digits[MAX_FORWARDS_DIGITS];

	(void)state;
	begin(1);
	message.method_id = METHOD_OPTIONS;
	add("Connection", "max-forwards");
	add("Max-Forwards", "5");
	strip();
	assert_true(headers_count_forward(&message, digits));
	assert_left("");
}

/* RFC 9110 10.1.1 */
static void expect_of_http_1_0_means_nothing(void **state)
{
	(void)state;
	begin(0);
	add("Expect", "100-continue");
	assert_false(headers_expects_continue(&message));
	headers_strip_replaced(&message, false);
	assert_left("");
	begin(1);
	add("Expect", "100-continue");
	headers_strip_replaced(&message, false);
	assert_left("Expect: 100-continue");
}

static void a_field_once_dropped_stays_dropped(void **state)
{
	(void)state;
	begin(1);
	add("Connection", "Expect, X-One");
	add("Expect", "100-continue");
	add("X-One", "1");
	strip();
	headers_strip_replaced(&message, false);
	assert_left("");
}

static void a_client_waits_for_100_only_where_it_says_so(void **state)
{
	static const struct {
		const char *value;
		bool expects;
	} rows[] = {
		{ "100-continue", true },
		{ "100-Continue", true },
		{ "100", false },
		{ "100-continued", false },
		{ "200-maybe", false },
		{ "", false },
	};

	(void)state;
	begin(1);
	assert_false(headers_expects_continue(&message));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(1);
		add("Expect", rows[i].value);
		assert_int_equal(headers_expects_continue(&message), rows[i].expects);
	}
}

static void a_request_id_is_kept_if_it_can_be_printed(void **state)
{
	char longest[REQUEST_ID_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(headers_request_id_is_sane(SLICE("3f2504e0-4f89-11d3")));
	assert_true(headers_request_id_is_sane(SLICE("!~")));
	assert_true(headers_request_id_is_sane((struct slice) { longest, REQUEST_ID_MAX }));
	assert_false(
	    headers_request_id_is_sane((struct slice) { longest, REQUEST_ID_MAX + 1 }));
	assert_false(headers_request_id_is_sane(SLICE("")));
	assert_false(headers_request_id_is_sane((struct slice) { 0 }));
	assert_false(headers_request_id_is_sane(SLICE("a b")));
	assert_false(headers_request_id_is_sane(SLICE("a\tb")));
	assert_false(headers_request_id_is_sane(SLICE("a\x7f")));
	assert_false(headers_request_id_is_sane(SLICE("caf\xc3\xa9")));
	assert_false(headers_request_id_is_sane(SLICE("a\0b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_by_hop_fields_stop_here),
		cmocka_unit_test(the_framing_stops_here),
		cmocka_unit_test(everything_else_travels_on),
		cmocka_unit_test(fields_that_connection_nominates_stop_here),
		cmocka_unit_test(
		    what_a_proxy_says_of_the_client_is_not_the_clients_to_take_away),
		cmocka_unit_test(every_connection_field_counts),
		cmocka_unit_test(a_nomination_of_nothing_there_is_harmless),
		cmocka_unit_test(close_and_keep_alive_are_options_in_any_case),
		cmocka_unit_test(an_option_named_close_drops_no_field_of_that_name),
		cmocka_unit_test(too_many_connection_options_are_refused),
		cmocka_unit_test(what_weir_writes_itself_is_replaced),
		cmocka_unit_test(names_with_underscores_are_dropped_unless_they_are_allowed),
		cmocka_unit_test(trailers_are_taken_by_who_says_so),
		cmocka_unit_test(trailers_that_change_the_message_are_dropped),
		cmocka_unit_test(trailers_whose_definitions_let_them_come_last_pass),
		cmocka_unit_test(trailers_with_underscores_are_dropped_unless_they_are_allowed),
		cmocka_unit_test(trailers_that_connection_nominates_stop_here),
		cmocka_unit_test(of_the_usual_connection_options_nothing_is_kept),
		cmocka_unit_test(nominations_that_there_is_no_memory_for_are_told),
		cmocka_unit_test(only_another_protocol_than_http_is_changed_to),
		cmocka_unit_test(an_upgrade_needs_its_option_http_1_1_and_no_body),
		cmocka_unit_test(max_forwards_is_counted_down_and_ends_at_zero),
		cmocka_unit_test(of_several_max_forwards_the_smallest_counts_and_goes_on_alone),
		cmocka_unit_test(a_max_forwards_that_connection_names_ends_here),
		cmocka_unit_test(expect_of_http_1_0_means_nothing),
		cmocka_unit_test(a_field_once_dropped_stays_dropped),
		cmocka_unit_test(a_client_waits_for_100_only_where_it_says_so),
		cmocka_unit_test(a_request_id_is_kept_if_it_can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

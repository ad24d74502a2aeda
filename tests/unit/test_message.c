#include "base/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct {
	const char *name;
	enum field_id id;
} fields[] = {
	{ "connection", FIELD_CONNECTION },
	{ "content-length", FIELD_CONTENT_LENGTH },
	{ "cookie", FIELD_COOKIE },
	{ "date", FIELD_DATE },
	{ "expect", FIELD_EXPECT },
	{ "forwarded", FIELD_FORWARDED },
	{ "host", FIELD_HOST },
	{ "http2-settings", FIELD_HTTP2_SETTINGS },
	{ "keep-alive", FIELD_KEEP_ALIVE },
	{ "max-forwards", FIELD_MAX_FORWARDS },
	{ "proxy-authenticate", FIELD_PROXY_AUTHENTICATE },
	{ "proxy-authentication-info", FIELD_PROXY_AUTHENTICATION_INFO },
	{ "proxy-authorization", FIELD_PROXY_AUTHORIZATION },
	{ "proxy-connection", FIELD_PROXY_CONNECTION },
	{ "set-cookie", FIELD_SET_COOKIE },
	{ "te", FIELD_TE },
	{ "trailer", FIELD_TRAILER },
	{ "transfer-encoding", FIELD_TRANSFER_ENCODING },
	{ "upgrade", FIELD_UPGRADE },
	{ "via", FIELD_VIA },
	{ "x-forwarded-for", FIELD_X_FORWARDED_FOR },
	{ "x-forwarded-host", FIELD_X_FORWARDED_HOST },
	{ "x-forwarded-proto", FIELD_X_FORWARDED_PROTO },
	{ "x-request-id", FIELD_X_REQUEST_ID },
};

enum {
	N_FIELDS = sizeof(fields) / sizeof(fields[0])
};

/* On the heap at its exact size, so that a read past its end is seen. */
static enum field_id identify(const char *name, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum field_id id;

	assert_non_null(copy);
	memcpy(copy, name, len);
	id = field_identify((struct slice) { copy, len });
	free(copy);
	return id;
}

static void every_known_field_is_told_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(N_FIELDS, FIELD_IDS - 1);
	for (size_t i = 0; i < N_FIELDS; i++)
		assert_int_equal(
		    identify(fields[i].name, strlen(fields[i].name)), fields[i].id);
}

static void the_case_of_a_field_name_does_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FIELDS; i++) {
		char name[32] = { 0 };
		size_t len = strlen(fields[i].name);

		for (size_t at = 0; at < len; at++) {
			char c = fields[i].name[at];

			name[at] =
			    c >= 'a' && c <= 'z' && (at + i) % 3 != 0 ? (char)(c - 32) : c;
		}
		assert_int_equal(identify(name, len), fields[i].id);
	}
}

/* Each byte of each name replaced by each other value: none but its other case is the field. */
static void a_name_with_any_one_byte_different_is_another_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FIELDS; i++) {
		size_t len = strlen(fields[i].name);

		for (size_t at = 0; at < len; at++) {
			char name[32];

			memcpy(name, fields[i].name, len);
			for (int c = 0; c < 256; c++) {
				name[at] = (char)c;
				if (ascii_lower((char)c) == fields[i].name[at])
					assert_int_equal(identify(name, len), fields[i].id);
				else
					assert_int_not_equal(identify(name, len), fields[i].id);
			}
		}
	}
}

static void a_name_cut_short_or_longer_is_another_field(void **state)
{
	static const char *const others[] = { "", "x", "hos", "hostt", "cookie2", "accept",
		"user-agent", "x-forwarded", "content-lengthy", "proxy-authentication-infos",
		"a-very-long-field-name-that-is-no-field-of-ours" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(identify(others[i], strlen(others[i])), FIELD_OTHER);
}

static void methods_are_told_by_their_exact_names(void **state)
{
	(void)state;
	assert_int_equal(method_identify(SLICE("GET")), METHOD_GET);
	assert_int_equal(method_identify(SLICE("HEAD")), METHOD_HEAD);
	assert_int_equal(method_identify(SLICE("POST")), METHOD_POST);
	assert_int_equal(method_identify(SLICE("PUT")), METHOD_PUT);
	assert_int_equal(method_identify(SLICE("DELETE")), METHOD_DELETE);
	assert_int_equal(method_identify(SLICE("OPTIONS")), METHOD_OPTIONS);
	assert_int_equal(method_identify(SLICE("CONNECT")), METHOD_CONNECT);
	assert_int_equal(method_identify(SLICE("TRACE")), METHOD_TRACE);
	assert_int_equal(method_identify(SLICE("get")), METHOD_OTHER);
	assert_int_equal(method_identify(SLICE("GETS")), METHOD_OTHER);
	assert_int_equal(method_identify(SLICE("PATCH")), METHOD_PATCH);
	assert_int_equal(method_identify(SLICE("PURGE")), METHOD_OTHER);
	assert_int_equal(method_identify(SLICE("PROPFIND")), METHOD_OTHER);
	assert_int_equal(method_identify((struct slice) { 0 }), METHOD_OTHER);
}

/* RFC 9110 9.2.2: PUT, DELETE and the safe methods. */
static void only_methods_defined_as_idempotent_may_be_repeated(void **state)
{
	(void)state;
	assert_true(method_is_idempotent(METHOD_GET));
	assert_true(method_is_idempotent(METHOD_HEAD));
	assert_true(method_is_idempotent(METHOD_OPTIONS));
	assert_true(method_is_idempotent(METHOD_TRACE));
	assert_true(method_is_idempotent(METHOD_PUT));
	assert_true(method_is_idempotent(METHOD_DELETE));
	assert_false(method_is_idempotent(METHOD_POST));
	assert_false(method_is_idempotent(METHOD_CONNECT));
	assert_false(method_is_idempotent(METHOD_OTHER));
}

static struct message message;

static void add_field(const char *name, const char *value)
{
	assert_true(message_add(
	    &message, field_identify(slice_of(name)), slice_of(name), slice_of(value)));
}

static void the_first_field_of_a_name_is_found(void **state)
{
	(void)state;
	memset(&message, 0, sizeof(message));
	assert_null(message_find(&message, FIELD_COOKIE));
	assert_null(message_find_name(&message, SLICE("x-user-id")));
	add_field("Accept", "*/*");
	add_field("X-User-Id", "one");
	add_field("x-user-id", "two");
	add_field("Cookie", "a=1");
	add_field("cookie", "b=2");
	assert_ptr_equal(message_find(&message, FIELD_COOKIE), &message.fields[3]);
	assert_ptr_equal(message_find_name(&message, SLICE("COOKIE")), &message.fields[3]);
	assert_ptr_equal(message_find_name(&message, SLICE("x-USER-id")), &message.fields[1]);
	assert_null(message_find(&message, FIELD_HOST));
	assert_null(message_find_name(&message, SLICE("Host")));
	assert_null(message_find_name(&message, SLICE("x-user-i")));
}

static void the_path_ends_where_the_query_begins(void **state)
{
	static const char *const rows[][2] = { { "/a/b?c=d?e", "/a/b" }, { "/a", "/a" },
		{ "/?", "/" }, { "*", "*" }, { "?a", "/" }, { "", "/" },
		{ "/a%3Fb", "/a%3Fb" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&message, 0, sizeof(message));
		message.target = slice_of(rows[i][0]);
		assert_true(slice_equal(message_path(&message), slice_of(rows[i][1])));
	}
	message.target = (struct slice) { 0 };
	assert_true(slice_equal(message_path(&message), SLICE("/")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_field_is_told_by_its_name),
		cmocka_unit_test(the_case_of_a_field_name_does_not_matter),
		cmocka_unit_test(a_name_with_any_one_byte_different_is_another_field),
		cmocka_unit_test(a_name_cut_short_or_longer_is_another_field),
		cmocka_unit_test(methods_are_told_by_their_exact_names),
		cmocka_unit_test(only_methods_defined_as_idempotent_may_be_repeated),
		cmocka_unit_test(the_first_field_of_a_name_is_found),
		cmocka_unit_test(the_path_ends_where_the_query_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

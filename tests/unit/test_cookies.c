#include "router/cookies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct message request;

static void request_of(const char *const *cookies, size_t n)
{
	memset(&request, 0, sizeof(request));
	for (size_t i = 0; i < n; i++)
		assert_true(
		    message_add(&request, FIELD_COOKIE, SLICE("Cookie"), slice_of(cookies[i])));
}

static void the_first_cookie_of_a_name_is_found(void **state)
{
	static const struct {
		const char *cookies[2];
		const char *value; /* NULL: there is none */
	} rows[] = {
		{ { "sid=1" }, "1" },
		{ { "a=2; sid=1; sid=3" }, "1" },
		{ { "a=2", "b=3;sid=4" }, "4" },
		{ { "sid=; sid=5" }, "" },
		{ { "sid=a=b" }, "a=b" },
		{ { "Sid=1; xsid=2; sidx=3; sid" }, NULL },
		{ { "a=sid=1" }, NULL },
		{ { "", ";;" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice value;
		bool found;

		request_of(rows[i].cookies, rows[i].cookies[1] != NULL ? 2 : 1);
		found = cookies_find(&request, SLICE("sid"), &value);
		if (found != (rows[i].value != NULL) ||
		    (found && !slice_equal(value, slice_of(rows[i].value))))
			fail_msg("row %zu", i);
	}
}

static void a_cookie_is_taken_out_and_the_others_stay(void **state)
{
	static const struct {
		const char *before;
		const char *after; /* NULL: the field goes */
	} rows[] = {
		{ "a=1; t=x; b=2", "a=1; b=2" },
		{ "t=x; a=1", "a=1" },
		{ "a=1; t=x", "a=1" },
		{ "t=x", NULL },
		{ "t=x; t=y", NULL },
		{ "t=x; a=1; t=y; b=2;t=", "a=1; b=2" },
		{ "t=x;a=1;b=2", "a=1; b=2" },
		{ " t=x ;; a=1 ; ;b", "a=1; b" },
		/* Untouched, however it is written. */
		{ "a=1;b=t=2 ;; tt=3", "a=1;b=t=2 ;; tt=3" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request_of(&rows[i].before, 1);
		assert_true(cookies_remove(&request, SLICE("t"), &arena));
		assert_int_equal(request.fields[0].drop, rows[i].after == NULL);
		if (rows[i].after != NULL &&
		    !slice_equal(request.fields[0].value, slice_of(rows[i].after)))
			fail_msg("'%s' became '%.*s'", rows[i].before,
			    (int)request.fields[0].value.len, request.fields[0].value.data);
	}
	arena_done(&arena);
}

static void a_cookie_is_taken_out_of_every_field(void **state)
{
	static const char *const cookies[] = { "t=1", "a=1", "b=2; t=3" };
	struct arena arena;

	(void)state;
	arena_init(&arena, 4096);
	request_of(cookies, 3);
	assert_true(cookies_remove(&request, SLICE("t"), &arena));
	assert_true(request.fields[0].drop);
	assert_false(request.fields[1].drop);
	assert_true(slice_equal(request.fields[2].value, SLICE("b=2")));
	arena_done(&arena);
}

static void a_full_arena_is_an_error(void **state)
{
	static const char *const cookies[] = { "a=1; t=x; b=2" };
	struct arena arena;

	(void)state;
	arena_init(&arena, 4);
	request_of(cookies, 1);
	assert_false(cookies_remove(&request, SLICE("t"), &arena));
	assert_true(cookies_remove(&request, SLICE("absent"), &arena));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_cookie_of_a_name_is_found),
		cmocka_unit_test(a_cookie_is_taken_out_and_the_others_stay),
		cmocka_unit_test(a_cookie_is_taken_out_of_every_field),
		cmocka_unit_test(a_full_arena_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

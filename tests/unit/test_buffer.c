#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_holds(const struct buffer *buffer, const char *expected)
{
	assert_int_equal(buffer_len(buffer), strlen(expected));
	assert_memory_equal(buffer_slice(buffer).data, expected, strlen(expected));
}

static void append(struct buffer *buffer, const char *text)
{
	assert_true(buffer_append_slice(buffer, slice_of(text)));
}

static void what_is_appended_comes_out_in_order(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	assert_int_equal(buffer_len(&buffer), 0);
	append(&buffer, "hello, ");
	append(&buffer, "");
	append(&buffer, "world");
	assert_holds(&buffer, "hello, world");
	buffer_consume(&buffer, 7);
	assert_holds(&buffer, "world");
	append(&buffer, "!");
	assert_holds(&buffer, "world!");
	buffer_done(&buffer);
}

static void an_empty_buffer_owns_no_memory(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	assert_null(buffer.data);
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_true(buffer_reserve(&buffer, 0));
	assert_null(buffer.data);
	append(&buffer, "x");
	buffer_done(&buffer);
	assert_null(buffer.data);
	append(&buffer, "still usable");
	assert_holds(&buffer, "still usable");
	buffer_done(&buffer);
}

static void the_cap_can_be_filled_to_the_last_byte_and_no_further(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 10);
	append(&buffer, "0123456");
	assert_false(buffer_append(&buffer, "789a", 4));
	assert_holds(&buffer, "0123456");
	append(&buffer, "789");
	assert_holds(&buffer, "0123456789");
	assert_false(buffer_reserve(&buffer, 1));
	assert_true(buffer_reserve(&buffer, 0));
	assert_false(buffer_reserve(&buffer, SIZE_MAX));
	assert_holds(&buffer, "0123456789");
	buffer_done(&buffer);
}

static void a_cap_of_nothing_holds_nothing(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	assert_false(buffer_append(&buffer, "x", 1));
	assert_false(buffer_reserve_keeping(&buffer, 1));
	assert_true(buffer_append(&buffer, "x", 0));
	assert_null(buffer.data);
}

static void consumed_bytes_make_room_again(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 10);
	append(&buffer, "0123456789");
	buffer_consume(&buffer, 4);
	append(&buffer, "abcd");
	assert_holds(&buffer, "456789abcd");
	assert_false(buffer_append(&buffer, "x", 1));
	buffer_done(&buffer);
}

static void one_that_is_used_up_begins_at_its_front_again(void **state)
{
	struct buffer buffer;
	const char *front;

	(void)state;
	buffer_init(&buffer, 100);
	append(&buffer, "first");
	front = buffer_slice(&buffer).data;
	buffer_consume(&buffer, 5);
	append(&buffer, "second");
	assert_ptr_equal(buffer_slice(&buffer).data, front);
	buffer_done(&buffer);
}

static void reserving_with_what_is_consumed_kept_moves_nothing_down(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 1000);
	append(&buffer, "sent unsent");
	buffer.start += 5;
	assert_true(buffer_reserve_keeping(&buffer, 900));
	assert_int_equal(buffer.start, 5);
	assert_holds(&buffer, "unsent");
	assert_memory_equal(buffer.data, "sent unsent", 11);
	assert_false(buffer_reserve_keeping(&buffer, 990));
	assert_true(buffer_reserve(&buffer, 990));
	assert_int_equal(buffer.start, 0);
	assert_holds(&buffer, "unsent");
	buffer_done(&buffer);
}

static void reserved_room_is_there_to_be_written(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 5000);
	append(&buffer, "x");
	for (size_t n = 1; n < 4999; n += 499) {
		assert_true(buffer_reserve(&buffer, n));
		memset(buffer.data + buffer.end, 'y', n);
	}
	buffer_added(&buffer, 2);
	assert_holds(&buffer, "xyy");
	buffer_done(&buffer);
}

static void a_reset_keeps_little_memory_and_gives_back_much(void **state)
{
	struct buffer buffer;
	const char *memory;

	(void)state;
	buffer_init(&buffer, 100000);
	append(&buffer, "little");
	memory = buffer.data;
	buffer_reset(&buffer, 1000);
	assert_int_equal(buffer_len(&buffer), 0);
	assert_ptr_equal(buffer.data, memory);
	assert_true(buffer_reserve(&buffer, 90000));
	buffer_added(&buffer, 0);
	buffer_reset(&buffer, 1000);
	assert_null(buffer.data);
	append(&buffer, "again");
	assert_holds(&buffer, "again");
	buffer_done(&buffer);
}

static void printing_is_appending(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 20);
	assert_true(buffer_printf(&buffer, "%d-%s", 12, "ab"));
	assert_true(buffer_printf(&buffer, "%s", ""));
	assert_holds(&buffer, "12-ab");
	assert_false(buffer_printf(&buffer, "%s", "0123456789abcdef"));
	assert_holds(&buffer, "12-ab");
	buffer_done(&buffer);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A plain queue of bytes, moved down at every step, is the model. */
static void any_order_of_calls_keeps_the_bytes(void **state)
{
	enum {
		CAP = 3000
	};
	static char model[CAP];
	char piece[CAP];
	size_t len = 0;
	uint32_t seed = 7;
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, CAP);
	for (int i = 0; i < 50000; i++) {
		size_t n = next_random(&seed) % (next_random(&seed) % 2 ? 40 : 1500);

		if (next_random(&seed) % 2 == 0) {
			memset(piece, 'a' + i % 26, n);
			assert_int_equal(buffer_append(&buffer, piece, n), len + n <= CAP);
			if (len + n <= CAP) {
				memcpy(model + len, piece, n);
				len += n;
			}
		} else {
			n = n < len ? n : len;
			buffer_consume(&buffer, n);
			memmove(model, model + n, len - n);
			len -= n;
		}
		if (next_random(&seed) % 500 == 0) {
			buffer_reset(&buffer, next_random(&seed) % CAP);
			len = 0;
		}
		assert_int_equal(buffer_len(&buffer), len);
		assert_true(slice_equal(buffer_slice(&buffer), (struct slice) { model, len }));
	}
	buffer_done(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_comes_out_in_order),
		cmocka_unit_test(an_empty_buffer_owns_no_memory),
		cmocka_unit_test(the_cap_can_be_filled_to_the_last_byte_and_no_further),
		cmocka_unit_test(a_cap_of_nothing_holds_nothing),
		cmocka_unit_test(consumed_bytes_make_room_again),
		cmocka_unit_test(one_that_is_used_up_begins_at_its_front_again),
		cmocka_unit_test(reserving_with_what_is_consumed_kept_moves_nothing_down),
		cmocka_unit_test(reserved_room_is_there_to_be_written),
		cmocka_unit_test(a_reset_keeps_little_memory_and_gives_back_much),
		cmocka_unit_test(printing_is_appending),
		cmocka_unit_test(any_order_of_calls_keeps_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

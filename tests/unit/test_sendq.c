#include "proxy/sendq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	CAP = 65536,
	REPLAY = 16384,
	LARGE = 5000, /* large enough not to be copied */
};

static void begin(struct sendq *q, bool replayable)
{
	sendq_init(q, CAP, REPLAY);
	sendq_reset(q, replayable, CAP);
}

static void copy(struct sendq *q, const char *text)
{
	assert_true(sendq_copy(q, slice_of(text)));
}

/* No two stretches of it are alike. */
static void fill(char *bytes, char c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(c + (char)(i % 251) + (char)(i / 251));
}

/* n bytes, in memory that the caller frees. */
static struct slice foreign_bytes(char c, size_t n)
{
	char *bytes = malloc(n);

	assert_non_null(bytes);
	fill(bytes, c, n);
	return (struct slice) { bytes, n };
}

static void free_bytes(struct slice bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

/* What a writer does: it appends to what is held, and says so. */
static void write_through(struct sendq *q, struct slice bytes)
{
	assert_true(buffer_append_slice(&q->held, bytes));
	sendq_written(q);
}

/* Everything unsent, as one writev would send it. */
static size_t gather(const struct sendq *q, char *out)
{
	struct iovec iov[SENDQ_PARTS_MAX];
	int n = sendq_iov(q, iov);
	size_t len = 0;

	assert_in_range(n, 0, SENDQ_PARTS_MAX);
	for (int i = 0; i < n; i++) {
		assert_true(iov[i].iov_len > 0);
		memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

static void assert_unsent(const struct sendq *q, struct slice expected)
{
	static char unsent[2 * CAP];

	assert_int_equal(q->pending, expected.len);
	assert_int_equal(gather(q, unsent), expected.len);
	assert_true(slice_equal((struct slice) { unsent, expected.len }, expected));
}

static void an_empty_queue_has_nothing_to_send(void **state)
{
	struct sendq q;

	(void)state;
	begin(&q, false);
	assert_unsent(&q, SLICE(""));
	assert_true(sendq_copy(&q, SLICE("")));
	assert_true(sendq_refer(&q, SLICE("")));
	sendq_sent(&q, 0);
	assert_true(sendq_keep(&q));
	sendq_forget(&q);
	assert_unsent(&q, SLICE(""));
	sendq_done(&q);
}

static void held_and_foreign_bytes_leave_in_the_order_they_came(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	char expected[LARGE + 10] = "head";
	struct sendq q;

	(void)state;
	begin(&q, false);
	copy(&q, "he");
	copy(&q, "ad");
	assert_true(sendq_refer(&q, large));
	copy(&q, "tail");
	fill(expected + 4, 'x', LARGE);
	memcpy(expected + 4 + LARGE, "tail", 4);
	assert_int_equal(q.n_parts, 3);
	assert_unsent(&q, (struct slice) { expected, LARGE + 8 });
	sendq_done(&q);
	free_bytes(large);
}

static void large_foreign_bytes_are_not_copied_and_small_ones_are(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct slice small = foreign_bytes('y', 100);
	struct iovec iov[SENDQ_PARTS_MAX];
	struct sendq q;

	(void)state;
	begin(&q, false);
	assert_true(sendq_refer(&q, large));
	assert_true(sendq_refer(&q, small));
	assert_int_equal(sendq_iov(&q, iov), 2);
	assert_ptr_equal(iov[0].iov_base, large.data);
	free_bytes(small);
	assert_memory_equal(iov[1].iov_base, "yz{|", 4);
	sendq_done(&q);
	free_bytes(large);
}

static void what_is_held_goes_before_foreign_bytes_where_there_is_room(void **state)
{
	static char memory[10000];
	const size_t head_len = strlen("new head ");

	(void)state;
	for (size_t room = 0; room < 20; room++) {
		struct iovec iov[SENDQ_PARTS_MAX];
		struct sendq q;

		begin(&q, false);
		fill(memory, 'o', sizeof(memory));
		fill(memory + room, 'b', 5000);
		copy(&q, "new head ");
		assert_true(
		    sendq_refer_behind(&q, (struct slice) { memory + room, 5000 }, memory));
		assert_int_equal(sendq_iov(&q, iov), room >= head_len ? 1 : 2);
		assert_int_equal(q.pending, head_len + 5000);
		assert_memory_equal(iov[0].iov_base, "new head ", head_len);
		assert_int_equal(memory[room], 'b');
		copy(&q, " tail");
		sendq_sent(&q, head_len + 5000);
		assert_unsent(&q, SLICE(" tail"));
		sendq_done(&q);
	}
}

static void a_peer_may_take_any_part_of_it(void **state)
{
	enum {
		TOTAL = 4 + LARGE + 4
	};
	struct slice large = foreign_bytes('x', LARGE);
	char expected[TOTAL] = "head";

	(void)state;
	fill(expected + 4, 'x', LARGE);
	memcpy(expected + 4 + LARGE, "tail", 4);
	for (size_t n = 0; n <= TOTAL; n++) {
		struct sendq q;

		begin(&q, false);
		copy(&q, "head");
		assert_true(sendq_refer(&q, large));
		copy(&q, "tail");
		sendq_sent(&q, n);
		assert_unsent(&q, (struct slice) { expected + n, TOTAL - n });
		sendq_done(&q);
	}
	free_bytes(large);
}

static void what_is_kept_does_not_need_the_foreign_bytes(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	char expected[LARGE + 10];
	struct sendq q;

	(void)state;
	begin(&q, false);
	copy(&q, "head");
	assert_true(sendq_refer(&q, large));
	copy(&q, "tail");
	sendq_sent(&q, 6);
	assert_true(sendq_keep(&q));
	memcpy(expected, large.data + 2, LARGE - 2);
	memcpy(expected + LARGE - 2, "tail", 4);
	free_bytes(large);
	assert_unsent(&q, (struct slice) { expected, LARGE + 2 });
	copy(&q, "more");
	memcpy(expected + LARGE + 2, "more", 4);
	assert_unsent(&q, (struct slice) { expected, LARGE + 6 });
	sendq_done(&q);
}

static void more_pieces_than_one_writev_takes_are_copied(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	size_t total = 0;
	static char expected[100 * (LARGE + 1)];
	struct sendq q;

	(void)state;
	sendq_init(&q, sizeof(expected), REPLAY);
	for (int i = 0; i < 100; i++) {
		assert_true(sendq_refer(&q, large));
		fill(expected + total, 'x', LARGE);
		total += LARGE;
		copy(&q, "|");
		expected[total++] = '|';
	}
	assert_int_equal(q.n_parts, SENDQ_PARTS_MAX);
	assert_int_equal(q.pending, total);
	{
		static char unsent[sizeof(expected)];

		assert_int_equal(gather(&q, unsent), total);
		assert_memory_equal(unsent, expected, total);
	}
	sendq_done(&q);
	free_bytes(large);
}

static void a_run_of_foreign_pieces_leaves_a_part_for_what_is_held(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct sendq q;

	(void)state;
	sendq_init(&q, 100 * LARGE, REPLAY);
	for (int i = 0; i < 50; i++)
		assert_true(sendq_refer(&q, large));
	copy(&q, "held");
	assert_int_equal(q.pending, 50 * LARGE + 4);
	sendq_sent(&q, 50 * LARGE);
	assert_unsent(&q, SLICE("held"));
	sendq_done(&q);
	free_bytes(large);
}

static void what_waits_is_capped(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct sendq q;

	(void)state;
	sendq_init(&q, 1000, 1000);
	assert_true(sendq_copy(&q, (struct slice) { large.data, 1000 }));
	assert_false(sendq_copy(&q, SLICE("x")));
	assert_unsent(&q, (struct slice) { large.data, 1000 });
	sendq_sent(&q, 1);
	assert_true(sendq_copy(&q, (struct slice) { large.data + 1000, 1 }));
	assert_unsent(&q, (struct slice) { large.data + 1, 1000 });
	sendq_reset(&q, false, 1000);
	/* It may pass through, but it cannot wait. */
	assert_true(sendq_refer(&q, large));
	assert_false(sendq_keep(&q));
	sendq_sent(&q, LARGE - 1000);
	assert_true(sendq_keep(&q));
	assert_unsent(&q, (struct slice) { large.data + LARGE - 1000, 1000 });
	sendq_done(&q);
	free_bytes(large);
}

static void what_a_writer_appends_is_sent(void **state)
{
	struct sendq q;

	(void)state;
	begin(&q, true);
	write_through(&q, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
	copy(&q, "hello");
	assert_unsent(&q, SLICE("HTTP/1.1 200 OK\r\n\r\nhello"));
	sendq_sent(&q, 3);
	sendq_rewind(&q);
	assert_unsent(&q, SLICE("HTTP/1.1 200 OK\r\n\r\nhello"));
	sendq_done(&q);
}

/* An interim response that went out in part, and then weir's own answer. */
static void what_a_writer_appends_behind_a_part_that_was_sent_is_sent_whole(void **state)
{
	struct slice first = foreign_bytes('a', 400);
	struct slice second = foreign_bytes('b', 300);
	char expected[600];
	struct sendq q;

	(void)state;
	begin(&q, false);
	assert_true(sendq_copy(&q, first));
	sendq_sent(&q, 100);
	write_through(&q, second);
	memcpy(expected, first.data + 100, 300);
	memcpy(expected + 300, second.data, 300);
	assert_unsent(&q, (struct slice) { expected, 600 });
	sendq_done(&q);
	free_bytes(first);
	free_bytes(second);
}

static void what_was_sent_can_be_sent_again_while_replayable(void **state)
{
	struct sendq q;

	(void)state;
	begin(&q, true);
	copy(&q, "GET / HTTP/1.1\r\n\r\n");
	sendq_sent(&q, 18);
	assert_unsent(&q, SLICE(""));
	copy(&q, "body");
	sendq_sent(&q, 2);
	assert_true(q.replayable);
	sendq_rewind(&q);
	assert_unsent(&q, SLICE("GET / HTTP/1.1\r\n\r\nbody"));
	sendq_sent(&q, 22);
	sendq_rewind(&q);
	assert_unsent(&q, SLICE("GET / HTTP/1.1\r\n\r\nbody"));
	sendq_done(&q);
}

static void foreign_bytes_are_copied_while_they_can_be_sent_again(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct slice expected = foreign_bytes('x', LARGE);
	struct sendq q;

	(void)state;
	begin(&q, true);
	assert_true(sendq_refer(&q, large));
	assert_true(q.replayable);
	sendq_sent(&q, LARGE);
	assert_true(sendq_keep(&q));
	free_bytes(large);
	sendq_rewind(&q);
	assert_unsent(&q, expected);
	sendq_done(&q);
	free_bytes(expected);
}

static void too_much_to_send_again_is_not_kept(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct sendq q;

	(void)state;
	begin(&q, true);
	for (int i = 0; i < REPLAY / LARGE; i++) {
		assert_true(sendq_refer(&q, large));
		assert_true(q.replayable);
		sendq_sent(&q, LARGE);
	}
	assert_true(sendq_refer(&q, large));
	assert_false(q.replayable);
	assert_unsent(&q, large);
	sendq_sent(&q, LARGE);
	/* From here on its memory is used again. */
	for (int i = 0; i < 100; i++) {
		assert_true(sendq_copy(&q, large));
		sendq_sent(&q, LARGE);
	}
	sendq_done(&q);
	free_bytes(large);
}

static void a_forgotten_part_keeps_what_was_not_sent(void **state)
{
	struct sendq q;

	(void)state;
	begin(&q, true);
	copy(&q, "sent|unsent");
	sendq_sent(&q, 5);
	sendq_forget(&q);
	assert_false(q.replayable);
	assert_unsent(&q, SLICE("unsent"));
	copy(&q, "|more");
	assert_unsent(&q, SLICE("unsent|more"));
	sendq_done(&q);
}

static void a_reset_queue_forgets_everything(void **state)
{
	struct slice large = foreign_bytes('x', LARGE);
	struct sendq q;

	(void)state;
	begin(&q, false);
	copy(&q, "held");
	assert_true(sendq_refer(&q, large));
	free_bytes(large);
	sendq_reset(&q, true, 100);
	assert_unsent(&q, SLICE(""));
	copy(&q, "new");
	sendq_sent(&q, 3);
	sendq_rewind(&q);
	assert_unsent(&q, SLICE("new"));
	sendq_done(&q);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* All that was queued since the last reset, and how much of it is gone. */
struct model {
	char bytes[8 * CAP];
	size_t len;
	size_t sent;
	bool replayable;
};

static void model_reset(struct model *m, struct sendq *q, uint32_t *seed)
{
	m->len = m->sent = 0;
	m->replayable = next_random(seed) % 2 == 0;
	sendq_reset(q, m->replayable, next_random(seed) % CAP);
}

static void queue_some(struct model *m, struct sendq *q, struct slice bytes, uint32_t *seed)
{
	unsigned how = next_random(seed) % 4;

	memcpy(m->bytes + m->len, bytes.data, bytes.len);
	m->len += bytes.len;
	if (how == 0 && !m->replayable) {
		write_through(q, bytes);
		return;
	}
	m->replayable = m->replayable && m->len <= REPLAY;
	if (how == 1)
		assert_true(sendq_copy(q, bytes));
	else
		assert_true(sendq_refer(q, bytes));
}

static void assert_agrees(const struct model *m, const struct sendq *q)
{
	assert_int_equal(q->replayable, m->replayable);
	assert_unsent(q, (struct slice) { m->bytes + m->sent, m->len - m->sent });
}

/* What one event does: reads into memory of its own, queues, sends, keeps the rest. */
static void one_callback(struct model *m, struct sendq *q, uint32_t *seed)
{
	size_t size = next_random(seed) % 3 == 0 ? 300 : 30000;
	struct slice read = foreign_bytes((char)('a' + next_random(seed) % 26), size);
	size_t used = 0;
	size_t n;

	for (unsigned i = next_random(seed) % 40; i > 0 && used < size; i--) {
		n = next_random(seed) % (next_random(seed) % 2 ? 40 : 9000);
		if (n > size - used)
			n = size - used;
		queue_some(m, q, (struct slice) { read.data + used, n }, seed);
		used += n;
		assert_agrees(m, q);
	}
	n = next_random(seed) % 3 == 0 ? q->pending : next_random(seed) % (q->pending + 1);
	sendq_sent(q, n);
	m->sent += n;
	assert_agrees(m, q);
	assert_true(sendq_keep(q));
	free_bytes(read);
	assert_agrees(m, q);
}

static void any_order_of_calls_sends_the_bytes_in_order(void **state)
{
	static struct model m;
	uint32_t seed = 3;
	struct sendq q;

	(void)state;
	begin(&q, false);
	for (int i = 0; i < 5000; i++) {
		one_callback(&m, &q, &seed);
		if (m.replayable && next_random(&seed) % 4 == 0) {
			sendq_rewind(&q);
			m.sent = 0;
		}
		if (next_random(&seed) % 20 == 0) {
			sendq_forget(&q);
			m.replayable = false;
		}
		assert_agrees(&m, &q);
		if (m.len - m.sent > CAP - 31000 || m.len > sizeof(m.bytes) - 31000 ||
		    next_random(&seed) % 10 == 0)
			model_reset(&m, &q, &seed);
	}
	sendq_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_queue_has_nothing_to_send),
		cmocka_unit_test(held_and_foreign_bytes_leave_in_the_order_they_came),
		cmocka_unit_test(large_foreign_bytes_are_not_copied_and_small_ones_are),
		cmocka_unit_test(what_is_held_goes_before_foreign_bytes_where_there_is_room),
		cmocka_unit_test(a_peer_may_take_any_part_of_it),
		cmocka_unit_test(what_is_kept_does_not_need_the_foreign_bytes),
		cmocka_unit_test(more_pieces_than_one_writev_takes_are_copied),
		cmocka_unit_test(a_run_of_foreign_pieces_leaves_a_part_for_what_is_held),
		cmocka_unit_test(what_waits_is_capped),
		cmocka_unit_test(what_a_writer_appends_is_sent),
		cmocka_unit_test(
		    what_a_writer_appends_behind_a_part_that_was_sent_is_sent_whole),
		cmocka_unit_test(what_was_sent_can_be_sent_again_while_replayable),
		cmocka_unit_test(foreign_bytes_are_copied_while_they_can_be_sent_again),
		cmocka_unit_test(too_much_to_send_again_is_not_kept),
		cmocka_unit_test(a_forgotten_part_keeps_what_was_not_sent),
		cmocka_unit_test(a_reset_queue_forgets_everything),
		cmocka_unit_test(any_order_of_calls_sends_the_bytes_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

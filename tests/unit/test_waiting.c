/* What awaits its answer, and when that counts as slow. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proxy/waiting.h"

#include <stdlib.h>

enum {
	OVER_US = 1000000,
	GENERATION = 3,
};

struct fixture {
	struct worker *worker;
	struct relay *relay;
	struct route_live live;
	struct route route;
	struct snapshot snapshot;
	struct worker_view view;
	atomic_uchar touched;
};

/* A request that went to the canary at 10 s. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->worker = calloc(1, sizeof(*f->worker));
	f->relay = calloc(1, sizeof(*f->relay));
	f->live.stats = route_stats_new(1, OVER_US);
	f->live.generation = GENERATION;
	f->route.live = &f->live;
	f->snapshot.routes = &f->route;
	f->view.snapshot = &f->snapshot;
	f->view.touched = &f->touched;
	f->relay->worker = f->worker;
	f->relay->route = &f->route;
	f->relay->view = &f->view;
	f->relay->has_arm = true;
	f->relay->exchange.forwarded_us = 10 * 1000000;
	f->relay->exchange.outcome = (struct outcome) {
		.arm = ARM_CANARY, .counts = true, .randomised = true, .generation = GENERATION
	};
	return f->live.stats == NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	route_stats_free(f->live.stats);
	free(f->relay);
	free(f->worker);
	free(f);
	return 0;
}

static uint32_t slow_at(struct fixture *f, uint64_t now_us)
{
	static struct path_evidence paths[PATH_CLASSES];
	struct evidence route;

	f->worker->now_us = now_us;
	waiting_sweep(f->worker);
	route_stats_read_evidence(f->live.stats, GENERATION, &route, paths);
	return route.entries[0].arms[ARM_CANARY].over_all;
}

static void a_request_is_slow_once_it_has_waited_too_long(void **state)
{
	struct fixture *f = *state;

	waiting_join(f->relay);
	assert_int_equal(slow_at(f, 10900000), 0);
	assert_int_equal(f->touched, 0);
	assert_int_equal(slow_at(f, 11100000), 1);
	assert_int_equal(slow_at(f, 11200000), 0);
}

static void one_whose_answer_has_begun_no_longer_waits(void **state)
{
	struct fixture *f = *state;

	waiting_join(f->relay);
	f->relay->exchange.first_byte_us = 10500000;
	assert_int_equal(slow_at(f, 20000000), 0);
}

static void one_that_is_to_be_sent_again_has_not_waited_yet(void **state)
{
	struct fixture *f = *state;

	waiting_join(f->relay);
	f->relay->exchange.forwarded_us = 0;
	assert_int_equal(slow_at(f, 20000000), 0);
	waiting_leave(f->relay);
	assert_null(f->worker->waiting);
}

static void any_of_several_may_leave(void **state)
{
	struct fixture *f = *state;
	struct relay *others = calloc(2, sizeof(*others));

	others[0].worker = others[1].worker = f->worker;
	waiting_join(&others[0]);
	waiting_join(f->relay);
	waiting_join(f->relay);
	waiting_join(&others[1]);
	waiting_leave(f->relay);
	waiting_leave(f->relay);
	assert_ptr_equal(f->worker->waiting, &others[1]);
	assert_ptr_equal(others[1].next_waiting, &others[0]);
	waiting_leave(&others[1]);
	waiting_leave(&others[0]);
	assert_null(f->worker->waiting);
	free(others);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_request_is_slow_once_it_has_waited_too_long),
		WITH(one_whose_answer_has_begun_no_longer_waits),
		WITH(one_that_is_to_be_sent_again_has_not_waited_yet),
		WITH(any_of_several_may_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proxy/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Each client with a server of its own, and every pipe in use. */
static uint64_t most_used(const struct descriptor_budget *budget)
{
	return 2 * (uint64_t)budget->max_clients + 2 * (uint64_t)budget->max_pipes;
}

static void all_workers_together_leave_a_reserve(void **state)
{
	static const size_t workers[] = { 1, 2, 3, 8, 64 };
	static const size_t listeners[] = { 1, 2, 10 };

	(void)state;
	for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++) {
		for (size_t l = 0; l < sizeof(listeners) / sizeof(listeners[0]); l++) {
			uint64_t least = 32 + workers[w] * (10 + listeners[l]);

			for (uint64_t limit = least; limit < 100000; limit += 97) {
				struct descriptor_budget budget =
				    descriptor_budget(limit, workers[w], listeners[l]);
				uint64_t used =
				    workers[w] * (most_used(&budget) + listeners[l] + 3);

				assert_true(used + 32 <= limit);
			}
		}
	}
}

static void most_of_a_share_is_for_clients_and_their_servers(void **state)
{
	struct descriptor_budget small = descriptor_budget(1024, 1, 1);
	struct descriptor_budget large = descriptor_budget(524288, 8, 1);

	(void)state;
	assert_in_range(small.max_clients, 400, 512);
	assert_in_range(small.max_pipes, 50, 64);
	assert_in_range(large.max_clients, 32000, 32768);
	assert_int_equal(large.max_pipes, 256);
}

static void a_client_is_served_however_few_there_are(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 60; limit++) {
		struct descriptor_budget budget = descriptor_budget(limit, 8, 2);

		assert_int_equal(budget.max_clients, 1);
		assert_int_equal(budget.max_pipes, 0);
	}
}

static void without_a_limit_clients_are_not_limited(void **state)
{
	struct descriptor_budget budget = descriptor_budget(UINT64_MAX, 4, 1);

	(void)state;
	assert_int_equal(budget.max_clients, UINT32_MAX);
	assert_int_equal(budget.max_pipes, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_workers_together_leave_a_reserve),
		cmocka_unit_test(most_of_a_share_is_for_clients_and_their_servers),
		cmocka_unit_test(a_client_is_served_however_few_there_are),
		cmocka_unit_test(without_a_limit_clients_are_not_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

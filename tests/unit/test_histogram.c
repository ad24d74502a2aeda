/* The latency histogram: how close its answers are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct histogram histogram;
	struct counter sum_us;
	struct histogram_sum sum;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state == NULL;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void any_value_up_to_an_hour_is_known_within_3_2_percent(void **state)
{
	struct fixture *f = *state;

	for (double exact = 1; exact <= 3.6e9; exact *= 1.0173) {
		uint64_t us = (uint64_t)exact;

		memset(f, 0, sizeof(*f));
		histogram_record(&f->histogram, &f->sum_us, us);
		histogram_merge(&f->sum, &f->histogram, &f->sum_us);
		assert_true(fabs((double)histogram_quantile(&f->sum, .5) - (double)us) <=
			    .032 * (double)us);
	}
}

static void buckets_neither_overlap_nor_leave_gaps(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_bucket(histogram_bucket_start(i)), i);
		assert_int_equal(histogram_bucket(histogram_bucket_start(i + 1) - 1), i);
	}
	assert_int_equal(histogram_bucket(HISTOGRAM_MAX_US), HISTOGRAM_BUCKETS - 1);
}

static void values_below_32_us_are_exact(void **state)
{
	struct fixture *f = *state;

	for (uint64_t us = 0; us < 32; us++)
		histogram_record(&f->histogram, &f->sum_us, us);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	for (uint64_t us = 0; us < 32; us++)
		assert_int_equal(histogram_quantile(&f->sum, ((double)us + 1) / 32), us);
}

static void longer_than_an_hour_counts_as_an_hour(void **state)
{
	struct fixture *f = *state;

	histogram_record(&f->histogram, &f->sum_us, UINT64_MAX);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	assert_int_equal(f->sum.count, 1);
	assert_int_equal(f->sum.sum_us, HISTOGRAM_MAX_US);
	assert_int_equal(f->sum.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

static void quantiles_of_a_thousand_values_are_where_they_belong(void **state)
{
	struct fixture *f = *state;
	static const double shares[] = { .001, .5, .9, .99, .999, 1 };

	for (uint64_t i = 1; i <= 1000; i++)
		histogram_record(&f->histogram, &f->sum_us, i * 1000);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double exact = ceil(shares[i] * 1000) * 1000;
		double got = (double)histogram_quantile(&f->sum, shares[i]);

		assert_true(fabs(got - exact) <= .032 * exact);
	}
	assert_int_equal(f->sum.count, 1000);
	assert_int_equal(f->sum.sum_us, 500500000);
}

static void workers_histograms_add_up(void **state)
{
	struct fixture *f = *state;
	struct fixture *other = calloc(1, sizeof(*other));

	assert_non_null(other);
	histogram_record(&f->histogram, &f->sum_us, 100);
	histogram_record(&other->histogram, &other->sum_us, 100);
	histogram_record(&other->histogram, &other->sum_us, 5000);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	histogram_merge(&f->sum, &other->histogram, &other->sum_us);
	assert_int_equal(f->sum.count, 3);
	assert_int_equal(f->sum.sum_us, 5200);
	free(other);
}

static void an_empty_histogram_answers_zero(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(histogram_quantile(&f->sum, .99), 0);
	assert_int_equal(histogram_count_at_most(&f->sum, HISTOGRAM_MAX_US), 0);
}

static void the_count_at_most_never_falls_as_the_bound_rises(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	for (uint64_t us = 1; us < 100000000; us = us * 5 / 4 + 1)
		histogram_record(&f->histogram, &f->sum_us, us);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	for (uint64_t us = 1; us < 200000000; us = us * 9 / 8 + 1) {
		uint64_t count = histogram_count_at_most(&f->sum, us);

		assert_true(count >= last);
		last = count;
	}
	assert_int_equal(last, f->sum.count);
}

static void the_count_at_most_leaves_out_what_is_clearly_above(void **state)
{
	struct fixture *f = *state;

	histogram_record(&f->histogram, &f->sum_us, 900);
	histogram_record(&f->histogram, &f->sum_us, 1100);
	histogram_merge(&f->sum, &f->histogram, &f->sum_us);
	assert_int_equal(histogram_count_at_most(&f->sum, 1000), 1);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(any_value_up_to_an_hour_is_known_within_3_2_percent),
		cmocka_unit_test(buckets_neither_overlap_nor_leave_gaps),
		WITH_FIXTURE(values_below_32_us_are_exact),
		WITH_FIXTURE(longer_than_an_hour_counts_as_an_hour),
		WITH_FIXTURE(quantiles_of_a_thousand_values_are_where_they_belong),
		WITH_FIXTURE(workers_histograms_add_up),
		WITH_FIXTURE(an_empty_histogram_answers_zero),
		WITH_FIXTURE(the_count_at_most_never_falls_as_the_bound_rises),
		WITH_FIXTURE(the_count_at_most_leaves_out_what_is_clearly_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* conf/units: quantities as people write them. */
#include "conf/units.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char needs_unit[] = "a time needs its unit: us, ms, s, m, h or d, as in 250ms";
static const char no_time[] =
    "a time is a whole number with its unit, us, ms, s, m, h or d, as in 250ms";
static const char no_size[] = "a size is a whole number of bytes, or with k, m or g, as in 16k";
static const char no_share[] = "a share is written as a percentage, as in 5% or 0.01%";
static const char no_percent[] = "a share needs its percent sign, as in 5% or 0.01%";
static const char too_precise[] =
    "a share has at most four decimals: 0.0001% is one in a million";

static void a_time_is_a_whole_number_with_its_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} rows[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "1us", 1 },
		{ "250ms", 250000 },
		{ "10s", 10000000 },
		{ "10m", 600000000 },
		{ "1h", UINT64_C(3600000000) },
		{ "30d", UINT64_C(2592000000000) },
		{ "007s", 7000000 },
		{ "18446744073709551615us", UINT64_MAX },
		{ "18446744073709551ms", UINT64_C(18446744073709551000) },
	};
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(units_parse_duration(slice_of(rows[i].text), &us, NULL));
		assert_true(us == rows[i].us);
	}
}

static void a_time_without_its_unit_or_too_long_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", no_time },
		{ "10", needs_unit },
		{ "1.5s", no_time },
		{ "s", no_time },
		{ "-1s", no_time },
		{ "+1s", no_time },
		{ "1 s", no_time },
		{ "1S", no_time },
		{ "1sec", no_time },
		{ "1h30m", no_time },
		{ "18446744073709551616us", "too long a time" },
		{ "18446744073709552ms", "too long a time" },
		{ "213503983d", "too long a time" },
	};
	struct error err;
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(units_parse_duration(slice_of(rows[i].text), &us, &err));
		assert_string_equal(err.text, rows[i].why);
	}
}

static void a_size_is_bytes_or_binary_multiples(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "16k", 16384 },
		{ "2m", 2097152 },
		{ "1g", 1073741824 },
		{ "18014398509481983k", UINT64_C(18446744073709550592) },
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(units_parse_size(slice_of(rows[i].text), &bytes, NULL));
		assert_true(bytes == rows[i].bytes);
	}
}

static void a_size_that_is_none_or_wraps_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", no_size },
		{ "k", no_size },
		{ "16kb", no_size },
		{ "16K", no_size },
		{ "1.5k", no_size },
		{ "-1", no_size },
		{ "18014398509481984k", "too large a size" },
		{ "99999999999999999999", "too large a size" },
	};
	struct error err;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(units_parse_size(slice_of(rows[i].text), &bytes, &err));
		assert_string_equal(err.text, rows[i].why);
	}
}

static void a_share_is_kept_to_the_ppm(void **state)
{
	static const struct {
		const char *text;
		uint32_t ppm;
	} rows[] = {
		{ "0%", 0 },
		{ "0.0001%", 1 },
		{ "0.01%", 100 },
		{ "0.1%", 1000 },
		{ "0.3%", 3000 },
		{ "1.1%", 11000 },
		{ "5%", 50000 },
		{ "33.3333%", 333333 },
		{ "99.9999%", 999999 },
		{ "100%", 1000000 },
		{ "100.0000%", 1000000 },
		{ "007%", 70000 },
	};
	uint32_t ppm;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(units_parse_share(slice_of(rows[i].text), &ppm, NULL));
		assert_int_equal(ppm, rows[i].ppm);
	}
}

static void every_share_reads_back_as_it_is_shown(void **state)
{
	char text[UNITS_TEXT_SIZE];
	uint32_t ppm;

	(void)state;
	for (uint32_t i = 0; i <= 1000000; i += i < 2000 ? 1 : 997) {
		units_format_share(i, text);
		assert_true(units_parse_share(slice_of(text), &ppm, NULL));
		assert_int_equal(ppm, i);
	}
}

static void a_share_without_percent_too_precise_or_too_large_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", no_share },
		{ "%", no_share },
		{ "5", no_percent },
		{ "0.05", no_percent },
		{ ".5%", no_share },
		{ "5.%", no_share },
		{ "5 %", no_share },
		{ "-5%", no_share },
		{ "1e1%", no_share },
		{ "5%%", no_share },
		{ "1.2.3%", no_share },
		{ "0.00001%", too_precise },
		{ "0.10000%", too_precise },
		{ "100.0001%", "a share is 0% to 100%" },
		{ "101%", "a share is 0% to 100%" },
		{ "4294967297%", "a share is 0% to 100%" },
		{ "18446744073709551617%", "a share is 0% to 100%" },
	};
	struct error err;
	uint32_t ppm;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(units_parse_share(slice_of(rows[i].text), &ppm, &err));
		assert_string_equal(err.text, rows[i].why);
	}
}

static void a_fraction_is_a_plain_decimal_up_to_one(void **state)
{
	struct error err;
	uint32_t ppm;

	(void)state;
	assert_true(units_parse_fraction(SLICE("0.01"), &ppm, NULL));
	assert_int_equal(ppm, 10000);
	assert_true(units_parse_fraction(SLICE("0.000001"), &ppm, NULL));
	assert_int_equal(ppm, 1);
	assert_true(units_parse_fraction(SLICE("1"), &ppm, NULL));
	assert_int_equal(ppm, 1000000);
	assert_false(units_parse_fraction(SLICE("1.000001"), &ppm, &err));
	assert_string_equal(err.text, "must be at most 1");
	assert_false(units_parse_fraction(SLICE("0.0000001"), &ppm, &err));
	assert_string_equal(err.text, "at most six decimals are kept");
	assert_false(units_parse_fraction(SLICE("1e-2"), &ppm, &err));
	assert_string_equal(err.text, "a plain decimal is needed, as in 0.01");
}

static void quantities_are_shown_in_their_largest_whole_unit(void **state)
{
	char text[UNITS_TEXT_SIZE];

	(void)state;
	units_format_duration(0, text);
	assert_string_equal(text, "0");
	units_format_duration(1, text);
	assert_string_equal(text, "1us");
	units_format_duration(90000000, text);
	assert_string_equal(text, "90s");
	units_format_duration(UINT64_C(172800000000), text);
	assert_string_equal(text, "2d");
	units_format_size(32768, text);
	assert_string_equal(text, "32k");
	units_format_size(1000, text);
	assert_string_equal(text, "1000");
	units_format_share(100, text);
	assert_string_equal(text, "0.01%");
	units_format_share(1000000, text);
	assert_string_equal(text, "100%");
	units_format_fraction(10000, text);
	assert_string_equal(text, "0.01");
	units_format_fraction(0, text);
	assert_string_equal(text, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_a_whole_number_with_its_unit),
		cmocka_unit_test(a_time_without_its_unit_or_too_long_is_refused),
		cmocka_unit_test(a_size_is_bytes_or_binary_multiples),
		cmocka_unit_test(a_size_that_is_none_or_wraps_is_refused),
		cmocka_unit_test(a_share_is_kept_to_the_ppm),
		cmocka_unit_test(every_share_reads_back_as_it_is_shown),
		cmocka_unit_test(a_share_without_percent_too_precise_or_too_large_is_refused),
		cmocka_unit_test(a_fraction_is_a_plain_decimal_up_to_one),
		cmocka_unit_test(quantities_are_shown_in_their_largest_whole_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

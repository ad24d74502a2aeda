/* conf/schedule: windows of the week. conf/url: the parts of a webhook's address. */
#include "conf/schedule.h"
#include "conf/url.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

enum {
	SUN,
	MON,
	TUE,
	WED,
	THU,
	FRI,
	SAT,
	DAYS,
	DAY_MINUTES = 24 * 60,
};

static struct schedule schedule_of(const char *text)
{
	struct schedule schedule = { .n = 0 };
	struct error err = { "" };

	if (!schedule_add(&schedule, slice_of(text), &err))
		fail_msg("%s", err.text);
	return schedule;
}

static bool contains(const char *text, unsigned weekday, unsigned hour, unsigned minute)
{
	struct schedule schedule = schedule_of(text);

	return schedule_contains(&schedule, weekday, hour * 60 + minute);
}

/* How many minutes of the week are in it. */
static unsigned total(const struct schedule *schedule)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DAYS * DAY_MINUTES; i++)
		n += schedule_contains(schedule, i / DAY_MINUTES, i % DAY_MINUTES);
	return n;
}

static void without_windows_it_is_always_time(void **state)
{
	struct schedule schedule = { .n = 0 };

	(void)state;
	assert_int_equal(total(&schedule), DAYS * DAY_MINUTES);
}

static void a_window_begins_at_its_first_minute_and_ends_before_its_last(void **state)
{
	struct schedule schedule = schedule_of("mon-fri 09:00-16:00");

	(void)state;
	assert_int_equal(total(&schedule), 5 * 7 * 60);
	assert_false(contains("mon-fri 09:00-16:00", MON, 8, 59));
	assert_true(contains("mon-fri 09:00-16:00", MON, 9, 0));
	assert_true(contains("mon-fri 09:00-16:00", FRI, 15, 59));
	assert_false(contains("mon-fri 09:00-16:00", FRI, 16, 0));
	assert_false(contains("mon-fri 09:00-16:00", SAT, 12, 0));
	assert_false(contains("mon-fri 09:00-16:00", SUN, 12, 0));
}

static void a_window_over_midnight_ends_on_the_next_day(void **state)
{
	static const char text[] = "fri-sat 22:00-02:00";
	struct schedule schedule = schedule_of(text);

	(void)state;
	assert_int_equal(total(&schedule), 2 * 4 * 60);
	assert_false(contains(text, FRI, 1, 0));
	assert_true(contains(text, FRI, 22, 0));
	assert_true(contains(text, SAT, 1, 59));
	assert_false(contains(text, SAT, 2, 0));
	assert_true(contains(text, SAT, 23, 59));
	assert_true(contains(text, SUN, 1, 59));
	assert_false(contains(text, SUN, 22, 0));
	assert_true(contains("sat 22:00-02:00", SUN, 0, 0));
}

static void days_go_on_over_the_end_of_the_week(void **state)
{
	struct schedule schedule = schedule_of("fri-mon 10:00-11:00");

	(void)state;
	assert_int_equal(total(&schedule), 4 * 60);
	assert_true(contains("fri-mon 10:00-11:00", SUN, 10, 0));
	assert_true(contains("fri-mon 10:00-11:00", MON, 10, 0));
	assert_false(contains("fri-mon 10:00-11:00", TUE, 10, 0));
	assert_false(contains("fri-mon 10:00-11:00", THU, 10, 0));
}

static void days_alone_are_whole_and_times_alone_are_every_days(void **state)
{
	struct schedule days = schedule_of("sat-sun");
	struct schedule times = schedule_of("12:00-13:00");
	struct schedule day = schedule_of("Wed 00:00-24:00");

	(void)state;
	assert_int_equal(total(&days), 2 * DAY_MINUTES);
	assert_int_equal(total(&times), DAYS * 60);
	assert_int_equal(total(&day), DAY_MINUTES);
	assert_true(contains("Wed 00:00-24:00", WED, 23, 59));
}

static void windows_add_up_over_commas_and_lines(void **state)
{
	struct schedule schedule = schedule_of("mon 09:00-10:00, tue 09:00-10:00");

	(void)state;
	assert_true(schedule_add(&schedule, SLICE("tue 09:30-11:00"), NULL));
	assert_int_equal(schedule.n, 3);
	assert_int_equal(total(&schedule), 60 + 120);
}

static void a_url_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		bool tls;
		const char *authority, *host;
		uint16_t port;
		const char *target;
	} rows[] = {
		{ "https://hooks.example.com/weir?team=shop", true, "hooks.example.com",
		    "hooks.example.com", 443, "/weir?team=shop" },
		{ "http://10.0.0.1:8080", false, "10.0.0.1:8080", "10.0.0.1", 8080, "/" },
		{ "HTTP://[2001:db8::1]:81/a/", false, "[2001:db8::1]:81", "2001:db8::1", 81,
		    "/a/" },
		{ "https://[::1]", true, "[::1]", "::1", 443, "/" },
		{ "http://chat/", false, "chat", "chat", 80, "/" },
		{ "http://a:65535/x@y:z", false, "a:65535", "a", 65535, "/x@y:z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url url;
		struct error err;

		if (!url_parse(slice_of(rows[i].text), &url, &err))
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_int_equal(url.tls, rows[i].tls);
		assert_int_equal(url.port, rows[i].port);
		assert_true(slice_equal(url.authority, slice_of(rows[i].authority)));
		assert_true(slice_equal(url.host, slice_of(rows[i].host)));
		assert_true(slice_equal(url.target, slice_of(rows[i].target)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_windows_it_is_always_time),
		cmocka_unit_test(a_window_begins_at_its_first_minute_and_ends_before_its_last),
		cmocka_unit_test(a_window_over_midnight_ends_on_the_next_day),
		cmocka_unit_test(days_go_on_over_the_end_of_the_week),
		cmocka_unit_test(days_alone_are_whole_and_times_alone_are_every_days),
		cmocka_unit_test(windows_add_up_over_commas_and_lines),
		cmocka_unit_test(a_url_is_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

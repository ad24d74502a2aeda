#include "conf/schedule.h"

enum {
	DAYS = 7,
	DAY_MINUTES = 24 * 60,
	EVERY_DAY = (1 << DAYS) - 1,
};

/* By tm_wday. */
static const char *const day_names[DAYS] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static bool parse_day(struct slice text, unsigned *day, struct error *err)
{
	for (unsigned i = 0; i < DAYS; i++) {
		if (slice_equal_nocase(text, slice_of(day_names[i]))) {
			*day = i;
			return true;
		}
	}
	error_set(err, "'%.*s' is no day; days are mon, tue, wed, thu, fri, sat and sun",
	    (int)text.len, text.data);
	return false;
}

/* Cuts the text at its first '-'; false where there is none. */
static bool split(struct slice text, struct slice *from, struct slice *to)
{
	const char *dash = memchr(text.data, '-', text.len);

	if (dash == NULL)
		return false;
	*from = (struct slice) { text.data, (size_t)(dash - text.data) };
	*to = (struct slice) { dash + 1, text.len - from->len - 1 };
	return true;
}

/* "mon" or "fri-mon", which goes on over the end of the week. */
static bool parse_days(struct slice text, uint8_t *days, struct error *err)
{
	struct slice from = text, to = text;
	unsigned day, last;

	split(text, &from, &to);
	if (!parse_day(from, &day, err) || !parse_day(to, &last, err))
		return false;
	*days = (uint8_t)(1U << day);
	while (day != last) {
		day = (day + 1) % DAYS;
		*days |= (uint8_t)(1U << day);
	}
	return true;
}

/* "09:00", up to "24:00". */
static bool parse_time(struct slice text, uint16_t *minute)
{
	uint64_t hours, minutes;

	if (text.len != 5 || text.data[2] != ':' ||
	    !slice_to_u64((struct slice) { text.data, 2 }, &hours) ||
	    !slice_to_u64((struct slice) { text.data + 3, 2 }, &minutes) || minutes > 59 ||
	    hours * 60 + minutes > DAY_MINUTES)
		return false;
	*minute = (uint16_t)(hours * 60 + minutes);
	return true;
}

static bool parse_times(struct slice text, struct schedule_window *window, struct error *err)
{
	struct slice from, to;

	if (!split(text, &from, &to) || !parse_time(from, &window->from_minute) ||
	    !parse_time(to, &window->to_minute) || window->from_minute == DAY_MINUTES) {
		error_set(err, "'%.*s' is no time of day, as in 09:00-16:00", (int)text.len,
		    text.data);
		return false;
	}
	if (window->from_minute == window->to_minute) {
		error_set(err, "'%.*s' ends when it begins; a whole day is 00:00-24:00",
		    (int)text.len, text.data);
		return false;
	}
	return true;
}

static bool parse_window(struct slice text, struct schedule_window *window, struct error *err)
{
	struct slice days = text, times;
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	days.len = len;
	times = slice_trim((struct slice) { text.data + len, text.len - len });
	*window = (struct schedule_window) { .days = EVERY_DAY, .to_minute = DAY_MINUTES };
	if (times.len == 0 && days.data[0] >= '0' && days.data[0] <= '9')
		return parse_times(days, window, err);
	return parse_days(days, &window->days, err) &&
	       (times.len == 0 || parse_times(times, window, err));
}

bool schedule_add(struct schedule *schedule, struct slice text, struct error *err)
{
	size_t n_before = schedule->n;
	struct schedule_window window;
	struct slice element;

	while (slice_next_element(&text, &element)) {
		if (schedule->n == SCHEDULE_WINDOWS_MAX) {
			error_set(err, "at most %d", SCHEDULE_WINDOWS_MAX);
			return false;
		}
		if (!parse_window(element, &window, err))
			return false;
		schedule->windows[schedule->n++] = window;
	}
	if (schedule->n == n_before)
		error_set(err, "no window");
	return schedule->n > n_before;
}

static bool has_day(const struct schedule_window *window, unsigned weekday)
{
	return (window->days >> weekday % DAYS & 1) != 0;
}

static bool window_contains(
    const struct schedule_window *window, unsigned weekday, unsigned minute)
{
	if (window->from_minute < window->to_minute)
		return has_day(window, weekday) && minute >= window->from_minute &&
		       minute < window->to_minute;
	/* What is left of it after midnight belongs to the day it began on. */
	return (has_day(window, weekday) && minute >= window->from_minute) ||
	       (has_day(window, weekday + DAYS - 1) && minute < window->to_minute);
}

bool schedule_contains(const struct schedule *schedule, unsigned weekday, unsigned minute)
{
	for (size_t i = 0; i < schedule->n; i++) {
		if (window_contains(&schedule->windows[i], weekday, minute))
			return true;
	}
	return schedule->n == 0;
}

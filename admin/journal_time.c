#include "admin/journal_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint64_t US = 1000000;

/* Two or four digits; moves *at past them. -1: there are not so many. */
static int digits(const char **at, int n)
{
	int value = 0;

	for (; n > 0; n--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* "Z" or "+01:00", to the end of the text; in seconds. */
static bool take_offset(const char **at, int *offset_s)
{
	int sign = **at == '-' ? -1 : 1;
	int hours, minutes;

	*offset_s = 0;
	if (take(at, 'Z') || take(at, 'z'))
		return **at == '\0';
	if (!take(at, '+') && !take(at, '-'))
		return false;
	hours = digits(at, 2);
	if (hours < 0 || hours > 23 || !take(at, ':'))
		return false;
	minutes = digits(at, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return **at == '\0';
}

static uint64_t take_fraction_us(const char **at)
{
	uint64_t value = 0, unit = US / 10;

	if (!take(at, '.'))
		return 0;
	for (; isdigit((unsigned char)**at); (*at)++) {
		value += unit * (uint64_t)(**at - '0');
		unit /= 10;
	}
	return value;
}

static bool in_range(int value, int least, int most)
{
	return value >= least && value <= most;
}

bool journal_time_parse(const char *text, uint64_t *wall_us)
{
	struct tm tm = { .tm_isdst = 0 };
	const char *at = text;
	uint64_t fraction_us;
	int64_t seconds;
	int offset_s, year, month;

	year = digits(&at, 4);
	if (!in_range(year, 1970, 9999) || !take(&at, '-'))
		return false;
	month = digits(&at, 2);
	if (!in_range(month, 1, 12) || !take(&at, '-'))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = digits(&at, 2);
	if (!in_range(tm.tm_mday, 1, 31) || (!take(&at, 'T') && !take(&at, 't')))
		return false;
	tm.tm_hour = digits(&at, 2);
	if (!in_range(tm.tm_hour, 0, 23) || !take(&at, ':'))
		return false;
	tm.tm_min = digits(&at, 2);
	if (!in_range(tm.tm_min, 0, 59) || !take(&at, ':'))
		return false;
	tm.tm_sec = digits(&at, 2);
	if (!in_range(tm.tm_sec, 0, 60))
		return false;
	fraction_us = take_fraction_us(&at);
	if (!take_offset(&at, &offset_s))
		return false;
	seconds = (int64_t)timegm(&tm) - offset_s;
	/* 31 February is none: timegm() would make it March. */
	if (tm.tm_mon != month - 1 || seconds < 0)
		return false;
	*wall_us = (uint64_t)seconds * US + fraction_us;
	return true;
}

static uint64_t unit_s(char unit)
{
	switch (unit) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	default: return 0;
	}
}

bool journal_time_parse_or_ago(
    const char *text, uint64_t now_us, uint64_t *wall_us, struct error *err)
{
	char *end;
	unsigned long long n;
	uint64_t unit, ago_us;

	if (journal_time_parse(text, wall_us))
		return true;
	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end != '\0' && end[1] == '\0' ? unit_s(*end) : 0;
	if (!isdigit((unsigned char)text[0]) || unit == 0 || errno != 0 ||
	    n > 36500ULL * 86400) {
		error_set(err,
		    "'%s' is no time: 2h, 15m, 7d (before now), or 2026-11-22T10:00:00Z", text);
		return false;
	}
	ago_us = (uint64_t)n * unit * US;
	*wall_us = ago_us < now_us ? now_us - ago_us : 0;
	return true;
}

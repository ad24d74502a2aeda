#include "conf/expiry.h"

#include "conf/units.h"

#include <time.h>

#define SECOND_US UINT64_C(1000000)

enum {
	AFTER_MAX_S = 3650 * 86400,
	YEAR_MIN = 2000,
};

/* Digits that stand between dashes, as in 2026-12-31. */
static bool is_date(struct slice text)
{
	return text.len == 10 && text.data[4] == '-' && text.data[7] == '-';
}

static bool parse_date(struct slice text, struct expiry *expiry, struct error *err)
{
	uint64_t year, month, day;
	struct tm date = { 0 };

	if (!slice_to_u64((struct slice) { text.data, 4 }, &year) ||
	    !slice_to_u64((struct slice) { text.data + 5, 2 }, &month) ||
	    !slice_to_u64((struct slice) { text.data + 8, 2 }, &day) || year < YEAR_MIN) {
		error_set(err, "a date is YYYY-MM-DD, from %d on", YEAR_MIN);
		return false;
	}
	date.tm_year = (int)year - 1900;
	date.tm_mon = (int)month - 1;
	date.tm_mday = (int)day;
	expiry->at_s = timegm(&date);
	/* timegm() makes 2 March of 30 February. */
	if (date.tm_mon != (int)month - 1 || date.tm_mday != (int)day) {
		error_set(err, "there is no such day");
		return false;
	}
	return true;
}

bool expiry_parse(struct slice text, struct expiry *expiry, struct error *err)
{
	uint64_t us;

	*expiry = (struct expiry) { 0 };
	if (is_date(text))
		return parse_date(text, expiry, err);
	if (!units_parse_duration(text, &us, NULL)) {
		error_set(err, "a date, as in 2026-12-31, or a time after 100%%, as in 14d");
		return false;
	}
	if (us == 0 || us % SECOND_US != 0 || us / SECOND_US > AFTER_MAX_S) {
		error_set(err, "must be whole seconds, 1s to %dd", AFTER_MAX_S / 86400);
		return false;
	}
	expiry->after_s = (uint32_t)(us / SECOND_US);
	return true;
}

#include "conf/units.h"

#include <stdio.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Smallest first. */
static const struct unit durations[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
	{ "m", UINT64_C(60) * 1000000 },
	{ "h", UINT64_C(3600) * 1000000 },
	{ "d", UINT64_C(86400) * 1000000 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "k", 1024 },
	{ "m", 1024 * 1024 },
	{ "g", 1024 * 1024 * 1024 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t count_digits(struct slice text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
		n++;
	return n;
}

enum scaled {
	SCALED,
	SCALED_NOT_A_NUMBER,
	SCALED_NO_SUCH_UNIT,
	SCALED_TOO_LARGE
};

static enum scaled parse_scaled(
    struct slice text, const struct unit *units, size_t n_units, uint64_t *value)
{
	size_t digits = count_digits(text);
	struct slice number = { text.data, digits };
	struct slice suffix = { text.data + digits, text.len - digits };

	if (digits == 0)
		return SCALED_NOT_A_NUMBER;
	for (size_t i = 0; i < n_units; i++) {
		if (!slice_equal(suffix, slice_of(units[i].name)))
			continue;
		if (!slice_to_u64(number, value) || *value > UINT64_MAX / units[i].factor)
			return SCALED_TOO_LARGE;
		*value *= units[i].factor;
		return SCALED;
	}
	return SCALED_NO_SUCH_UNIT;
}

bool units_parse_duration(struct slice text, uint64_t *us, struct error *err)
{
	switch (parse_scaled(text, durations, COUNT(durations), us)) {
	case SCALED: return true;
	case SCALED_TOO_LARGE: error_set(err, "too long a time"); return false;
	case SCALED_NO_SUCH_UNIT:
		if (count_digits(text) < text.len)
			break;
		if (slice_to_u64(text, us) && *us == 0)
			return true;
		error_set(err, "a time needs its unit: us, ms, s, m, h or d, as in 250ms");
		return false;
	case SCALED_NOT_A_NUMBER: break;
	}
	error_set(
	    err, "a time is a whole number with its unit, us, ms, s, m, h or d, as in 250ms");
	return false;
}

bool units_parse_size(struct slice text, uint64_t *bytes, struct error *err)
{
	switch (parse_scaled(text, sizes, COUNT(sizes), bytes)) {
	case SCALED: return true;
	case SCALED_TOO_LARGE: error_set(err, "too large a size"); return false;
	case SCALED_NO_SUCH_UNIT:
	case SCALED_NOT_A_NUMBER: break;
	}
	error_set(err, "a size is a whole number of bytes, or with k, m or g, as in 16k");
	return false;
}

/*
 * WHOLE[.DECIMALS] times 10^places, with at most `places` decimals. False where
 * it is not of that form; *value is UINT64_MAX where it is but does not fit.
 */
static bool parse_decimal(
    struct slice text, unsigned places, uint64_t *value, bool *too_precise)
{
	struct slice whole = { text.data, count_digits(text) };
	struct slice rest = { text.data + whole.len, text.len - whole.len };
	size_t decimals = 0;
	uint64_t n;

	*too_precise = false;
	if (whole.len == 0)
		return false;
	if (rest.len > 0) {
		if (rest.data[0] != '.')
			return false;
		rest = (struct slice) { rest.data + 1, rest.len - 1 };
		decimals = count_digits(rest);
		if (decimals == 0 || decimals != rest.len)
			return false;
	}
	*too_precise = decimals > places;
	*value = UINT64_MAX;
	/* Far above any share, far below where the scaling would wrap. */
	if (*too_precise || !slice_to_u64(whole, &n) || n > UINT32_MAX)
		return true;
	for (size_t i = 0; i < places; i++)
		n = n * 10 + (i < decimals ? (uint64_t)(rest.data[i] - '0') : 0);
	*value = n;
	return true;
}

bool units_parse_share(struct slice text, uint32_t *ppm, struct error *err)
{
	bool percent = text.len > 0 && text.data[text.len - 1] == '%';
	struct slice number = { text.data, text.len - (percent ? 1 : 0) };
	bool too_precise;
	uint64_t value;

	if (!parse_decimal(number, 4, &value, &too_precise)) {
		error_set(err, "a share is written as a percentage, as in 5%% or 0.01%%");
		return false;
	}
	if (!percent) {
		error_set(err, "a share needs its percent sign, as in 5%% or 0.01%%");
		return false;
	}
	if (too_precise) {
		error_set(
		    err, "a share has at most four decimals: 0.0001%% is one in a million");
		return false;
	}
	if (value > 1000000) {
		error_set(err, "a share is 0%% to 100%%");
		return false;
	}
	*ppm = (uint32_t)value;
	return true;
}

bool units_parse_fraction(struct slice text, uint32_t *ppm, struct error *err)
{
	bool too_precise;
	uint64_t value;

	if (!parse_decimal(text, 6, &value, &too_precise)) {
		error_set(err, "a plain decimal is needed, as in 0.01");
		return false;
	}
	if (too_precise) {
		error_set(err, "at most six decimals are kept");
		return false;
	}
	if (value > 1000000) {
		error_set(err, "must be at most 1");
		return false;
	}
	*ppm = (uint32_t)value;
	return true;
}

static void format_scaled(
    uint64_t value, const struct unit *units, size_t n_units, char text[UNITS_TEXT_SIZE])
{
	const struct unit *unit = &units[0];

	for (size_t i = 1; i < n_units && value > 0; i++) {
		if (value % units[i].factor == 0)
			unit = &units[i];
	}
	snprintf(text, UNITS_TEXT_SIZE, "%llu%s", (unsigned long long)(value / unit->factor),
	    value > 0 ? unit->name : "");
}

void units_format_duration(uint64_t us, char text[UNITS_TEXT_SIZE])
{
	format_scaled(us, durations, COUNT(durations), text);
}

void units_format_size(uint64_t bytes, char text[UNITS_TEXT_SIZE])
{
	format_scaled(bytes, sizes, COUNT(sizes), text);
}

/* Without trailing zeros: ppm over 10^places. */
static int format_decimal(uint32_t ppm, int places, char text[UNITS_TEXT_SIZE])
{
	uint32_t scale = 1;

	for (int i = 0; i < places; i++)
		scale *= 10;
	while (places > 0 && ppm % 10 == 0) {
		ppm /= 10;
		scale /= 10;
		places--;
	}
	if (places == 0)
		return snprintf(text, UNITS_TEXT_SIZE, "%u", ppm);
	return snprintf(text, UNITS_TEXT_SIZE, "%u.%0*u", ppm / scale, places, ppm % scale);
}

void units_format_share(uint32_t ppm, char text[UNITS_TEXT_SIZE])
{
	int len = format_decimal(ppm, 4, text);

	snprintf(text + len, UNITS_TEXT_SIZE - (size_t)len, "%%");
}

void units_format_fraction(uint32_t ppm, char text[UNITS_TEXT_SIZE])
{
	format_decimal(ppm, 6, text);
}

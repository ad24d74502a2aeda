#include "conf/budget.h"

#include "conf/units.h"

#include <string.h>

/* The histogram's range. */
#define THRESHOLD_MAX_US UINT64_C(3600000000)

enum {
	STATUS_MIN = 100,
	STATUS_MAX = 599
};

bool latency_budget_parse(struct slice text, struct latency_budget *budget, struct error *err)
{
	const char *sign = memchr(text.data, '>', text.len);
	struct slice share, threshold;
	struct error why;
	uint32_t ppm;
	uint64_t us;

	if (sign == NULL) {
		error_set(err, "written as SHARE > TIME, as in 1%% > 250ms");
		return false;
	}
	share = slice_trim((struct slice) { text.data, (size_t)(sign - text.data) });
	threshold =
	    slice_trim((struct slice) { sign + 1, text.len - (size_t)(sign + 1 - text.data) });
	if (!units_parse_share(share, &ppm, &why)) {
		error_set(err, "'%.*s': %s", (int)share.len, share.data, why.text);
		return false;
	}
	if (!units_parse_duration(threshold, &us, &why)) {
		error_set(err, "'%.*s': %s", (int)threshold.len, threshold.data, why.text);
		return false;
	}
	if (ppm == 0 || us == 0 || us > THRESHOLD_MAX_US) {
		error_set(
		    err, "a share of 0.0001%% to 100%% and a time of 1us to 1h are needed");
		return false;
	}
	*budget = (struct latency_budget) {
		.set = true,
		.share_ppm = ppm,
		.threshold_us = (uint32_t)us,
	};
	return true;
}

bool status_set_has(const struct status_set *set, unsigned status)
{
	unsigned bit = status - STATUS_MIN;

	return status >= STATUS_MIN && status <= STATUS_MAX &&
	       (set->bits[bit / 64] >> (bit % 64) & 1) != 0;
}

static void status_set_put(struct status_set *set, unsigned status, bool in)
{
	unsigned bit = status - STATUS_MIN;
	uint64_t mask = UINT64_C(1) << (bit % 64);

	if (in)
		set->bits[bit / 64] |= mask;
	else
		set->bits[bit / 64] &= ~mask;
}

static bool parse_status(struct slice text, unsigned *status)
{
	uint64_t value;

	if (text.len != 3 || !slice_to_u64(text, &value) || value < STATUS_MIN ||
	    value > STATUS_MAX)
		return false;
	*status = (unsigned)value;
	return true;
}

/* "503" or "500-599". */
static bool parse_range(struct slice text, unsigned *from, unsigned *to)
{
	const char *dash = memchr(text.data, '-', text.len);
	struct slice low = text, high = text;

	if (dash != NULL) {
		low.len = (size_t)(dash - text.data);
		high = (struct slice) { dash + 1, text.len - low.len - 1 };
	}
	return parse_status(low, from) && parse_status(high, to) && *from <= *to;
}

static bool put_range(struct slice word, struct status_set *set, struct error *err)
{
	bool out = word.data[0] == '!';
	struct slice range = out ? (struct slice) { word.data + 1, word.len - 1 } : word;
	unsigned from, to;
	bool had = false;

	if (!parse_range(range, &from, &to)) {
		error_set(err,
		    "'%.*s' is not a status or a range of 100 to 599, as in 503 or 500-599",
		    (int)word.len, word.data);
		return false;
	}
	for (unsigned status = from; status <= to; status++) {
		had = had || status_set_has(set, status);
		status_set_put(set, status, !out);
	}
	if (out && !had) {
		error_set(err, "'%.*s' takes out what was not put in before it", (int)word.len,
		    word.data);
		return false;
	}
	return true;
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

bool status_set_parse(struct slice text, struct status_set *set, struct error *err)
{
	*set = (struct status_set) { 0 };
	for (size_t i = 0; i < text.len;) {
		struct slice word = { text.data + i, 0 };

		while (i + word.len < text.len && !is_separator(word.data[word.len]))
			word.len++;
		if (word.len > 0 && !put_range(word, set, err))
			return false;
		i += word.len + 1;
	}
	return true;
}

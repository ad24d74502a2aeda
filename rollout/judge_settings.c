#include "rollout/judge_settings.h"

#include "base/slice.h"
#include "conf/config.h"
#include "conf/nearest.h"
#include "conf/units.h"

#include <stddef.h>
#include <stdio.h>

static const double us_in_s = 1e6;

/* "0.1%", or the same as a fraction: 0.001. Exactly as the configuration reads it. */
static bool read_share(struct slice text, double *share, struct error *err)
{
	bool percent = text.len > 0 && text.data[text.len - 1] == '%';
	uint32_t ppm;

	if (!(percent ? units_parse_share(text, &ppm, err)
		      : units_parse_fraction(text, &ppm, err)))
		return false;
	*share = (double)ppm / PPM;
	return true;
}

/* A share that is neither all nor, where it matters, nothing. */
static bool read_p_max(struct slice text, double *share, struct error *err)
{
	if (!read_share(text, share, err))
		return false;
	if (*share < 1)
		return true;
	error_set(err, "it must be below 100%%");
	return false;
}

static bool read_alpha(struct slice text, double *share, struct error *err)
{
	if (!read_share(text, share, err))
		return false;
	if (*share > 0 && *share <= 0.5)
		return true;
	error_set(err, "it must be above 0 and at most 0.5");
	return false;
}

static bool read_hold(struct slice text, double *seconds, struct error *err)
{
	uint64_t us;

	if (!units_parse_duration(text, &us, err))
		return false;
	*seconds = (double)us / us_in_s;
	return true;
}

static bool read_requests(struct slice text, double *requests, struct error *err)
{
	uint64_t n;

	if (slice_to_u64(text, &n) && n <= UINT32_MAX) {
		*requests = (double)n;
		return true;
	}
	error_set(err, "it must be a whole number of at most %u", UINT32_MAX);
	return false;
}

static const struct {
	const char *name;
	bool (*read)(struct slice text, double *value, struct error *err);
	size_t offset;
} known[] = {
	{ "alpha", read_alpha, offsetof(struct judge_settings, alpha) },
	{ "budget", read_share, offsetof(struct judge_settings, budget) },
	{ "hold", read_hold, offsetof(struct judge_settings, hold_s) },
	{ "min_requests", read_requests, offsetof(struct judge_settings, min_requests) },
	{ "p_max", read_p_max, offsetof(struct judge_settings, p_max) },
	{ "latency_budget", read_share, offsetof(struct judge_settings, latency_budget) },
};

void judge_settings_init(struct judge_settings *settings)
{
	*settings = (struct judge_settings) {
		.alpha = 0.01, .budget = 0.001, .hold_s = 60, .min_requests = 50, .p_max = 0.05
	};
}

static bool find(struct slice name, size_t *which, struct error *err)
{
	char shown[41], hint[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	snprintf(shown, sizeof(shown), "%.*s", (int)(name.len < 40 ? name.len : 40), name.data);
	nearest_init(&nearest, shown);
	for (*which = 0; *which < sizeof(known) / sizeof(known[0]); (*which)++) {
		if (slice_equal(name, slice_of(known[*which].name)))
			return true;
		nearest_offer(&nearest, known[*which].name);
	}
	nearest_format(&nearest, hint);
	error_set(err, "there is no parameter '%s'%s", shown, hint);
	return false;
}

static bool set_one(struct judge_settings *settings, struct slice item, struct error *err)
{
	const char *equals = memchr(item.data, '=', item.len);
	struct slice name = item, value;
	struct error reason;
	size_t which;

	if (equals == NULL) {
		error_set(err, "'%.*s' is not NAME=VALUE", (int)(item.len < 40 ? item.len : 40),
		    item.data);
		return false;
	}
	name.len = (size_t)(equals - item.data);
	value = (struct slice) { equals + 1, item.len - name.len - 1 };
	if (!find(slice_trim(name), &which, err))
		return false;
	if ((settings->set >> which & 1) != 0) {
		error_set(err, "%s is set twice", known[which].name);
		return false;
	}
	settings->set |= UINT32_C(1) << which;
	if (known[which].read(
		slice_trim(value), (double *)((char *)settings + known[which].offset), &reason))
		return true;
	error_set(err, "%s: %s", known[which].name, reason.text);
	return false;
}

bool judge_settings_set(struct judge_settings *settings, const char *text, struct error *err)
{
	struct slice rest = slice_of(text), item;

	while (slice_next_element(&rest, &item))
		if (!set_one(settings, item, err))
			return false;
	return true;
}

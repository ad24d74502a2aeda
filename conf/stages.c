#include "conf/stages.h"

#include "conf/units.h"

/* Thirty days, as for every other time. */
#define HOLD_MAX_US UINT64_C(2592000000000)

static struct slice next_word(struct slice *rest)
{
	struct slice word = slice_trim(*rest);
	size_t len = 0;

	while (len < word.len && word.data[len] != ' ' && word.data[len] != '\t')
		len++;
	*rest = slice_trim((struct slice) { word.data + len, word.len - len });
	word.len = len;
	return word;
}

static bool parse_hold(struct slice text, struct stage_conf *stage, struct error *err)
{
	struct error why;
	uint64_t us;

	if (!units_parse_duration(text, &us, &why)) {
		error_set(err, "'%.*s': %s", (int)text.len, text.data, why.text);
		return false;
	}
	if (us == 0 || us > HOLD_MAX_US || us % 1000 != 0) {
		error_set(err, "a hold time of '%.*s'; it is whole milliseconds, 1ms to 30d",
		    (int)text.len, text.data);
		return false;
	}
	stage->hold_ms = (uint32_t)(us / 1000);
	return true;
}

static bool parse_stage(struct slice text, struct stage_conf *stage, struct error *err)
{
	struct slice rest = text;
	struct slice weight = next_word(&rest);
	struct slice hold = next_word(&rest);
	struct error why;

	*stage = (struct stage_conf) { 0 };
	if (rest.len > 0) {
		error_set(err, "'%.*s' is not a stage, as in 5%% 30m; commas separate stages",
		    (int)text.len, text.data);
		return false;
	}
	if (!units_parse_share(weight, &stage->weight_ppm, &why)) {
		error_set(err, "'%.*s': %s", (int)weight.len, weight.data, why.text);
		return false;
	}
	return hold.len == 0 || parse_hold(hold, stage, err);
}

/* What the stages before it demand of the last one. */
static bool check_order(const struct stage_conf *stages, size_t n, struct error *err)
{
	const struct stage_conf *last = &stages[n - 1];
	const struct stage_conf *before = n > 1 ? last - 1 : NULL;
	char weight[UNITS_TEXT_SIZE], previous[UNITS_TEXT_SIZE];

	units_format_share(last->weight_ppm, weight);
	if (last->weight_ppm == 0) {
		error_set(err, "a stage of 0%%; the first weight is above it");
		return false;
	}
	if (before == NULL)
		return true;
	units_format_share(before->weight_ppm, previous);
	if (last->weight_ppm <= before->weight_ppm) {
		error_set(
		    err, "%s after %s; each weight is above the one before", weight, previous);
		return false;
	}
	if (before->hold_ms == 0) {
		error_set(err, "the stage of %s has no hold time; only the last may go without",
		    previous);
		return false;
	}
	return true;
}

bool stages_parse(
    struct slice text, struct stage_conf stages[STAGES_MAX], size_t *n, struct error *err)
{
	struct slice element;

	*n = 0;
	while (slice_next_element(&text, &element)) {
		if (*n == STAGES_MAX) {
			error_set(err, "at most %d stages", STAGES_MAX);
			return false;
		}
		if (!parse_stage(element, &stages[*n], err))
			return false;
		(*n)++;
		if (!check_order(stages, *n, err))
			return false;
	}
	if (*n == 0)
		error_set(err, "no stage");
	return *n > 0;
}

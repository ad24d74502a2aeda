#include "conf/stages.h"

#include "base/message.h"
#include "conf/nearest.h"
#include "conf/units.h"

#include <stdio.h>
#include <string.h>

/* Thirty days, as for every other time. */
#define HOLD_MAX_US UINT64_C(2592000000000)
/* No option says it; 0 says that there is none. */
#define P_MAX_UNSET UINT32_MAX

enum {
	MIN_REQUESTS_MAX = 1000000000,
	P_MAX_MAX_PPM = PPM / 2,
	OPTION_NAME_SIZE = 32,
};

enum option {
	OPTION_METHODS,
	OPTION_MIN_REQUESTS,
	OPTION_P_MAX,
	OPTION_GATE,
	OPTIONS, /* how many */
};

static const char *const option_names[OPTIONS] = {
	[OPTION_METHODS] = "methods",
	[OPTION_MIN_REQUESTS] = "min_requests",
	[OPTION_P_MAX] = "p_max",
	[OPTION_GATE] = "gate",
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice advance(struct slice text, size_t n)
{
	return (struct slice) { text.data + n, text.len - n };
}

static struct slice skip_blanks(struct slice text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = advance(text, 1);
	return text;
}

static size_t word_length(struct slice text)
{
	size_t len = 0;

	while (len < text.len && !is_blank(text.data[len]) && text.data[len] != ',')
		len++;
	return len;
}

/*
 * The comma after GET is within a list of methods where a letter follows it: the next
 * stage would begin with the digits of its weight.
 */
static size_t methods_length(struct slice text)
{
	size_t len = word_length(text);

	for (;;) {
		struct slice rest = skip_blanks(advance(text, len));

		if (rest.len == 0 || rest.data[0] != ',')
			return len;
		rest = skip_blanks(advance(rest, 1));
		if (rest.len == 0 || ascii_lower(rest.data[0]) < 'a' ||
		    ascii_lower(rest.data[0]) > 'z')
			return len;
		len = (size_t)(rest.data - text.data) + word_length(rest);
	}
}

/* The next word of the stage; len 0 at its end. Moves *rest past it. */
static struct slice next_word(struct slice *rest)
{
	static const struct slice methods = { "methods=", 8 };
	struct slice word = skip_blanks(*rest);

	if (word.len >= methods.len && memcmp(word.data, methods.data, methods.len) == 0)
		word.len = methods_length(word);
	else
		word.len = word_length(word);
	*rest = advance(*rest, (size_t)(word.data - rest->data) + word.len);
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

static bool parse_methods(struct slice text, struct stage_conf *stage, struct error *err)
{
	struct slice name;

	while (slice_next_element(&text, &name)) {
		enum method_id id = method_identify(name);

		if (id == METHOD_OTHER || id == METHOD_CONNECT) {
			error_set(err,
			    "'%.*s' cannot be named; GET, HEAD, OPTIONS, TRACE, POST, PUT, "
			    "PATCH, DELETE can",
			    (int)name.len, name.data);
			return false;
		}
		if ((stage->methods >> id & 1) != 0) {
			error_set(err, "%.*s twice", (int)name.len, name.data);
			return false;
		}
		stage->methods |= 1U << id;
	}
	if (stage->methods == 0)
		error_set(err, "no method");
	return stage->methods != 0;
}

static bool parse_min_requests(struct slice text, struct stage_conf *stage, struct error *err)
{
	uint64_t n;

	if (!slice_to_u64(text, &n) || n == 0 || n > MIN_REQUESTS_MAX) {
		error_set(err, "must be a whole number, 1 to %d", MIN_REQUESTS_MAX);
		return false;
	}
	stage->min_requests = (uint32_t)n;
	return true;
}

static bool parse_p_max(struct slice text, struct stage_conf *stage, struct error *err)
{
	stage->p_max_ppm = 0;
	if (slice_equal(text, SLICE("none")))
		return true;
	if (!units_parse_share(text, &stage->p_max_ppm, err))
		return false;
	if (stage->p_max_ppm == 0 || stage->p_max_ppm > P_MAX_MAX_PPM) {
		error_set(err, "must be none, or 0.0001%% to 50%%");
		return false;
	}
	return true;
}

static bool parse_gate(const struct value_scope *scope, struct slice text,
    struct stage_conf *stage, struct error *err)
{
	static const struct slice webhook = { "webhook:", 8 };

	if (slice_equal(text, SLICE("manual"))) {
		stage->gate = GATE_MANUAL;
		return true;
	}
	if (text.len < webhook.len || memcmp(text.data, webhook.data, webhook.len) != 0) {
		error_set(err, "a gate is manual or webhook:NAME");
		return false;
	}
	stage->gate = GATE_WEBHOOK;
	stage->webhook = value_find_webhook(scope, advance(text, webhook.len), err);
	return stage->webhook != NULL;
}

static bool set_option(const struct value_scope *scope, enum option option, struct slice text,
    struct stage_conf *stage, struct error *err)
{
	switch (option) {
	case OPTION_METHODS: return parse_methods(text, stage, err);
	case OPTION_MIN_REQUESTS: return parse_min_requests(text, stage, err);
	case OPTION_P_MAX: return parse_p_max(text, stage, err);
	case OPTION_GATE: return parse_gate(scope, text, stage, err);
	case OPTIONS: break;
	}
	return false;
}

static bool find_option(struct slice name, enum option *option, struct error *err)
{
	char text[OPTION_NAME_SIZE], suggestion[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	snprintf(text, sizeof(text), "%.*s", (int)name.len, name.data);
	nearest_init(&nearest, text);
	for (unsigned i = 0; i < OPTIONS; i++) {
		if (slice_equal(name, slice_of(option_names[i]))) {
			*option = (enum option)i;
			return true;
		}
		nearest_offer(&nearest, option_names[i]);
	}
	nearest_format(&nearest, suggestion);
	error_set(err, "a stage has no '%.*s'%s", (int)name.len, name.data,
	    nearest.best != NULL
		? suggestion
		: "; it has a weight, a hold time, methods=, min_requests=, p_max= and gate=");
	return false;
}

/* "p_max=5%". *seen has a bit for each option that the stage has already. */
static bool parse_option(const struct value_scope *scope, struct slice word,
    struct stage_conf *stage, unsigned *seen, struct error *err)
{
	const char *sign = memchr(word.data, '=', word.len);
	struct slice name = { word.data, (size_t)(sign - word.data) };
	struct slice value = advance(word, name.len + 1);
	enum option option;
	struct error why;

	if (!find_option(name, &option, err))
		return false;
	if ((*seen >> option & 1) != 0) {
		error_set(err, "a stage has %s twice", option_names[option]);
		return false;
	}
	*seen |= 1U << option;
	if (set_option(scope, option, value, stage, &why))
		return true;
	error_set(err, "'%.*s': %s", (int)word.len, word.data, why.text);
	return false;
}

/* A word that is neither a hold time in its place nor an option. */
static void explain_word(
    struct slice stage, struct slice word, bool has_options, struct error *err)
{
	const char *comma =
	    memchr(word.data, ',', stage.len - (size_t)(word.data - stage.data));

	if (comma != NULL)
		stage.len = (size_t)(comma - stage.data);
	stage = slice_trim(stage);
	if (has_options)
		error_set(err,
		    "'%.*s' after an option; a hold time comes right after the weight",
		    (int)word.len, word.data);
	else
		error_set(err, "'%.*s' is not a stage, as in 5%% 30m; commas separate stages",
		    (int)stage.len, stage.data);
}

/* Reads up to the comma that ends the stage. */
static bool parse_stage(const struct value_scope *scope, struct slice *rest,
    struct stage_conf *stage, struct error *err)
{
	struct slice text = *rest;
	struct slice weight = next_word(rest);
	struct slice word = next_word(rest);
	unsigned seen = 0;
	struct error why;

	*stage = (struct stage_conf) { .p_max_ppm = P_MAX_UNSET };
	if (!units_parse_share(weight, &stage->weight_ppm, &why)) {
		error_set(err, "'%.*s': %s", (int)weight.len, weight.data, why.text);
		return false;
	}
	for (; word.len > 0; word = next_word(rest)) {
		bool ok = true;

		if (memchr(word.data, '=', word.len) != NULL) {
			ok = parse_option(scope, word, stage, &seen, err);
		} else if (stage->hold_ms == 0 && seen == 0) {
			ok = parse_hold(word, stage, err);
		} else {
			explain_word(text, word, seen != 0, err);
			return false;
		}
		if (!ok)
			return false;
	}
	return true;
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
	if (last->methods != 0 &&
	    (before->methods == 0 || (before->methods & ~last->methods) != 0)) {
		error_set(err,
		    "the stage of %s leaves out methods that the canary had at %s; a stage may "
		    "only add some",
		    weight, previous);
		return false;
	}
	return true;
}

bool stages_add(const struct value_scope *scope, struct slice text,
    struct stage_conf stages[STAGES_MAX], size_t *n, struct error *err)
{
	size_t n_before = *n;

	for (;;) {
		text = skip_blanks(text);
		if (text.len == 0)
			break;
		if (text.data[0] == ',') {
			text = advance(text, 1);
			continue;
		}
		if (*n == STAGES_MAX) {
			error_set(err, "at most %d stages", STAGES_MAX);
			return false;
		}
		if (!parse_stage(scope, &text, &stages[*n], err))
			return false;
		(*n)++;
		if (!check_order(stages, *n, err))
			return false;
	}
	if (*n == n_before)
		error_set(err, "no stage");
	return *n > n_before;
}

void stages_settle(struct rollout_conf *rollout)
{
	for (size_t i = 0; i < rollout->n_stages; i++) {
		struct stage_conf *stage = &rollout->stages[i];

		if (stage->min_requests == 0)
			stage->min_requests = rollout->min_requests;
		if (stage->p_max_ppm == P_MAX_UNSET)
			stage->p_max_ppm = rollout->p_max_ppm;
	}
}

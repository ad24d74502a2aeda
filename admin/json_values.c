#include "admin/json_values.h"

#include "base/slice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond these a double holds no exact whole number, and exp() no finite one. */
static const double exact_below = 9007199254740992.0;
static const double e_max = 1e300;

json_t *json_number(double value)
{
	if (!isfinite(value))
		return json_null();
	if (value == trunc(value) && fabs(value) < exact_below)
		return json_integer((json_int_t)value);
	return json_real(value);
}

/* The length of the well-formed UTF-8 character at the start (RFC 3629 4); 0: none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Over-long forms, surrogates, and what lies beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool text_is_utf8(const char *text)
{
	size_t len = 1;

	while (*text != '\0' && (len = utf8_length((const unsigned char *)text)) > 0)
		text += len;
	return len > 0;
}

json_t *json_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json != NULL)
		return json;
	copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *at = copy; *at != '\0';) {
		size_t len = utf8_length((const unsigned char *)at);

		if (len == 0)
			*at = '?';
		at += len > 0 ? len : 1;
	}
	json = json_string(copy);
	free(copy);
	return json;
}

void shown_state(enum plan_state state, char text[SHOWN_STATE_SIZE])
{
	const char *name = plan_state_name(state);
	size_t len = strlen(name);

	if (len >= SHOWN_STATE_SIZE)
		len = SHOWN_STATE_SIZE - 1;
	for (size_t i = 0; i < len; i++)
		text[i] = ascii_lower(name[i]);
	text[len] = '\0';
}

json_t *json_state(enum plan_state state)
{
	char text[SHOWN_STATE_SIZE];

	shown_state(state, text);
	return json_string(text);
}

uint32_t shown_stage(enum plan_state state, uint32_t stage)
{
	bool staged = state == PLAN_RUNNING || state == PLAN_PAUSED || state == PLAN_BAKING ||
		      state == PLAN_DONE;

	return staged ? stage + 1 : 0;
}

json_t *json_stage(enum plan_state state, uint32_t stage)
{
	return json_integer((json_int_t)shown_stage(state, stage));
}

json_t *json_side(enum plan_state state, uint32_t stage, uint32_t weight_ppm)
{
	return json_pack("{s:o, s:o, s:I}", "state", json_state(state), "stage",
	    json_stage(state, stage), "weight_ppm", (json_int_t)weight_ppm);
}

json_t *json_evidence(const struct verdict *verdict)
{
	double ln_e = verdict->ln_e;

	return json_pack("{s:o, s:o, s:o}", "ln_e", json_number(ln_e), "e",
	    json_number(ln_e > log(e_max) ? e_max : exp(ln_e)), "threshold",
	    verdict->alpha > 0 ? json_number(1 / verdict->alpha) : json_null());
}

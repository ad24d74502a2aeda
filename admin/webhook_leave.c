#include "admin/webhook_leave.h"

#include <jansson.h>
#include <stdio.h>

/* Words from outside: on one line, and cut between characters of UTF-8. */
static void take_words(const char *words, char why[WEBHOOK_WHY_SIZE])
{
	size_t len = 0;

	for (; words[len] != '\0' && len < WEBHOOK_WHY_SIZE - 1; len++) {
		unsigned char c = (unsigned char)words[len];

		why[len] = c < 0x20 || c == 0x7f ? ' ' : words[len];
	}
	while (words[len] != '\0' && len > 0 && ((unsigned char)words[len] & 0xc0) == 0x80)
		len--;
	why[len] = '\0';
}

static enum webhook_leave read_object(const json_t *json, char why[WEBHOOK_WHY_SIZE])
{
	const json_t *allow = json_object_get(json, "allow");
	const char *words = json_string_value(json_object_get(json, "why"));

	if (words != NULL)
		take_words(words, why);
	if (json_is_false(allow))
		return LEAVE_REFUSED;
	if (allow == NULL || json_is_true(allow))
		return LEAVE_GIVEN;
	snprintf(why, WEBHOOK_WHY_SIZE, "\"allow\" in its answer is neither true nor false");
	return LEAVE_UNCLEAR;
}

static bool is_blank(struct slice body)
{
	for (size_t i = 0; i < body.len; i++)
		if (strchr(" \t\r\n", body.data[i]) == NULL || body.data[i] == '\0')
			return false;
	return true;
}

static bool is_ok(struct slice body)
{
	while (body.len > 0 && strchr(" \t\r\n", body.data[body.len - 1]) != NULL &&
	       body.data[body.len - 1] != '\0')
		body.len--;
	return slice_equal_nocase(body, SLICE("ok"));
}

static enum webhook_leave read_body(struct slice body, char why[WEBHOOK_WHY_SIZE])
{
	enum webhook_leave leave = LEAVE_UNCLEAR;
	json_t *json;

	if (is_blank(body) || is_ok(body))
		return LEAVE_GIVEN;
	json = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		leave = read_object(json, why);
	else
		snprintf(why, WEBHOOK_WHY_SIZE,
		    "its answer is neither empty, nor \"ok\", nor a JSON object");
	json_decref(json);
	return leave;
}

enum webhook_leave webhook_leave_read(
    unsigned status, struct slice body, char why[WEBHOOK_WHY_SIZE])
{
	char words[WEBHOOK_WHY_SIZE] = "";

	why[0] = '\0';
	if (status >= 200 && status < 300)
		return read_body(body, why);
	if (status == 403 || status == 409) {
		if (body.len > 0 && read_body(body, words) != LEAVE_UNCLEAR)
			snprintf(why, WEBHOOK_WHY_SIZE, "%s", words);
		return LEAVE_REFUSED;
	}
	snprintf(why, WEBHOOK_WHY_SIZE, "HTTP status %u%s", status,
	    status >= 300 && status < 400 ? " (redirects are not followed)" : "");
	return LEAVE_UNCLEAR;
}

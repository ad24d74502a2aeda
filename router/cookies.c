#include "router/cookies.h"

/* One pair without the blanks before it; the next begins behind its semicolon. */
static bool next_pair(struct slice *rest, struct slice *pair)
{
	const char *at = rest->data;
	const char *end = rest->data + rest->len;
	const char *semicolon;
	const char *stop;

	if (rest->len == 0)
		return false;
	semicolon = memchr(at, ';', rest->len);
	stop = semicolon != NULL ? semicolon : end;
	while (at < stop && (*at == ' ' || *at == '\t'))
		at++;
	*pair = (struct slice) { at, (size_t)(stop - at) };
	if (semicolon != NULL)
		stop++;
	*rest = (struct slice) { stop, (size_t)(end - stop) };
	return true;
}

static bool pair_is(struct slice pair, struct slice name)
{
	return pair.len > name.len && pair.data[name.len] == '=' &&
	       memcmp(pair.data, name.data, name.len) == 0;
}

static bool find_in_field(struct slice pairs, struct slice name, struct slice *value)
{
	struct slice pair;

	while (next_pair(&pairs, &pair)) {
		if (!pair_is(pair, name))
			continue;
		pair.data += name.len + 1;
		pair.len -= name.len + 1;
		*value = slice_trim(pair);
		return true;
	}
	return false;
}

bool cookies_find(const struct message *request, struct slice name, struct slice *value)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		const struct field *field = &request->fields[i];

		if (field->id == FIELD_COOKIE && find_in_field(field->value, name, value))
			return true;
	}
	return false;
}

/* The pairs that stay, as RFC 6265 4.2.1 separates them. */
static bool rewrite_field(struct field *field, struct slice name, struct arena *arena)
{
	struct slice rest = field->value;
	struct slice pair;
	char *text = arena_take(arena, 2 * field->value.len);
	size_t len = 0;

	if (text == NULL)
		return false;
	while (next_pair(&rest, &pair)) {
		pair = slice_trim(pair);
		if (pair.len == 0 || pair_is(pair, name))
			continue;
		if (len > 0) {
			text[len++] = ';';
			text[len++] = ' ';
		}
		memcpy(text + len, pair.data, pair.len);
		len += pair.len;
	}
	field->value = (struct slice) { text, len };
	if (len == 0)
		field->drop = true;
	return true;
}

bool cookies_remove(struct message *request, struct slice name, struct arena *arena)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		struct field *field = &request->fields[i];
		struct slice value;

		if (field->id == FIELD_COOKIE && find_in_field(field->value, name, &value) &&
		    !rewrite_field(field, name, arena))
			return false;
	}
	return true;
}

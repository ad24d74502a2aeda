#include "conf/sticky.h"

#include "conf/pattern.h"

#include <string.h>

static const struct {
	struct slice prefix;
	enum key_source_kind kind;
	bool named;
} kinds[] = {
	{ { "header:", 7 }, KEY_SOURCE_HEADER, true },
	{ { "cookie:", 7 }, KEY_SOURCE_COOKIE, true },
	{ { "issue:", 6 }, KEY_SOURCE_ISSUE, true },
	{ { "address", 7 }, KEY_SOURCE_ADDRESS, false },
};

static bool parse_name(struct slice name, struct key_source *source, struct error *err)
{
	if (!pattern_is_token(name)) {
		error_set(err, "'%.*s' is not the name of a header or cookie", (int)name.len,
		    name.data);
		return false;
	}
	if (source->kind == KEY_SOURCE_ISSUE && name.len > ISSUE_NAME_MAX) {
		error_set(err, "'%.*s' is longer than %d bytes", (int)name.len, name.data,
		    ISSUE_NAME_MAX);
		return false;
	}
	source->name = strndup(name.data, name.len);
	if (source->name == NULL)
		error_set(err, "out of memory");
	return source->name != NULL;
}

static bool parse_source(struct slice text, struct key_source *source, struct error *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct slice prefix = kinds[i].prefix;

		if (text.len < prefix.len || memcmp(text.data, prefix.data, prefix.len) != 0)
			continue;
		*source = (struct key_source) { .kind = kinds[i].kind };
		if (kinds[i].named)
			return parse_name(
			    (struct slice) { text.data + prefix.len, text.len - prefix.len },
			    source, err);
		if (text.len == prefix.len)
			return true;
	}
	error_set(err, "'%.*s' is none of header:NAME, cookie:NAME, address, issue:NAME",
	    (int)text.len, text.data);
	return false;
}

/* Names of headers are alike in any case; those of cookies are not. */
static bool same_source(const struct key_source *a, const struct key_source *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == KEY_SOURCE_HEADER)
		return slice_equal_nocase(slice_of(a->name), slice_of(b->name));
	return a->kind == KEY_SOURCE_ADDRESS || strcmp(a->name, b->name) == 0;
}

static bool check_last(const struct key_source *sources, size_t n, struct error *err)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (sources[i].kind == KEY_SOURCE_ISSUE) {
			error_set(err, "issue always finds a key, so it can only be last");
			return false;
		}
		if (same_source(&sources[i], &sources[n - 1])) {
			error_set(err, "the same source twice");
			return false;
		}
	}
	return true;
}

bool sticky_parse(
    struct slice text, struct key_source sources[KEY_SOURCES_MAX], size_t *n, struct error *err)
{
	struct slice element;

	*n = 0;
	while (slice_next_element(&text, &element)) {
		if (*n == KEY_SOURCES_MAX) {
			error_set(err, "at most %d sources", KEY_SOURCES_MAX);
			return false;
		}
		if (!parse_source(element, &sources[*n], err))
			return false;
		(*n)++;
		if (!check_last(sources, *n, err))
			return false;
	}
	if (*n == 0)
		error_set(err, "no source");
	return *n > 0;
}

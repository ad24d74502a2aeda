/*
 * A view of bytes that someone else owns.
 *
 * Ownership  none: valid only as long as the bytes it points into.
 * Errors     none; an absent slice has data NULL and len 0.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *data;
	size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice) { .data = (literal), .len = sizeof(literal) - 1 })

static inline struct slice slice_of(const char *string)
{
	return (struct slice) { .data = string, .len = strlen(string) };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII only, whatever the locale. */
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool slice_equal_nocase(struct slice a, struct slice b);

/* Without leading and trailing spaces and tabs (OWS, RFC 9110 5.6.3). */
struct slice slice_trim(struct slice s);

/*
 * The next element of a comma-separated list, trimmed, empty ones skipped
 * (RFC 9110 5.6.1). Moves *rest past it. False when there is none left.
 */
bool slice_next_element(struct slice *rest, struct slice *element);

/* Whether it is an element of such a list; ASCII letters are alike in either case. */
bool slice_list_has_nocase(struct slice list, struct slice element);

/* A whole decimal number, digits only, that fits (RFC 9110 8.6). */
bool slice_to_u64(struct slice s, uint64_t *value);

#endif

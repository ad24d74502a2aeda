#include "base/slice.h"

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	/* Mostly they are written alike. */
	if (a.len == 0 || memcmp(a.data, b.data, a.len) == 0)
		return true;
	for (size_t i = 0; i < a.len; i++) {
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	}
	return true;
}

static bool is_ows(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && is_ows(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && is_ows(s.data[s.len - 1]))
		s.len--;
	return s;
}

bool slice_next_element(struct slice *rest, struct slice *element)
{
	while (rest->len > 0) {
		const char *comma = memchr(rest->data, ',', rest->len);
		size_t len = comma != NULL ? (size_t)(comma - rest->data) : rest->len;

		*element = slice_trim((struct slice) { rest->data, len });
		if (comma != NULL)
			len++;
		rest->data += len;
		rest->len -= len;
		if (element->len > 0)
			return true;
	}
	return false;
}

bool slice_list_has_nocase(struct slice list, struct slice element)
{
	struct slice there;

	while (slice_next_element(&list, &there)) {
		if (slice_equal_nocase(there, element))
			return true;
	}
	return false;
}

bool slice_to_u64(struct slice s, uint64_t *value)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.data[i] - (unsigned)'0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}

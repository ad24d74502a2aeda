#include "conf/pattern.h"

#include "base/address.h"
#include "base/path_slots.h"

#include <stdlib.h>
#include <string.h>

enum {
	HOST_MAX = 253,
	LABEL_MAX = 63
}; /* RFC 1035 2.3.4, in text */

static bool is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label_byte(char c)
{
	return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

/* Labels of 1 to 63 bytes between single dots. */
static bool is_dotted(struct slice text)
{
	size_t label = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!is_label_byte(text.data[i]) || ++label > LABEL_MAX) {
			return false;
		}
	}
	return label > 0 && text.len <= HOST_MAX;
}

bool pattern_is_name(struct slice text)
{
	if (!is_dotted(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (is_letter(text.data[i]))
			return true;
	}
	return false;
}

bool pattern_is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!is_letter(c) && !is_digit(c) &&
		    (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return text.len > 0;
}

static bool copy(struct slice text, char **out, struct error *err)
{
	*out = strndup(text.data, text.len);
	if (*out == NULL)
		error_set(err, "out of memory");
	return *out != NULL;
}

bool pattern_parse_host(struct slice text, char **host, struct error *err)
{
	bool suffix = text.len > 2 && memcmp(text.data, "*.", 2) == 0;
	struct slice name = suffix ? (struct slice) { text.data + 2, text.len - 2 } : text;

	if (memchr(text.data, ':', text.len) != NULL) {
		error_set(err, "'%.*s': a host is written without its port", (int)text.len,
		    text.data);
		return false;
	}
	if (!is_dotted(name)) {
		error_set(err, "'%.*s' is not a host, as in shop.example.com or *.example.com",
		    (int)text.len, text.data);
		return false;
	}
	if (!copy(text, host, err))
		return false;
	for (char *c = *host; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return true;
}

/* What may stand in the path of a request target, percent-encoding included (RFC 3986 3.3). */
static bool is_path_byte(char c)
{
	return c > 0x20 && c < 0x7f && strchr("?#\"<>[]\\^`{|}", c) == NULL;
}

static bool check_path(struct slice text, struct error *err)
{
	if (text.len == 0 || text.data[0] != '/') {
		error_set(err, "a path begins with '/'");
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (is_path_byte(c))
			continue;
		if (c == ' ' || c == '\t')
			error_set(err, "a path has no spaces; write %%20");
		else if (c == '?' || c == '#')
			error_set(err, "a path ends before its '%c'", c);
		else if (c > 0x20 && c < 0x7f)
			error_set(err, "a path has no '%c'; write %%%02X", c, (unsigned)c);
		else
			error_set(err, "a path is ASCII; percent-encode the rest");
		return false;
	}
	return true;
}

bool pattern_parse_path(struct slice text, char **path, bool *exact, struct error *err)
{
	*exact = text.len > 0 && text.data[0] == '=';
	if (*exact)
		text = slice_trim((struct slice) { text.data + 1, text.len - 1 });
	if (!check_path(text, err))
		return false;
	if (memchr(text.data, '*', text.len) != NULL) {
		error_set(err,
		    "'*' stands for nothing in a path: /a is /a and all that is below it, and "
		    "/a/ what is below it alone");
		return false;
	}
	return copy(text, path, err);
}

bool pattern_parse_prefix(struct slice text, char **prefix, struct error *err)
{
	if (!check_path(text, err))
		return false;
	if (text.len == 1) {
		error_set(err, "'/' alone is no prefix");
		return false;
	}
	for (size_t i = 1; i <= text.len; i++) {
		if (text.data[i - 1] == '/' && (i == text.len || text.data[i] == '/')) {
			error_set(
			    err, "an empty segment; write neither '//' nor a '/' at the end");
			return false;
		}
	}
	return copy(text, prefix, err);
}

static bool is_ipv6_in_brackets(struct slice text)
{
	struct ip_address ip;

	return text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']' &&
	       memchr(text.data, ':', text.len) != NULL &&
	       ip_address_parse((struct slice) { text.data + 1, text.len - 2 }, &ip);
}

bool pattern_parse_authority(struct slice text, char **authority, struct error *err)
{
	struct slice host = text;
	size_t digits = 0;
	uint64_t port;

	while (digits < text.len && is_digit(text.data[text.len - 1 - digits]))
		digits++;
	if (digits > 0 && digits < text.len && text.data[text.len - 1 - digits] == ':') {
		host.len -= digits + 1;
		if (!slice_to_u64((struct slice) { text.data + host.len + 1, digits }, &port) ||
		    port == 0 || port > UINT16_MAX) {
			error_set(err, "the port must be 1 to 65535");
			return false;
		}
	}
	if (!is_dotted(host) && !is_ipv6_in_brackets(host)) {
		error_set(err, "written as HOST or HOST:PORT, as in backend.internal:8080");
		return false;
	}
	return copy(text, authority, err);
}

/* After a ':' */
static bool is_parameter_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!is_letter(name.data[i]) && !is_digit(name.data[i]) && name.data[i] != '_')
			return false;
	}
	return name.len > 0;
}

/* The segment after the '/' that *rest begins with; moves *rest past it. */
static struct slice next_segment(struct slice *rest)
{
	struct slice segment = { rest->data + 1, 0 };

	while (segment.len + 1 < rest->len && segment.data[segment.len] != '/')
		segment.len++;
	rest->data += segment.len + 1;
	rest->len -= segment.len + 1;
	return segment;
}

static bool check_segment(struct slice segment, struct error *err)
{
	if (segment.len == 0) {
		error_set(err, "an empty segment; write neither '//' nor a '/' at the end");
		return false;
	}
	if (slice_equal(segment, SLICE("*")) || slice_equal(segment, SLICE("**"))) {
		error_set(err, "'%.*s' stands for nothing; :name stands for any one segment",
		    (int)segment.len, segment.data);
		return false;
	}
	if (segment.data[0] != ':')
		return true;
	if (!is_parameter_name((struct slice) { segment.data + 1, segment.len - 1 })) {
		error_set(err,
		    "'%.*s' is not a parameter: letters, digits and '_' follow the ':'",
		    (int)segment.len, segment.data);
		return false;
	}
	return true;
}

bool pattern_parse_path_class(struct slice text, char **path_class, struct error *err)
{
	struct slice rest = text;
	size_t n_segments = 0;

	if (!check_path(text, err))
		return false;
	if (text.len > PATH_CLASS_NAME_MAX) {
		error_set(err, "longer than %d bytes", PATH_CLASS_NAME_MAX);
		return false;
	}
	while (text.len > 1 && rest.len > 0) {
		if (!check_segment(next_segment(&rest), err))
			return false;
		if (++n_segments > PATH_CLASS_SEGMENTS_MAX) {
			error_set(err, "more than %d segments", PATH_CLASS_SEGMENTS_MAX);
			return false;
		}
	}
	return copy(text, path_class, err);
}

static bool is_parameter(struct slice segment)
{
	return segment.len > 0 && segment.data[0] == ':';
}

bool pattern_same_class(const char *a, const char *b)
{
	struct slice left = slice_of(a);
	struct slice right = slice_of(b);

	while (left.len > 0 && right.len > 0) {
		struct slice one = next_segment(&left);
		struct slice other = next_segment(&right);

		if (is_parameter(one) != is_parameter(other) ||
		    (!is_parameter(one) && !slice_equal(one, other)))
			return false;
	}
	return left.len == right.len;
}

#include "proxy/h1_grammar.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	TOKEN = 1 << 0,
	HOST = 1 << 1, /* unreserved / pct-encoded / sub-delims */
	DIGIT = 1 << 2,
	HEX = 1 << 3,
};

static const uint8_t classes[256] = {
	['!'] = TOKEN | HOST,
	['#'] = TOKEN,
	['$'] = TOKEN | HOST,
	['%'] = TOKEN | HOST,
	['&'] = TOKEN | HOST,
	['\''] = TOKEN | HOST,
	['('] = HOST,
	[')'] = HOST,
	['*'] = TOKEN | HOST,
	['+'] = TOKEN | HOST,
	[','] = HOST,
	['-'] = TOKEN | HOST,
	['.'] = TOKEN | HOST,
	[';'] = HOST,
	['='] = HOST,
	['^'] = TOKEN,
	['_'] = TOKEN | HOST,
	['`'] = TOKEN,
	['|'] = TOKEN,
	['~'] = TOKEN | HOST,
	['0' ... '9'] = TOKEN | HOST | DIGIT | HEX,
	['A' ... 'F'] = TOKEN | HOST | HEX,
	['G' ... 'Z'] = TOKEN | HOST,
	['a' ... 'f'] = TOKEN | HOST | HEX,
	['g' ... 'z'] = TOKEN | HOST,
};

static bool in_class(char c, unsigned class)
{
	return (classes[(unsigned char)c] & class) != 0;
}

bool h1_is_token(char c)
{
	return in_class(c, TOKEN);
}

const char *h1_skip_token(const char *at, const char *end)
{
	/* Field names are most of a head's tokens: four bytes for one look at the end. */
	while (end - at >= 4) {
		if (!in_class(at[0], TOKEN))
			return at;
		if (!in_class(at[1], TOKEN))
			return at + 1;
		if (!in_class(at[2], TOKEN))
			return at + 2;
		if (!in_class(at[3], TOKEN))
			return at + 3;
		at += 4;
	}
	while (at < end && in_class(*at, TOKEN))
		at++;
	return at;
}

bool h1_is_target_char(char c)
{
	return c > 0x20 && c < 0x7f && c != '#';
}

static bool is_field_text(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

#ifdef __SSE2__
enum {
	STRIDE = 16
};

/* The offset of the first byte that does not belong, or STRIDE. */
static int first_foreign(const char *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
	int mask = _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));

	return mask != 0 ? __builtin_ctz((unsigned)mask) : STRIDE;
}
#else
enum {
	STRIDE = 8
};

static int first_foreign(const char *at)
{
	int n = 0;

	while (n < STRIDE && is_field_text((unsigned char)at[n]))
		n++;
	return n;
}
#endif

const char *h1_skip_field_text(const char *at, const char *end)
{
	while (end - at >= STRIDE) {
		int n = first_foreign(at);

		at += n;
		if (n < STRIDE)
			return at;
	}
	while (at < end && is_field_text((unsigned char)*at))
		at++;
	return at;
}

static bool all_in_class(struct slice s, unsigned class)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!in_class(s.data[i], class))
			return false;
	}
	return true;
}

/* "[" IPv6address "]"; whether the groups make sense is for whoever connects. */
static bool is_ip_literal(struct slice s)
{
	if (s.len < 4 || s.data[0] != '[' || s.data[s.len - 1] != ']')
		return false;
	for (size_t i = 1; i < s.len - 1; i++) {
		if (!in_class(s.data[i], HEX) && s.data[i] != ':' && s.data[i] != '.')
			return false;
	}
	return true;
}

bool h1_is_authority(struct slice s)
{
	struct slice host = s;
	size_t digits = 0;

	while (digits < s.len && in_class(s.data[s.len - 1 - digits], DIGIT))
		digits++;
	if (digits < s.len && s.data[s.len - 1 - digits] == ':') {
		if (digits > 5)
			return false;
		host.len -= digits + 1;
	}
	if (host.len == 0 || host.len > 255)
		return false;
	return is_ip_literal(host) || all_in_class(host, HOST);
}

#include "proxy/h1_grammar.h"

#include "base/address.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	TOKEN = 1 << 0,
	HOST = 1 << 1, /* unreserved / sub-delims */
	DIGIT = 1 << 2,
	HEX = 1 << 3,
};

static const uint8_t classes[256] = {
	['!'] = TOKEN | HOST,
	['#'] = TOKEN,
	['$'] = TOKEN | HOST,
	['%'] = TOKEN,
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

/* A name with pct-encoded bytes, which few have: apart, so that the others are read fast. */
__attribute__((cold, noinline)) static bool is_encoded_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (in_class(s.data[i], HOST))
			continue;
		if (s.data[i] != '%' || s.len - i < 3 || !in_class(s.data[i + 1], HEX) ||
		    !in_class(s.data[i + 2], HEX))
			return false;
		i += 2;
	}
	return true;
}

/* IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_future_address(struct slice s)
{
	size_t i = 1;

	if (ascii_lower(s.data[0]) != 'v')
		return false;
	while (i < s.len && in_class(s.data[i], HEX))
		i++;
	if (i == 1 || s.len - i < 2 || s.data[i] != '.')
		return false;
	while (++i < s.len) {
		if (!in_class(s.data[i], HOST) && s.data[i] != ':')
			return false;
	}
	return true;
}

/* "[" ( IPv6address / IPvFuture ) "]", the first bracket seen. Apart, as few hosts are one. */
__attribute__((cold, noinline)) static bool is_ip_literal(struct slice s)
{
	struct slice inner;
	struct ip_address ip;

	if (s.len < 4 || s.data[s.len - 1] != ']')
		return false;
	inner = (struct slice) { s.data + 1, s.len - 2 };
	if (is_future_address(inner))
		return true;
	/* Without a colon it would be an IPv4 address, which has no brackets. */
	return memchr(inner.data, ':', inner.len) != NULL && ip_address_parse(inner, &ip);
}

/* What no connection can have is none; an empty one is the scheme's (RFC 3986 3.2.3). */
static bool is_port(const char *digits, size_t n)
{
	uint32_t port = 0;

	if (n > 5)
		return false;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (uint32_t)(digits[i] - '0');
	return port <= UINT16_MAX;
}

bool h1_is_authority(struct slice s)
{
	struct slice host = s;
	size_t digits = 0;

	while (digits < s.len && in_class(s.data[s.len - 1 - digits], DIGIT))
		digits++;
	if (digits < s.len && s.data[s.len - 1 - digits] == ':') {
		host.len -= digits + 1;
		if (!is_port(s.data + s.len - digits, digits))
			return false;
	}
	if (host.len == 0 || host.len > 255)
		return false;
	if (host.data[0] == '[')
		return is_ip_literal(host);
	/* reg-name; an IPv4 address is one, too. */
	return all_in_class(host, HOST) || is_encoded_name(host);
}

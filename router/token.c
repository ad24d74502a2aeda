#include "router/token.h"

#include "router/cookies.h"

#include <inttypes.h>
#include <stdio.h>

static const struct slice field_name = { "weir-token", 10 };
static const struct slice cookie_name = { "weir_token", 10 };

static const char *arm_text(const struct token *token)
{
	return token->any_arm ? "any" : arm_name(token->arm);
}

bool token_write(const struct secret *key, const char *route, const struct token *token,
    char text[TOKEN_SIZE], struct error *err)
{
	char mac[SECRET_MAC_TEXT_SIZE];
	int n = snprintf(text, TOKEN_SIZE, "v1.%s.%s.%" PRId64 ".%s", route, arm_text(token),
	    token->expires_s, token->synthetic ? "s" : "-");

	if (n < 0 || n + 1 + SECRET_MAC_TEXT_SIZE > TOKEN_SIZE) {
		error_set(err, "the route's name is too long for a token");
		return false;
	}
	if (!secret_sign_text(key, (struct slice) { text, (size_t)n }, mac)) {
		error_set(err, "the token could not be signed");
		return false;
	}
	snprintf(text + n, TOKEN_SIZE - (size_t)n, ".%s", mac);
	return true;
}

/* Cuts off what follows the last dot. */
static bool cut_last(struct slice *text, struct slice *part)
{
	const char *dot = text->len > 0 ? memrchr(text->data, '.', text->len) : NULL;

	if (dot == NULL)
		return false;
	*part = (struct slice) { dot + 1, (size_t)(text->data + text->len - dot) - 1 };
	text->len = (size_t)(dot - text->data);
	return true;
}

static bool read_arm(struct slice text, struct token *token)
{
	token->any_arm = slice_equal(text, SLICE("any"));
	token->arm = slice_equal(text, SLICE("canary")) ? ARM_CANARY : ARM_LEGACY;
	return token->any_arm || slice_equal(text, slice_of(arm_name(token->arm)));
}

static bool read_flags(struct slice text, struct token *token)
{
	token->synthetic = slice_equal(text, SLICE("s"));
	return token->synthetic || slice_equal(text, SLICE("-"));
}

enum token_state token_read(const struct secret *key, struct slice text, const char *route,
    int64_t now_s, struct token *token)
{
	struct slice rest = text;
	struct slice mac, flags, expiry, arm;
	struct slice is_signed;
	struct token read;
	uint64_t expires_s;

	if (text.len >= TOKEN_SIZE || !cut_last(&rest, &mac))
		return TOKEN_MALFORMED;
	is_signed = rest;
	if (!cut_last(&rest, &flags) || !cut_last(&rest, &expiry) || !cut_last(&rest, &arm) ||
	    rest.len <= 3 || memcmp(rest.data, "v1.", 3) != 0 || !read_arm(arm, &read) ||
	    !read_flags(flags, &read) || !slice_to_u64(expiry, &expires_s) ||
	    expires_s > INT64_MAX)
		return TOKEN_MALFORMED;
	rest = (struct slice) { rest.data + 3, rest.len - 3 };
	if (!slice_equal(rest, SLICE("*")) && !slice_equal(rest, slice_of(route)))
		return TOKEN_OTHER_ROUTE;
	read.expires_s = (int64_t)expires_s;
	if (now_s >= read.expires_s)
		return TOKEN_EXPIRED;
	if (!secret_has_signed(key, is_signed, mac))
		return TOKEN_FORGED;
	*token = read;
	return TOKEN_GOOD;
}

static bool is_token_field(const struct field *field)
{
	return field->name.len == field_name.len && field->id == FIELD_OTHER &&
	       slice_equal_nocase(field->name, field_name);
}

bool token_find(const struct message *request, struct slice *text)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		if (!is_token_field(&request->fields[i]))
			continue;
		*text = request->fields[i].value;
		return true;
	}
	return cookies_find(request, cookie_name, text);
}

bool token_strip(struct message *request, struct arena *arena)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		if (is_token_field(&request->fields[i]))
			request->fields[i].drop = true;
	}
	return cookies_remove(request, cookie_name, arena);
}

const char *token_state_words(enum token_state state)
{
	switch (state) {
	case TOKEN_ABSENT: return "there is no token";
	case TOKEN_GOOD: return "the token is good";
	case TOKEN_MALFORMED: return "the token is malformed";
	case TOKEN_OTHER_ROUTE: return "the token is for another route";
	case TOKEN_EXPIRED: return "the token has expired";
	case TOKEN_FORGED: return "the token is not signed with this weir's key";
	}
	return "";
}

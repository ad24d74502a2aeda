#include "conf/own_answer.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the first word off *rest. */
static struct slice first_word(struct slice *rest)
{
	struct slice word = { rest->data, 0 };

	while (
	    word.len < rest->len && word.data[word.len] != ' ' && word.data[word.len] != '\t')
		word.len++;
	*rest = slice_trim((struct slice) { rest->data + word.len, rest->len - word.len });
	return word;
}

static bool begins(struct slice text, struct slice with)
{
	return text.len >= with.len && memcmp(text.data, with.data, with.len) == 0;
}

/* scheme "://" (RFC 3986 3.1), the scheme perhaps a variable. */
static bool begins_with_scheme(struct slice text)
{
	size_t len = 0;

	if (begins(text, SLICE("${scheme}://")))
		return true;
	while (len < text.len && ascii_lower(text.data[len]) >= 'a' &&
	       ascii_lower(text.data[len]) <= 'z')
		len++;
	return len > 0 &&
	       begins((struct slice) { text.data + len, text.len - len }, SLICE("://"));
}

static bool check_location(struct slice text, struct error *err)
{
	if (text.len == 0) {
		error_set(
		    err, "no location after the status, as in 308 https://${host}${path}");
		return false;
	}
	if (memchr(text.data, ' ', text.len) != NULL ||
	    memchr(text.data, '\t', text.len) != NULL) {
		error_set(err, "a location has no spaces; write %%20");
		return false;
	}
	/* Then it would name another host, which whoever made the path has chosen. */
	if (begins(text, SLICE("/${path}")) ||
	    memmem(text.data, text.len, "//${path}", strlen("//${path}")) != NULL) {
		error_set(err, "${path} begins with '/' itself");
		return false;
	}
	if (text.data[0] != '/' && !begins(text, SLICE("${path}")) &&
	    !begins_with_scheme(text)) {
		error_set(err, "a location is a path, or a URL with its scheme, as in "
			       "https://shop.example.com/");
		return false;
	}
	return true;
}

/* Where the host begins that a location names, or NULL: it is a path. */
static const char *host_of(const char *location)
{
	if (location[0] == '/')
		return location[1] == '/' ? location + 2 : NULL;
	return begins_with_scheme(slice_of(location)) ? strstr(location, "//") + 2 : NULL;
}

/* The variables that a host may be made of: what the others hold anyone can send. */
enum {
	OF_HOST = 1U << VARIABLE_HOST | 1U << VARIABLE_ROUTE | 1U << VARIABLE_SCHEME
};

/*
 * A host ends at the next '/', '?' or '#' (RFC 3986 3.2), with which ${path} begins.
 * Where there is none, browsers take what comes behind those slashes for it.
 */
static bool check_host(const struct template *location, struct error *err)
{
	const char *at = host_of(location->text);
	bool named = false;

	for (uint32_t i = 0; at != NULL && i < location->n_parts; i++) {
		const struct template_part *part = &location->parts[i];
		const char *end = part->literal.data + part->literal.len;

		if (part->variable == VARIABLE_PATH)
			break;
		if (part->variable == VARIABLE_NONE) {
			if (at < part->literal.data)
				at = part->literal.data;
			for (; at < end && memchr("/?#", *at, 3) == NULL; at++)
				named = named || *at != '\\'; /* to browsers a slash too */
			if (at < end)
				break;
		} else if ((OF_HOST >> part->variable & 1) == 0) {
			error_set(err,
			    "${%s} would be part of the host, which the client would choose; "
			    "a '/' ends the host",
			    template_variable_name(part->variable));
			return false;
		} else {
			named = named || i > 0; /* the first one is the scheme */
		}
	}
	if (at == NULL || named || !template_has(location, ~(uint32_t)OF_HOST))
		return true;
	error_set(err, "the URL names no host");
	return false;
}

bool redirect_parse(struct slice text, struct redirect_conf *redirect, struct error *err)
{
	/* What is known only of a request that goes to an upstream. */
	static const enum template_variable of_arms[] = { VARIABLE_ARM, VARIABLE_BUCKET,
		VARIABLE_RELEASE };
	struct slice rest = text;
	struct slice word = first_word(&rest);
	uint64_t status;

	if (!slice_to_u64(word, &status) || (status != 301 && status != 302 && status != 303 &&
						status != 307 && status != 308)) {
		error_set(err, "begins with its status: 301, 302, 303, 307 or 308");
		return false;
	}
	if (!check_location(rest, err) || !template_parse(rest, &redirect->location, err))
		return false;
	for (size_t i = 0; i < sizeof(of_arms) / sizeof(of_arms[0]); i++) {
		if (template_has(&redirect->location, 1U << of_arms[i])) {
			error_set(err, "a redirect is of no arm, so it has no ${%s}",
			    template_variable_name(of_arms[i]));
			template_done(&redirect->location);
			return false;
		}
	}
	if (!check_host(&redirect->location, err)) {
		template_done(&redirect->location);
		return false;
	}
	redirect->status = (uint16_t)status;
	return true;
}

static bool check_text(uint64_t status, struct slice text, struct error *err)
{
	if (text.len > 0 && (status == 204 || status == 205 || status == 304)) {
		error_set(err, "a %u has no text", (unsigned)status);
		return false;
	}
	if (text.len > RESPOND_TEXT_MAX) {
		error_set(err, "a text of %zu bytes; at most %d", text.len, RESPOND_TEXT_MAX);
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
			error_set(err, "printable ASCII is needed");
			return false;
		}
	}
	return true;
}

bool respond_parse(struct slice text, struct respond_conf *respond, struct error *err)
{
	struct slice rest = text;
	struct slice word = first_word(&rest);
	uint64_t status;

	if (!slice_to_u64(word, &status) || status < 200 || status > 599) {
		error_set(err, "begins with its status: 200 to 599");
		return false;
	}
	if (!check_text(status, rest, err))
		return false;
	respond->text = strndup(rest.data, rest.len);
	if (respond->text == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	respond->status = (uint16_t)status;
	return true;
}

#include "base/message.h"

/*
 * Whether a word read from a name is that of `lower`, in any case. In a name made
 * of lower-case letters, digits and '-' only the letters have the bit 0x40; so the
 * bit 0x20 is ignored in letters alone, and the comparison is exact.
 */
static inline bool word_is(uint64_t word, uint64_t lower)
{
	return (word | (lower & 0x4040404040404040u) >> 1) == lower;
}

static inline uint64_t load8(const char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline uint32_t load4(const char *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* With a constant len it becomes a few compares of words with constants. */
__attribute__((always_inline)) static inline bool name_is(
    const char *name, const char *lower, size_t len)
{
	if (len < 4) {
		for (size_t i = 0; i < len; i++) {
			if (!word_is((uint8_t)name[i], (uint8_t)lower[i]))
				return false;
		}
		return true;
	}
	if (len < 8)
		return word_is(load4(name), load4(lower)) &&
		       word_is(load4(name + len - 4), load4(lower + len - 4));
	if (!word_is(load8(name), load8(lower)))
		return false;
	if (len > 16 && !word_is(load8(name + 8), load8(lower + 8)))
		return false;
	if (len > 24 && !word_is(load8(name + 16), load8(lower + 16)))
		return false;
	return word_is(load8(name + len - 8), load8(lower + len - 8));
}

#define IS(literal) name_is(name.data, literal, sizeof(literal) - 1)

/* Runs for every field of every message: one jump, then at most three compares. */
enum field_id field_identify(struct slice name)
{
	switch (name.len) {
	case 2: return IS("te") ? FIELD_TE : FIELD_OTHER;
	case 3: return IS("via") ? FIELD_VIA : FIELD_OTHER;
	case 4: return IS("host") ? FIELD_HOST : IS("date") ? FIELD_DATE : FIELD_OTHER;
	case 6: return IS("cookie") ? FIELD_COOKIE : IS("expect") ? FIELD_EXPECT : FIELD_OTHER;
	case 7:
		return IS("trailer")   ? FIELD_TRAILER
		       : IS("upgrade") ? FIELD_UPGRADE
				       : FIELD_OTHER;
	case 9: return IS("forwarded") ? FIELD_FORWARDED : FIELD_OTHER;
	case 10:
		return IS("connection")   ? FIELD_CONNECTION
		       : IS("keep-alive") ? FIELD_KEEP_ALIVE
		       : IS("set-cookie") ? FIELD_SET_COOKIE
					  : FIELD_OTHER;
	case 12:
		return IS("max-forwards")   ? FIELD_MAX_FORWARDS
		       : IS("x-request-id") ? FIELD_X_REQUEST_ID
					    : FIELD_OTHER;
	case 14:
		return IS("content-length")   ? FIELD_CONTENT_LENGTH
		       : IS("http2-settings") ? FIELD_HTTP2_SETTINGS
					      : FIELD_OTHER;
	case 15: return IS("x-forwarded-for") ? FIELD_X_FORWARDED_FOR : FIELD_OTHER;
	case 16:
		return IS("x-forwarded-host")   ? FIELD_X_FORWARDED_HOST
		       : IS("proxy-connection") ? FIELD_PROXY_CONNECTION
						: FIELD_OTHER;
	case 17:
		return IS("transfer-encoding")   ? FIELD_TRANSFER_ENCODING
		       : IS("x-forwarded-proto") ? FIELD_X_FORWARDED_PROTO
						 : FIELD_OTHER;
	case 18: return IS("proxy-authenticate") ? FIELD_PROXY_AUTHENTICATE : FIELD_OTHER;
	case 19: return IS("proxy-authorization") ? FIELD_PROXY_AUTHORIZATION : FIELD_OTHER;
	case 25:
		return IS("proxy-authentication-info") ? FIELD_PROXY_AUTHENTICATION_INFO
						       : FIELD_OTHER;
	default: return FIELD_OTHER;
	}
}

#define EQUALS(literal) (memcmp(method.data, literal, sizeof(literal) - 1) == 0)

/* Methods are case-sensitive (RFC 9110 9.1). */
enum method_id method_identify(struct slice method)
{
	switch (method.len) {
	case 3: return EQUALS("GET") ? METHOD_GET : EQUALS("PUT") ? METHOD_PUT : METHOD_OTHER;
	case 4:
		return EQUALS("POST")   ? METHOD_POST
		       : EQUALS("HEAD") ? METHOD_HEAD
					: METHOD_OTHER;
	case 5:
		return EQUALS("TRACE")   ? METHOD_TRACE
		       : EQUALS("PATCH") ? METHOD_PATCH
					 : METHOD_OTHER;
	case 6: return EQUALS("DELETE") ? METHOD_DELETE : METHOD_OTHER;
	case 7:
		return EQUALS("OPTIONS")   ? METHOD_OPTIONS
		       : EQUALS("CONNECT") ? METHOD_CONNECT
					   : METHOD_OTHER;
	default: return METHOD_OTHER;
	}
}

bool method_is_idempotent(enum method_id method)
{
	switch (method) {
	case METHOD_DELETE:
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_OPTIONS:
	case METHOD_PUT:
	case METHOD_TRACE: return true;
	case METHOD_CONNECT:
	case METHOD_OTHER:
	case METHOD_PATCH:
	case METHOD_POST: return false;
	}
	return false;
}

bool message_add(
    struct message *message, enum field_id id, struct slice name, struct slice value)
{
	if (message->n_fields == MESSAGE_MAX_FIELDS)
		return false;
	message->fields[message->n_fields++] =
	    (struct field) { .name = name, .value = value, .id = id };
	message->ids |= FIELD_BIT(id);
	return true;
}

void message_clear(struct message *message)
{
	message->n_fields = 0;
	message->ids = 0;
}

const struct field *message_find(const struct message *message, enum field_id id)
{
	if (!message_has(message, FIELD_BIT(id)))
		return NULL;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (message->fields[i].id == id)
			return &message->fields[i];
	}
	return NULL;
}

const struct field *message_find_name(const struct message *message, struct slice name)
{
	enum field_id id = field_identify(name);

	if (id != FIELD_OTHER)
		return message_find(message, id);
	for (uint32_t i = 0; i < message->n_fields; i++) {
		const struct field *field = &message->fields[i];

		if (field->id == FIELD_OTHER && slice_equal_nocase(field->name, name))
			return field;
	}
	return NULL;
}

struct slice message_path(const struct message *message)
{
	struct slice path = message->target;
	const char *query = path.len > 0 ? memchr(path.data, '?', path.len) : NULL;

	if (query != NULL)
		path.len = (size_t)(query - path.data);
	/* An absolute-form target may come without one (RFC 9110 4.2.3). */
	return path.len > 0 ? path : SLICE("/");
}

/*
 * One HTTP message head, whatever version carried it (RFC 9110 6).
 *
 * Codecs produce it and write it; routing, cohorts, header rules and the
 * exchange read nothing else. Framing (Content-Length, Transfer-Encoding, TE,
 * Connection) is the codec's business: it is expressed in `body` and the
 * fields themselves never travel on.
 *
 * Ownership  every slice points into the buffer that the codec parsed, or into
 *            the exchange; valid until that buffer is given back.
 */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include "base/slice.h"

/* The fields that weir treats in a particular way; all others are OTHER. */
enum field_id {
	FIELD_OTHER,
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_COOKIE,
	FIELD_DATE,
	FIELD_EXPECT,
	FIELD_FORWARDED,
	FIELD_HOST,
	FIELD_HTTP2_SETTINGS,
	FIELD_KEEP_ALIVE,
	FIELD_MAX_FORWARDS,
	FIELD_PROXY_AUTHENTICATE,
	FIELD_PROXY_AUTHENTICATION_INFO,
	FIELD_PROXY_AUTHORIZATION,
	FIELD_PROXY_CONNECTION,
	FIELD_SET_COOKIE,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_VIA,
	FIELD_X_FORWARDED_FOR,
	FIELD_X_FORWARDED_HOST,
	FIELD_X_FORWARDED_PROTO,
	FIELD_X_REQUEST_ID,
	FIELD_IDS, /* how many */
};
_Static_assert(FIELD_IDS <= 32, "a set of them is a word");

#define FIELD_BIT(id) (UINT32_C(1) << (id))

enum method_id {
	METHOD_OTHER,
	METHOD_CONNECT,
	METHOD_DELETE,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_OPTIONS,
	METHOD_PATCH,
	METHOD_POST,
	METHOD_PUT,
	METHOD_TRACE,
};

enum body_kind {
	BODY_NONE,   /* ends with its head */
	BODY_LENGTH, /* exactly content_length bytes, 0 allowed */
	BODY_STREAM, /* until the codec says END */
};

struct field {
	struct slice name;  /* as received */
	struct slice value; /* trimmed */
	enum field_id id;
	bool drop; /* hop-by-hop, nominated or replaced: not forwarded */
};

enum {
	MESSAGE_PEER_FIELDS = 256, /* the ceiling of the max_fields key */
	MESSAGE_OWN_FIELDS = 68,   /* forwarding, and what a route's rules add */
	MESSAGE_MAX_FIELDS = MESSAGE_PEER_FIELDS + MESSAGE_OWN_FIELDS,
};

struct message {
	/* A request: */
	enum method_id method_id;
	struct slice method;
	struct slice scheme;    /* "http" */
	struct slice authority; /* host[:port]; empty where HTTP/1.0 sent none */
	struct slice target;    /* origin-form path and query, or "*" */
	/* A response: */
	uint16_t status;
	struct slice reason;
	/* Both: */
	uint8_t minor; /* the peer's HTTP/1 minor version */
	enum body_kind body;
	uint64_t content_length; /* with BODY_LENGTH; on a bodiless response to HEAD too */
	bool has_content_length;
	uint32_t ids; /* FIELD_BIT() of each field there is, of dropped ones too */
	uint32_t n_fields;
	struct field fields[MESSAGE_MAX_FIELDS];
};

/* Whether a field of one of these ids (a set of FIELD_BIT()) is there; most never are. */
static inline bool message_has(const struct message *message, uint32_t ids)
{
	return (message->ids & ids) != 0;
}

/* One field more; false where there is no room for it. */
__attribute__((warn_unused_result)) bool message_add(
    struct message *message, enum field_id id, struct slice name, struct slice value);

/* Leaves the message without fields. */
void message_clear(struct message *message);

enum field_id field_identify(struct slice name);
enum method_id method_identify(struct slice method);

/* Safe to repeat without harm (RFC 9110 9.2.2). */
bool method_is_idempotent(enum method_id method);

/* The first field of that id, or NULL. */
const struct field *message_find(const struct message *message, enum field_id id);

/* The first field of that name (any case), or NULL. */
const struct field *message_find_name(const struct message *message, struct slice name);

/* The path of the target, without the query; "/" where it has none. */
struct slice message_path(const struct message *message);

#endif

#include "proxy/headers.h"

#include <stdio.h>

/* A list of more options is an attack on whoever walks it for every field. */
enum {
	CONNECTION_OPTIONS_MAX = 32
};

/*
 * What a trusted proxy says of the client is for weir, which replaces it: were it the
 * client's to take away, by a Connection field that the proxy lets pass, the client
 * would be taken for the proxy.
 */
static bool is_forwarding(enum field_id id)
{
	return id == FIELD_FORWARDED || id == FIELD_X_FORWARDED_FOR ||
	       id == FIELD_X_FORWARDED_HOST || id == FIELD_X_FORWARDED_PROTO;
}

static void drop_named(struct message *message, struct slice name)
{
	for (uint32_t i = 0; i < message->n_fields; i++) {
		struct field *field = &message->fields[i];

		if (!is_forwarding(field->id) && slice_equal_nocase(field->name, name))
			field->drop = true;
	}
}

static bool apply_connection(struct message *message, const struct field *field,
    struct connection_options *options, unsigned *n)
{
	struct slice rest = field->value;
	struct slice option;

	while (slice_next_element(&rest, &option)) {
		if (++*n > CONNECTION_OPTIONS_MAX)
			return false;
		if (slice_equal_nocase(option, SLICE("close")))
			options->close = true;
		else if (slice_equal_nocase(option, SLICE("keep-alive")))
			options->keep_alive = true;
		else if (slice_equal_nocase(option, SLICE("upgrade")))
			options->upgrade = true;
		else
			drop_named(message, option);
	}
	return true;
}

enum {
	HOP_BY_HOP =
	    FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_CONTENT_LENGTH) |
	    FIELD_BIT(FIELD_HTTP2_SETTINGS) | FIELD_BIT(FIELD_KEEP_ALIVE) |
	    FIELD_BIT(FIELD_PROXY_AUTHENTICATE) | FIELD_BIT(FIELD_PROXY_AUTHENTICATION_INFO) |
	    FIELD_BIT(FIELD_PROXY_AUTHORIZATION) | FIELD_BIT(FIELD_PROXY_CONNECTION) |
	    FIELD_BIT(FIELD_TE) | FIELD_BIT(FIELD_TRANSFER_ENCODING) | FIELD_BIT(FIELD_UPGRADE),
};

bool headers_strip_hop_by_hop(
    struct message *message, struct connection_options *options, struct h1_fault *fault)
{
	uint32_t strip = HOP_BY_HOP;
	unsigned n = 0;

	*options = (struct connection_options) { 0 };
	if (message->body != BODY_STREAM)
		strip |= FIELD_BIT(FIELD_TRAILER);
	if (!message_has(message, strip))
		return true;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		struct field *field = &message->fields[i];

		if (field->id == FIELD_CONNECTION &&
		    !apply_connection(message, field, options, &n)) {
			*fault = (struct h1_fault) { 400, "too many connection options" };
			return false;
		}
		if ((strip & FIELD_BIT(field->id)) != 0)
			field->drop = true;
	}
	return true;
}

/* lower: how it is spelled in lower case. */
static bool begins_with(struct slice name, struct slice lower)
{
	return name.len >= lower.len &&
	       slice_equal_nocase((struct slice) { name.data, lower.len }, lower);
}

/* Of "x-real-ip" and "x-forwarded-" the letters that few other names have there. */
static inline bool may_tell_of_client(struct slice name)
{
	return name.len >= 9 && (name.data[0] | 0x20) == 'x' &&
	       ((name.data[2] | 0x20) == 'f' || (name.data[2] | 0x20) == 'r');
}

/* What tells servers who and where the client is, but for Forwarded. */
static bool tells_of_client(struct slice name)
{
	return begins_with(name, SLICE("x-forwarded-")) ||
	       slice_equal_nocase(name, SLICE("x-real-ip"));
}

void headers_drop_hearsay(struct message *request)
{
	struct field *end = request->fields + request->n_fields;

	for (struct field *field = request->fields; field < end; field++) {
		if (may_tell_of_client(field->name) && tells_of_client(field->name))
			field->drop = true;
	}
}

static bool has_underscore(struct slice name)
{
	return memchr(name.data, '_', name.len) != NULL;
}

void headers_strip_replaced(struct message *request, bool allow_underscores)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		struct field *field = &request->fields[i];

		switch (field->id) {
		case FIELD_HOST:
		case FIELD_X_REQUEST_ID: field->drop = true; break;
		case FIELD_EXPECT: field->drop = field->drop || request->minor == 0; break;
		case FIELD_OTHER:
			if (!allow_underscores && has_underscore(field->name))
				field->drop = true;
			break;
		default: break;
		}
	}
}

void headers_drop(struct message *message, uint32_t ids)
{
	if (!message_has(message, ids))
		return;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if ((ids & FIELD_BIT(message->fields[i].id)) != 0)
			message->fields[i].drop = true;
	}
}

bool headers_keep(const struct message *message, enum field_id id)
{
	if (!message_has(message, FIELD_BIT(id)))
		return false;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (message->fields[i].id == id && !message->fields[i].drop)
			return true;
	}
	return false;
}

bool headers_request_id_is_sane(struct slice id)
{
	if (id.len == 0 || id.len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		if (id.data[i] <= 0x20 || id.data[i] >= 0x7f)
			return false;
	}
	return true;
}

bool headers_expects_continue(const struct message *request)
{
	const struct field *expect = message_find(request, FIELD_EXPECT);

	return request->minor > 0 && expect != NULL && !expect->drop &&
	       slice_equal_nocase(expect->value, SLICE("100-continue"));
}

/* Whether a list field (any of that id) has this element. */
static bool has_element(const struct message *message, enum field_id id, struct slice wanted)
{
	if (!message_has(message, FIELD_BIT(id)))
		return false;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		struct slice rest = message->fields[i].value;
		struct slice element;

		while (message->fields[i].id == id && slice_next_element(&rest, &element)) {
			if (slice_equal_nocase(element, wanted))
				return true;
		}
	}
	return false;
}

bool headers_accept_trailers(const struct message *request)
{
	return request->minor > 0 && has_element(request, FIELD_TE, SLICE("trailers"));
}

/* Accept-Ranges, ETag and the digests may come behind a body, by their own definitions. */
static bool may_trail(enum field_id id, struct slice name)
{
	static const struct slice never[] = {
		{ "accept", 6 },
		{ "accept-charset", 14 },
		{ "accept-encoding", 15 },
		{ "accept-language", 15 },
		{ "age", 3 },
		{ "authorization", 13 },
		{ "cache-control", 13 },
		{ "content-encoding", 16 },
		{ "content-location", 16 },
		{ "content-range", 13 },
		{ "content-type", 12 },
		{ "expires", 7 },
		{ "location", 8 },
		{ "pragma", 6 },
		{ "range", 5 },
		{ "retry-after", 11 },
		{ "vary", 4 },
		{ "weir-token", 10 },
		{ "www-authenticate", 16 },
	};

	if (id != FIELD_OTHER && id != FIELD_DATE)
		return false;
	if (begins_with(name, SLICE("if-")) || tells_of_client(name))
		return false;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (slice_equal_nocase(name, never[i]))
			return false;
	}
	return true;
}

/* A message with more options than are looked at is refused by its head. */
static bool nominate_trailers(struct slice options, struct buffer *names)
{
	unsigned n = 0;
	struct slice option;

	while (n++ < CONNECTION_OPTIONS_MAX && slice_next_element(&options, &option)) {
		if (slice_equal_nocase(option, SLICE("close")) ||
		    !may_trail(field_identify(option), option))
			continue;
		if (!buffer_append(names, option.data, option.len) ||
		    !buffer_append(names, ",", 1))
			return false;
	}
	return true;
}

bool headers_nominate_trailers(const struct message *message, struct buffer *names)
{
	if (!message_has(message, FIELD_BIT(FIELD_CONNECTION)))
		return true;
	for (uint32_t i = 0; i < message->n_fields; i++) {
		const struct field *field = &message->fields[i];

		if (field->id == FIELD_CONNECTION && !nominate_trailers(field->value, names))
			return false;
	}
	return true;
}

void headers_strip_trailers(
    struct message *trailers, struct slice nominated, bool allow_underscores)
{
	for (uint32_t i = 0; i < trailers->n_fields; i++) {
		struct field *field = &trailers->fields[i];

		field->drop = !may_trail(field->id, field->name) ||
			      slice_list_has_nocase(nominated, field->name) ||
			      (!allow_underscores && has_underscore(field->name));
	}
}

/* "h2c", "HTTP/2.0", "TLS/1.0": the connection would carry requests unseen. */
static bool is_other_http(struct slice protocol)
{
	static const struct slice names[] = { { "h2c", 3 }, { "http", 4 }, { "tls", 3 } };
	const char *slash = memchr(protocol.data, '/', protocol.len);
	struct slice name = protocol;

	if (slash != NULL)
		name.len = (size_t)(slash - protocol.data);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(name, names[i]))
			return true;
	}
	return false;
}

/* Some say so where there is none: Content-Length: 0. */
static bool has_body(const struct message *request)
{
	return request->body == BODY_STREAM ||
	       (request->body == BODY_LENGTH && request->content_length > 0);
}

struct slice headers_upgrade(
    const struct message *request, const struct connection_options *options)
{
	const struct field *upgrade = message_find(request, FIELD_UPGRADE);
	struct slice rest, protocol;

	if (!options->upgrade || upgrade == NULL || request->minor == 0 || has_body(request))
		return (struct slice) { 0 };
	rest = upgrade->value;
	while (slice_next_element(&rest, &protocol)) {
		if (is_other_http(protocol))
			return (struct slice) { 0 };
	}
	return upgrade->value;
}

/* More than can be counted is the most that can (RFC 9110 7.6.2). */
static bool read_count(struct slice value, uint64_t *n)
{
	*n = UINT64_MAX;
	if (value.len == 0 || slice_to_u64(value, n))
		return value.len > 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	}
	return true;
}

bool headers_count_forward(struct message *request, char digits[MAX_FORWARDS_DIGITS])
{
	struct field *counted = NULL;
	uint64_t least = UINT64_MAX;
	bool nominated; /* by Connection: then it ends here */
	int len;

	if ((request->method_id != METHOD_OPTIONS && request->method_id != METHOD_TRACE) ||
	    !message_has(request, FIELD_BIT(FIELD_MAX_FORWARDS)))
		return true;
	for (uint32_t i = 0; i < request->n_fields; i++) {
		struct field *field = &request->fields[i];
		uint64_t n;

		if (field->id != FIELD_MAX_FORWARDS || !read_count(field->value, &n))
			continue;
		least = n < least ? n : least;
		counted = field;
	}
	if (counted == NULL)
		return true;
	if (least == 0)
		return false;
	nominated = counted->drop;
	headers_drop(request, FIELD_BIT(FIELD_MAX_FORWARDS));
	counted->drop = nominated;
	len = snprintf(digits, MAX_FORWARDS_DIGITS, "%llu", (unsigned long long)least - 1);
	counted->value = (struct slice) { digits, (size_t)len };
	return true;
}

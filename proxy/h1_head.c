#include "proxy/h1_head.h"

#include "proxy/h1_grammar.h"

/* What is left to read of a head; end is behind its empty line. */
struct cursor {
	const char *at;
	const char *end;
};

static bool refuse(struct h1_fault *fault, uint16_t status, const char *reason)
{
	*fault = (struct h1_fault) { .status = status, .reason = reason };
	return false;
}

static bool skip(struct cursor *c, char expected)
{
	if (c->at == c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

static bool skip_crlf(struct cursor *c)
{
	return skip(c, '\r') && skip(c, '\n');
}

static struct slice take_token(struct cursor *c)
{
	const char *from = c->at;

	c->at = h1_skip_token(c->at, c->end);
	return (struct slice) { from, (size_t)(c->at - from) };
}

static bool is_ows(char c)
{
	return c == ' ' || c == '\t';
}

/* field-line = field-name ":" OWS field-value OWS CRLF, on one line (RFC 9112 5). */
static bool read_field(struct cursor *c, struct field *field)
{
	const char *name = c->at;
	const char *colon = h1_skip_token(name, c->end);
	const char *from, *end, *line_end;

	if (colon == name || colon == c->end || *colon != ':')
		return false;
	from = colon + 1;
	while (from < c->end && is_ows(*from))
		from++;
	end = line_end = h1_skip_field_text(from, c->end);
	if (c->end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n')
		return false;
	c->at = line_end + 2;
	while (end > from && is_ows(end[-1]))
		end--;
	field->name = (struct slice) { name, (size_t)(colon - name) };
	field->value = (struct slice) { from, (size_t)(end - from) };
	field->id = field_identify(field->name);
	field->drop = false;
	return true;
}

/* Which of them came more than once is noted besides: FIELD_BIT() of each. */
static bool read_fields(struct cursor *c, const struct h1_limits *limits,
    struct message *message, uint32_t *repeated, struct h1_fault *fault)
{
	uint32_t n = 0;
	uint32_t ids = 0;

	*repeated = 0;
	while (!(c->at < c->end && *c->at == '\r')) {
		uint32_t bit;

		if (n == limits->max_fields || n == MESSAGE_PEER_FIELDS)
			return refuse(fault, 431, "too many header fields");
		if (!read_field(c, &message->fields[n]))
			return refuse(fault, 400, "malformed header field");
		bit = FIELD_BIT(message->fields[n++].id);
		*repeated |= ids & bit;
		ids |= bit;
	}
	message->n_fields = n;
	message->ids = ids;
	if (!skip_crlf(c) || c->at != c->end)
		return refuse(fault, 400, "malformed end of the header section");
	return true;
}

enum {
	FRAMING_FIELDS = FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING),
};

/* Else nobody can tell where the body ends (RFC 9112 6.3). */
static bool ends_chunked(struct slice codings)
{
	struct slice coding = { 0 };

	while (slice_next_element(&codings, &coding))
		continue;
	return slice_equal_nocase(coding, SLICE("chunked"));
}

static bool read_coding(
    struct message *message, const struct field *coding, struct h1_fault *fault)
{
	if (message->minor == 0)
		return refuse(fault, 400, "Transfer-Encoding in HTTP/1.0");
	if (!ends_chunked(coding->value))
		return refuse(fault, 400, "chunked is not the last Transfer-Encoding");
	if (!slice_equal_nocase(coding->value, SLICE("chunked")))
		return refuse(fault, 501, "Transfer-Encoding other than chunked");
	message->body = BODY_STREAM;
	return true;
}

static bool read_length(
    struct message *message, const struct field *length, struct h1_fault *fault)
{
	/* Beyond 2^62 no sum of lengths could overflow; nobody means it. */
	if (!slice_to_u64(length->value, &message->content_length) ||
	    message->content_length >> 62 != 0)
		return refuse(fault, 400, "malformed Content-Length");
	message->has_content_length = true;
	message->body = BODY_LENGTH;
	return true;
}

/* One of the two at most, and once: anything else has two readings (RFC 9112 6.3). */
static bool read_framing(struct message *message, uint32_t repeated, struct h1_fault *fault)
{
	const struct field *length = message_find(message, FIELD_CONTENT_LENGTH);
	const struct field *coding = message_find(message, FIELD_TRANSFER_ENCODING);

	message->body = BODY_NONE;
	message->has_content_length = false;
	message->content_length = 0;
	if ((repeated & FRAMING_FIELDS) != 0)
		return refuse(fault, 400, "repeated Content-Length or Transfer-Encoding");
	if (length != NULL && coding != NULL)
		return refuse(fault, 400, "both Content-Length and Transfer-Encoding");
	if (coding != NULL)
		return read_coding(message, coding, fault);
	return length == NULL || read_length(message, length, fault);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112 2.3); false where it is none. */
static bool read_version(struct cursor *c, uint8_t *major, uint8_t *minor)
{
	enum {
		LEN = sizeof("HTTP/1.1") - 1
	};

	if (c->end - c->at < LEN || memcmp(c->at, "HTTP/", 5) != 0 || !is_digit(c->at[5]) ||
	    c->at[6] != '.' || !is_digit(c->at[7]))
		return false;
	*major = (uint8_t)(c->at[5] - '0');
	*minor = (uint8_t)(c->at[7] - '0');
	c->at += LEN;
	return true;
}

/* The versions that exist of this syntax. */
static bool is_served(uint8_t major, uint8_t minor)
{
	return major == 1 && minor <= 1;
}

/* absolute-form = scheme "://" authority path [ "?" query ] (RFC 9112 3.2.2). */
static bool split_absolute(struct slice target, struct message *request)
{
	static const struct slice schemes[] = { { "http", 4 }, { "https", 5 } };
	struct slice rest = { 0 };
	size_t len = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t n = schemes[i].len;

		if (target.len > n + 3 &&
		    slice_equal_nocase((struct slice) { target.data, n }, schemes[i]) &&
		    memcmp(target.data + n, "://", 3) == 0)
			rest = (struct slice) { target.data + n + 3, target.len - n - 3 };
	}
	if (rest.len == 0)
		return false;
	while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?')
		len++;
	if (len == 0)
		return false;
	request->authority = (struct slice) { rest.data, len };
	/* An empty path stands for "/" (RFC 9110 4.2.3); the writer puts it. */
	request->target = (struct slice) { rest.data + len, rest.len - len };
	return true;
}

static bool read_target(struct slice target, struct message *request, struct h1_fault *fault)
{
	request->scheme = SLICE("http");
	request->authority = (struct slice) { 0 };
	request->target = target;
	for (size_t i = 0; i < target.len; i++) {
		if (!h1_is_target_char(target.data[i]))
			return refuse(fault, 400, "malformed request target");
	}
	if (request->method_id == METHOD_CONNECT)
		return refuse(fault, 501, "CONNECT is not served here");
	if (target.data[0] == '/')
		return true;
	if (slice_equal(target, SLICE("*")) && request->method_id == METHOD_OPTIONS)
		return true;
	if (!split_absolute(target, request))
		return refuse(fault, 400, "malformed request target");
	return true;
}

/* request-line = method SP request-target SP HTTP-version CRLF (RFC 9112 3). */
static bool read_request_line(struct cursor *c, const struct h1_limits *limits,
    struct message *request, struct h1_fault *fault)
{
	struct slice target;
	const char *space;
	uint8_t major;

	request->method = take_token(c);
	request->method_id = method_identify(request->method);
	if (request->method.len == 0 || !skip(c, ' '))
		return refuse(fault, 400, "malformed request line");
	space = memchr(c->at, ' ', (size_t)(c->end - c->at));
	if (space == NULL || space == c->at)
		return refuse(fault, 400, "malformed request line");
	target = (struct slice) { c->at, (size_t)(space - c->at) };
	if (target.len > limits->max_uri_bytes)
		return refuse(fault, 414, "request target too long");
	c->at = space + 1;
	if (!read_version(c, &major, &request->minor) || !skip_crlf(c))
		return refuse(fault, 400, "malformed request line");
	if (!is_served(major, request->minor))
		return refuse(fault, 505, "HTTP version not supported");
	return read_target(target, request, fault);
}

/* Exactly one Host in HTTP/1.1, at most one in 1.0 (RFC 9112 3.2). */
static bool read_host(struct message *request, uint32_t repeated, struct h1_fault *fault)
{
	const struct field *host = message_find(request, FIELD_HOST);

	if ((repeated & FIELD_BIT(FIELD_HOST)) != 0)
		return refuse(fault, 400, "more than one Host");
	if (host == NULL && request->minor > 0)
		return refuse(fault, 400, "no Host");
	if (host != NULL && !h1_is_authority(host->value))
		return refuse(fault, 400, "malformed Host");
	if (request->authority.len > 0) {
		/* The target's authority overrides Host (RFC 9112 3.2.2). */
		if (!h1_is_authority(request->authority))
			return refuse(fault, 400, "malformed request target");
		return true;
	}
	if (host != NULL)
		request->authority = host->value;
	return true;
}

bool h1_head_read_request(struct slice head, const struct h1_limits *limits,
    struct message *request, struct h1_fault *fault)
{
	struct cursor c = { head.data, head.data + head.len };
	uint32_t repeated;

	request->status = 0;
	request->reason = (struct slice) { 0 };
	return read_request_line(&c, limits, request, fault) &&
	       read_fields(&c, limits, request, &repeated, fault) &&
	       read_host(request, repeated, fault) && read_framing(request, repeated, fault);
}

/* status-line = HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF (RFC 9112 4). */
static bool read_status_line(struct cursor *c, struct message *response)
{
	const char *from;
	uint8_t major;

	if (!read_version(c, &major, &response->minor) || !is_served(major, response->minor) ||
	    !skip(c, ' '))
		return false;
	response->status = 0;
	for (int i = 0; i < 3; i++) {
		if (c->at == c->end || !is_digit(*c->at))
			return false;
		response->status = (uint16_t)(response->status * 10 + (*c->at++ - '0'));
	}
	if (response->status < 100 || response->status > 599)
		return false;
	response->reason = (struct slice) { 0 };
	/* Servers that leave out the reason often leave out its space as well. */
	if (skip(c, ' ')) {
		from = c->at;
		c->at = h1_skip_field_text(c->at, c->end);
		response->reason = (struct slice) { from, (size_t)(c->at - from) };
	}
	return skip_crlf(c);
}

/* Who ends the body, in the order of RFC 9112 6.3. */
static void settle_response_body(struct message *response, bool to_head)
{
	if (to_head || response->status < 200 || response->status == 204 ||
	    response->status == 304)
		response->body = BODY_NONE;
	else if (response->body == BODY_NONE)
		response->body = BODY_STREAM; /* until the server closes */
}

bool h1_head_read_response(struct slice head, const struct h1_limits *limits, bool to_head,
    struct message *response, struct h1_fault *fault)
{
	struct cursor c = { head.data, head.data + head.len };
	uint32_t repeated;

	if (!read_status_line(&c, response))
		return refuse(fault, 502, "malformed status line");
	if (!read_fields(&c, limits, response, &repeated, fault) ||
	    !read_framing(response, repeated, fault))
		return false;
	settle_response_body(response, to_head);
	return true;
}

bool h1_head_read_trailers(
    struct slice lines, const struct h1_limits *limits, struct message *message)
{
	struct cursor c = { lines.data, lines.data + lines.len };

	message_clear(message);
	message->body = BODY_NONE;
	while (c.at < c.end) {
		if (message->n_fields == limits->max_fields ||
		    message->n_fields == MESSAGE_PEER_FIELDS ||
		    !read_field(&c, &message->fields[message->n_fields]))
			return false;
		message->ids |= FIELD_BIT(message->fields[message->n_fields++].id);
	}
	return true;
}

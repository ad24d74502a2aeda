#include "proxy/h1_writer.h"

#include "proxy/headers.h"

#include <assert.h>
#include <stdio.h>

/* Room for all that a writer adds besides the fields and the context's slices. */
enum {
	OWN_BYTES_MAX = 512
};

static char *put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

#define PUT_LITERAL(at, literal) put((at), SLICE(literal))

static char *put_field(char *at, struct slice name, struct slice value)
{
	at = put(at, name);
	*at++ = ':';
	*at++ = ' ';
	at = put(at, value);
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

static char *put_number(char *at, uint64_t n)
{
	char digits[20];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (len > 0)
		*at++ = digits[--len];
	return at;
}

static char *put_length(char *at, uint64_t length)
{
	at = PUT_LITERAL(at, "Content-Length: ");
	at = put_number(at, length);
	return PUT_LITERAL(at, "\r\n");
}

static char *put_via(char *at, uint8_t minor)
{
	at = PUT_LITERAL(at, "Via: 1.");
	*at++ = (char)('0' + minor);
	return PUT_LITERAL(at, " weir\r\n");
}

static size_t fields_bytes(const struct message *message)
{
	size_t n = 0;

	for (uint32_t i = 0; i < message->n_fields; i++)
		n += message->fields[i].name.len + message->fields[i].value.len + 4;
	return n;
}

/* Whether it came as it would be written: its name, ": ", and its value behind them. */
static bool is_verbatim(const struct field *field)
{
	const char *colon = field->name.data + field->name.len;

	return field->value.data == colon + 2 && colon[0] == ':' && colon[1] == ' ';
}

/* Whether the next field is the next line of the same head, with no space in between. */
static bool is_next_line(const struct field *field, const struct field *next)
{
	const char *end = field->value.data + field->value.len;

	return next->name.data == end + 2 && end[0] == '\r' && end[1] == '\n';
}

/* Lines that came as they would be written, one behind the other, are copied at once. */
static char *put_fields(char *at, const struct message *message)
{
	const struct field *end = message->fields + message->n_fields;

	for (const struct field *field = message->fields; field < end; field++) {
		const struct field *last = field;
		const char *from = field->name.data;

		if (field->drop)
			continue;
		if (!is_verbatim(field)) {
			at = put_field(at, field->name, field->value);
			continue;
		}
		while (field + 1 < end && !field[1].drop && is_next_line(field, field + 1) &&
		       is_verbatim(field + 1))
			last = ++field;
		at = put(at, (struct slice) {
				 from, (size_t)(last->value.data + last->value.len - from) });
		at = PUT_LITERAL(at, "\r\n");
	}
	return at;
}

/* What is said to this hop alone is nominated in Connection (RFC 9110 7.6.1). */
static char *put_hop_fields(char *at, const struct request_context *context)
{
	if (context->upgrade.len > 0) {
		at = put_field(at, SLICE("Upgrade"), context->upgrade);
		at = PUT_LITERAL(at, "Connection: Upgrade\r\n");
	}
	if (context->accepts_trailers)
		at = PUT_LITERAL(at, "TE: trailers\r\nConnection: TE\r\n");
	return at;
}

bool h1_write_request_head(
    struct buffer *out, const struct message *request, const struct request_context *context)
{
	char *at, *from;

	if (!buffer_reserve(out, fields_bytes(request) + request->method.len +
				     request->authority.len + request->target.len +
				     context->request_id.len + context->upgrade.len +
				     OWN_BYTES_MAX))
		return false;
	from = at = out->data + out->end;
	at = put(at, request->method);
	*at++ = ' ';
	/* An absolute-form target may come without a path (RFC 9110 4.2.3). */
	if (request->target.len == 0 && request->method_id == METHOD_OPTIONS)
		*at++ = '*'; /* RFC 9112 3.2.4 */
	else if (request->target.len == 0 || request->target.data[0] == '?')
		*at++ = '/';
	at = put(at, request->target);
	at = PUT_LITERAL(at, " HTTP/1.1\r\n");
	at = put_field(at, SLICE("Host"), request->authority);
	at = put_fields(at, request);
	at = put_via(at, request->minor);
	at = put_field(at, SLICE("X-Request-Id"), context->request_id);
	at = put_hop_fields(at, context);
	if (request->body == BODY_LENGTH)
		at = put_length(at, request->content_length);
	else if (request->body == BODY_STREAM)
		at = PUT_LITERAL(at, "Transfer-Encoding: chunked\r\n");
	at = PUT_LITERAL(at, "\r\n");
	buffer_added(out, (size_t)(at - from));
	return true;
}

static char *put_status_line(char *at, uint16_t status, struct slice reason)
{
	at = PUT_LITERAL(at, "HTTP/1.1 ");
	at = put_number(at, status);
	*at++ = ' ';
	at = put(at, reason);
	return PUT_LITERAL(at, "\r\n");
}

static char *put_framing(
    char *at, const struct message *response, const struct response_context *context)
{
	switch (context->framing) {
	case FRAMING_NONE:
		/* What a GET would have had (RFC 9110 8.6); never with 204 or 1xx. */
		if (response->has_content_length && response->status != 204 &&
		    response->status >= 200)
			at = put_length(at, response->content_length);
		break;
	case FRAMING_LENGTH: at = put_length(at, response->content_length); break;
	case FRAMING_CHUNKED: at = PUT_LITERAL(at, "Transfer-Encoding: chunked\r\n"); break;
	case FRAMING_CLOSE: break;
	}
	if (context->upgrade.len > 0) {
		at = put_field(at, SLICE("Upgrade"), context->upgrade);
		at = PUT_LITERAL(at, "Connection: Upgrade\r\n");
	}
	if (context->close)
		at = PUT_LITERAL(at, "Connection: close\r\n");
	else if (context->keep_alive)
		at = PUT_LITERAL(at, "Connection: keep-alive\r\n");
	return at;
}

bool h1_write_response_head(
    struct buffer *out, const struct message *response, const struct response_context *context)
{
	char *at, *from;

	if (!buffer_reserve(out, fields_bytes(response) + response->reason.len +
				     context->date.len + context->issue_cookie.len +
				     context->upgrade.len + OWN_BYTES_MAX))
		return false;
	from = at = out->data + out->end;
	at = put_status_line(at, response->status, response->reason);
	at = put_fields(at, response);
	if (!context->own)
		at = put_via(at, response->minor);
	if (context->date.len > 0 && !headers_keep(response, FIELD_DATE))
		at = put_field(at, SLICE("Date"), context->date);
	if (context->issue_cookie.len > 0)
		at = put_field(at, SLICE("Set-Cookie"), context->issue_cookie);
	at = put_framing(at, response, context);
	at = PUT_LITERAL(at, "\r\n");
	buffer_added(out, (size_t)(at - from));
	return true;
}

bool h1_write_interim(struct buffer *out, const struct message *interim)
{
	char *at, *from;

	if (!buffer_reserve(out, fields_bytes(interim) + interim->reason.len + OWN_BYTES_MAX))
		return false;
	from = at = out->data + out->end;
	at = put_status_line(at, interim->status, interim->reason);
	at = put_fields(at, interim);
	at = PUT_LITERAL(at, "\r\n");
	buffer_added(out, (size_t)(at - from));
	return true;
}

size_t h1_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 1;
	size_t total;

	while (len < 16 && n >> (4 * len) != 0)
		len++;
	total = len;
	while (len > 0) {
		out[--len] = hex[n & 15];
		n >>= 4;
	}
	out[total++] = '\r';
	out[total++] = '\n';
	return total;
}

bool h1_write_last_chunk(struct buffer *out, const struct message *trailers)
{
	char *at, *from;

	if (!buffer_reserve(out, fields_bytes(trailers) + OWN_BYTES_MAX))
		return false;
	from = at = out->data + out->end;
	at = PUT_LITERAL(at, "0\r\n");
	at = put_fields(at, trailers);
	at = PUT_LITERAL(at, "\r\n");
	buffer_added(out, (size_t)(at - from));
	return true;
}

const char *h1_reason_phrase(uint16_t status)
{
	/* RFC 9110 15, RFC 6585, RFC 7725, RFC 8470 */
	static const struct {
		uint16_t status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 203, "Non-Authoritative Information" },
		{ 204, "No Content" },
		{ 205, "Reset Content" },
		{ 206, "Partial Content" },
		{ 300, "Multiple Choices" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 305, "Use Proxy" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}

bool h1_write_local_answer(struct buffer *out, const struct local_answer *answer)
{
	struct slice phrase = slice_of(h1_reason_phrase(answer->status));
	char body[256 + REQUEST_ID_MAX];
	char *at, *from;
	size_t body_len;
	int n;

	n = snprintf(body, sizeof(body), "%u %s: %.*s\n", answer->status, phrase.data,
	    (int)answer->explanation.len, answer->explanation.data);
	if (n > 0 && (size_t)n < sizeof(body) && answer->request_id.len > 0)
		n += snprintf(body + n, sizeof(body) - (size_t)n, "request id: %.*s\n",
		    (int)answer->request_id.len, answer->request_id.data);
	assert(n > 0 && (size_t)n < sizeof(body));
	body_len = (size_t)n;
	if (!buffer_reserve(out, body_len + answer->date.len + OWN_BYTES_MAX))
		return false;
	from = at = out->data + out->end;
	at = put_status_line(at, answer->status, phrase);
	at = put_field(at, SLICE("Server"), SLICE("weir"));
	if (answer->date.len > 0)
		at = put_field(at, SLICE("Date"), answer->date);
	at = put_field(at, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
	at = put_field(at, SLICE("Cache-Control"), SLICE("no-store"));
	at = put_length(at, body_len);
	if (answer->close)
		at = PUT_LITERAL(at, "Connection: close\r\n");
	else if (answer->keep_alive)
		at = PUT_LITERAL(at, "Connection: keep-alive\r\n");
	at = PUT_LITERAL(at, "\r\n");
	if (!answer->head)
		at = put(at, (struct slice) { body, body_len });
	buffer_added(out, (size_t)(at - from));
	return true;
}

#include "proxy/h1_parser.h"

#include "proxy/h1_grammar.h"
#include "proxy/headers.h"

#include <assert.h>

/*
 * Chunk extensions are read and dropped, trailers kept; a peer that sends more
 * of them than this is not talking to us.
 */
enum {
	EXTRA_BYTES_MAX = 8192,
	/* Of chunked framing between two pieces of body, its zeros and spaces included. */
	FRAMING_BYTES_MAX = 2 * EXTRA_BYTES_MAX,
};

static int on_headers_complete(llhttp_t *llhttp)
{
	(void)llhttp;
	return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct h1_parser *parser = llhttp->data;

	parser->piece = (struct slice) { at, len };
	return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *llhttp)
{
	struct h1_parser *parser = llhttp->data;

	parser->complete = true;
	return HPE_PAUSED;
}

/* Fields of the head are read elsewhere; these are behind the body. */
static bool in_body(const struct h1_parser *parser)
{
	return parser->state == H1_STATE_CHUNKED;
}

static int count_extra(struct h1_parser *parser, size_t len)
{
	parser->extra_bytes += len;
	return parser->extra_bytes > EXTRA_BYTES_MAX ? HPE_USER : 0;
}

static int on_extension(llhttp_t *llhttp, const char *at, size_t len)
{
	(void)at;
	return count_extra(llhttp->data, len);
}

static int keep_trailer(struct h1_parser *parser, const char *at, size_t len)
{
	if (parser->trailers == NULL || buffer_append(parser->trailers, at, len))
		return count_extra(parser, len);
	return HPE_USER;
}

static int on_trailer(llhttp_t *llhttp, const char *at, size_t len)
{
	struct h1_parser *parser = llhttp->data;

	return in_body(parser) ? keep_trailer(parser, at, len) : 0;
}

static int on_trailer_name_complete(llhttp_t *llhttp)
{
	struct h1_parser *parser = llhttp->data;

	return in_body(parser) ? keep_trailer(parser, ":", 1) : 0;
}

static int on_trailer_value_complete(llhttp_t *llhttp)
{
	struct h1_parser *parser = llhttp->data;

	return in_body(parser) ? keep_trailer(parser, "\r\n", 2) : 0;
}

static const llhttp_settings_t head_settings = {
	.on_headers_complete = on_headers_complete,
};

static const llhttp_settings_t body_settings = {
	.on_body = on_body,
	.on_message_complete = on_message_complete,
	.on_chunk_extension_name = on_extension,
	.on_chunk_extension_value = on_extension,
	.on_header_field = on_trailer,
	.on_header_field_complete = on_trailer_name_complete,
	.on_header_value = on_trailer,
	.on_header_value_complete = on_trailer_value_complete,
};

static void init(struct h1_parser *parser, llhttp_type_t type, const struct h1_limits *limits)
{
	llhttp_init(&parser->llhttp, type, &head_settings);
	parser->llhttp.data = parser;
	parser->state = H1_STATE_HEAD;
	parser->to_head = false;
	parser->limits = limits;
	parser->seen = 0;
	parser->head_len = 0;
	parser->remaining = 0;
	parser->extra_bytes = 0;
	parser->framing_bytes = 0;
	parser->trailers = NULL;
	parser->nominated_bytes = 0;
	parser->piece = (struct slice) { 0 };
	parser->complete = false;
	parser->fault = (struct h1_fault) { 0 };
}

void h1_parser_init_request(struct h1_parser *parser, const struct h1_limits *limits)
{
	init(parser, HTTP_REQUEST, limits);
}

void h1_parser_init_response(
    struct h1_parser *parser, const struct h1_limits *limits, bool to_head)
{
	init(parser, HTTP_RESPONSE, limits);
	parser->to_head = to_head;
}

static enum h1_event fail(struct h1_parser *parser, uint16_t status, const char *reason)
{
	parser->state = H1_STATE_FAULTY;
	parser->fault = (struct h1_fault) { .status = status, .reason = reason };
	return H1_FAULT;
}

/* RFC 9112 2.2: a server ignores at least one empty line before a request. */
static size_t empty_lines(const struct h1_parser *parser, struct slice input)
{
	size_t n = 0;

	if (parser->llhttp.type != HTTP_REQUEST)
		return 0;
	while (n + 1 < input.len && input.data[n] == '\r' && input.data[n + 1] == '\n')
		n += 2;
	return n;
}

static bool is_method_so_far(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!h1_is_token(s.data[i]))
			return false;
	}
	return true;
}

/* "HTTP/" and a number that is not of the versions served. */
static bool names_other_version(struct slice line)
{
	const char *name = memmem(line.data, line.len, "HTTP/", 5);
	const char *version = name != NULL ? name + 5 : NULL;
	size_t len = name != NULL ? (size_t)(line.data + line.len - version) : 0;

	if (len < 3 || version[0] < '0' || version[0] > '9' || version[1] != '.')
		return false;
	return version[0] != '1' || version[2] > '1';
}

/*
 * What a client is told where llhttp refuses its head. Only the bytes up to the
 * one that it refused count, so that it is the same however they arrived.
 */
static enum h1_event fail_head(struct h1_parser *parser, struct slice input)
{
	const char *data = input.data;
	const char *at = llhttp_get_error_pos(&parser->llhttp);
	size_t lead = empty_lines(parser, (struct slice) { data, (size_t)(at - data) });
	struct slice read = { data + lead, (size_t)(at - data) - lead };
	bool in_first_line = memchr(read.data, '\n', read.len) == NULL;

	switch (llhttp_get_errno(&parser->llhttp)) {
	case HPE_INVALID_METHOD:
		/* It knows a list of them; a well-formed other one is 501. */
		if (at < data + input.len &&
		    is_method_so_far((struct slice) { read.data, read.len + 1 }))
			return fail(parser, 501, "method not implemented");
		return fail(parser, 400, "malformed request line");
	case HPE_INVALID_VERSION:
		if (!names_other_version(read))
			return fail(parser, 400, "malformed request line");
		return fail(parser, 505, "HTTP version not supported");
	case HPE_PAUSED_H2_UPGRADE: return fail(parser, 505, "HTTP version not supported");
	case HPE_INVALID_TRANSFER_ENCODING:
		return fail(parser, 400, "malformed Transfer-Encoding");
	default:
		return fail(parser, 400,
		    in_first_line ? "malformed start line" : "malformed header section");
	}
}

/*
 * The trailer fields come when the head is gone: the names that its Connection gives are
 * kept with them. Without the memory for it there are no trailers (RFC 9110 6.5.1).
 * Apart, so that a message of known length does not pay for it.
 */
__attribute__((noinline)) static void keep_nominated(
    struct h1_parser *parser, const struct message *message)
{
	if (parser->trailers == NULL)
		return;
	if (!headers_nominate_trailers(message, parser->trailers))
		parser->trailers = NULL;
	else
		parser->nominated_bytes = buffer_len(parser->trailers);
}

/* Whole heads only, so that a peer's split of its bytes cannot matter. */
static enum h1_event finish_head(
    struct h1_parser *parser, struct slice head, struct message *message)
{
	bool ok;

	if (parser->llhttp.type == HTTP_REQUEST)
		ok = h1_head_read_request(head, parser->limits, message, &parser->fault);
	else
		ok = h1_head_read_response(
		    head, parser->limits, parser->to_head, message, &parser->fault);
	if (!ok) {
		parser->state = H1_STATE_FAULTY;
		return H1_FAULT;
	}
	if (message->body == BODY_LENGTH) {
		parser->remaining = message->content_length;
		parser->state = parser->remaining > 0 ? H1_STATE_LENGTH : H1_STATE_LAST;
	} else if (message->body == BODY_NONE) {
		parser->state = H1_STATE_LAST;
	} else if (parser->llhttp.flags & F_CHUNKED) {
		parser->state = H1_STATE_CHUNKED;
		parser->llhttp.settings = (void *)&body_settings;
		llhttp_resume(&parser->llhttp);
		keep_nominated(parser, message);
	} else if (parser->llhttp.type == HTTP_RESPONSE &&
		   message_find(message, FIELD_TRANSFER_ENCODING) == NULL) {
		parser->state = H1_STATE_TO_EOF;
	} else {
		return fail(parser, 400, "unclear message framing");
	}
	return H1_HEAD;
}

/* A request line that does not end is a target that is too long (RFC 9112 3). */
static enum h1_event fail_long_head(struct h1_parser *parser, struct slice head)
{
	size_t lead = empty_lines(parser, head);

	if (parser->llhttp.type == HTTP_REQUEST && lead < head.len &&
	    memchr(head.data + lead, '\n', head.len - lead) == NULL)
		return fail(parser, 414, "request target too long");
	return fail(parser, 431, "header section too large");
}

static enum h1_event read_head(
    struct h1_parser *parser, struct slice input, struct message *message, size_t *used)
{
	size_t len = input.len;
	size_t lead;
	llhttp_errno_t result;

	if (len > parser->limits->max_head_bytes)
		len = parser->limits->max_head_bytes;
	if (len > parser->seen) {
		result = llhttp_execute(
		    &parser->llhttp, input.data + parser->seen, len - parser->seen);
		if (result == HPE_PAUSED) {
			/* llhttp stops on the byte that completes the head. */
			parser->head_len =
			    (size_t)(llhttp_get_error_pos(&parser->llhttp) - input.data);
		} else if (result != HPE_OK) {
			return fail_head(parser, input);
		}
		parser->seen = len;
	}
	if (parser->head_len == 0) {
		if (input.len >= parser->limits->max_head_bytes)
			return fail_long_head(parser, (struct slice) { input.data, len });
		return H1_NEED_MORE;
	}
	lead = empty_lines(parser, input);
	*used = parser->head_len;
	return finish_head(
	    parser, (struct slice) { input.data + lead, parser->head_len - lead }, message);
}

uint64_t h1_parser_body_left(const struct h1_parser *parser)
{
	return parser->state == H1_STATE_LENGTH ? parser->remaining : 0;
}

void h1_parser_body_passed(struct h1_parser *parser, uint64_t n)
{
	assert(parser->state == H1_STATE_LENGTH && n <= parser->remaining);
	parser->remaining -= n;
	if (parser->remaining == 0)
		parser->state = H1_STATE_LAST;
}

static enum h1_event read_counted(
    struct h1_parser *parser, struct slice input, size_t *used, struct slice *data)
{
	size_t n = input.len;

	if (n == 0)
		return H1_NEED_MORE;
	if (parser->state == H1_STATE_LENGTH) {
		if (n > parser->remaining)
			n = (size_t)parser->remaining;
		h1_parser_body_passed(parser, n);
	}
	*data = (struct slice) { input.data, n };
	*used = n;
	return H1_DATA;
}

static enum h1_event fail_extra(struct h1_parser *parser)
{
	return fail(parser, 400, "too many bytes of chunk extensions or trailers");
}

static bool count_framing(struct h1_parser *parser, size_t n)
{
	parser->framing_bytes += n;
	return parser->framing_bytes <= FRAMING_BYTES_MAX;
}

static enum h1_event read_chunked(
    struct h1_parser *parser, struct slice input, size_t *used, struct slice *data)
{
	llhttp_errno_t result;

	if (input.len == 0)
		return H1_NEED_MORE;
	parser->piece = (struct slice) { 0 };
	result = llhttp_execute(&parser->llhttp, input.data, input.len);
	if (result == HPE_OK) {
		*used = input.len;
		return count_framing(parser, *used) ? H1_NEED_MORE : fail_extra(parser);
	}
	if (result == HPE_USER)
		return fail_extra(parser);
	/* Both pauses and, behind a message that asked for it, the upgrade's. */
	if (result != HPE_PAUSED && !(result == HPE_PAUSED_UPGRADE && parser->complete))
		return fail(parser, 400, "malformed chunked body");
	*used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - input.data);
	if (!count_framing(parser, *used - parser->piece.len))
		return fail_extra(parser);
	if (parser->complete) {
		parser->state = H1_STATE_DONE;
		return H1_END;
	}
	llhttp_resume(&parser->llhttp);
	parser->framing_bytes = 0;
	*data = parser->piece;
	return H1_DATA;
}

enum h1_event h1_parser_next(struct h1_parser *parser, struct slice input,
    struct message *message, size_t *used, struct slice *data)
{
	*used = 0;
	switch (parser->state) {
	case H1_STATE_HEAD: return read_head(parser, input, message, used);
	case H1_STATE_LENGTH:
	case H1_STATE_TO_EOF: return read_counted(parser, input, used, data);
	case H1_STATE_CHUNKED: return read_chunked(parser, input, used, data);
	case H1_STATE_LAST: parser->state = H1_STATE_DONE; return H1_END;
	case H1_STATE_DONE: return H1_NEED_MORE;
	case H1_STATE_FAULTY: return H1_FAULT;
	}
	return H1_FAULT;
}

void h1_parser_keep_trailers(struct h1_parser *parser, struct buffer *trailers)
{
	parser->trailers = trailers;
}

bool h1_parser_has_trailers(const struct h1_parser *parser)
{
	return parser->trailers != NULL &&
	       buffer_len(parser->trailers) > parser->nominated_bytes;
}

struct slice h1_parser_nominated(const struct h1_parser *parser)
{
	if (parser->nominated_bytes == 0)
		return (struct slice) { 0 };
	return (struct slice) { buffer_slice(parser->trailers).data, parser->nominated_bytes };
}

bool h1_parser_trailers(const struct h1_parser *parser, struct message *message)
{
	struct slice lines = { 0 };

	if (h1_parser_has_trailers(parser)) {
		lines = buffer_slice(parser->trailers);
		lines.data += parser->nominated_bytes;
		lines.len -= parser->nominated_bytes;
	}
	return h1_head_read_trailers(lines, parser->limits, message);
}

bool h1_parser_eof(struct h1_parser *parser)
{
	if (parser->state == H1_STATE_TO_EOF) {
		parser->state = H1_STATE_DONE;
		return true;
	}
	return parser->state == H1_STATE_DONE;
}

bool h1_parser_begun(const struct h1_parser *parser)
{
	return parser->seen > 0 || parser->state != H1_STATE_HEAD;
}

#include "proxy/h1_parser.h"

/*
 * Chunk extensions and trailers are read and dropped; a peer that sends more
 * of them than this is not talking to us.
 */
enum {
	EXTRA_BYTES_MAX = 8192
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

/* Only behind the head: fields of the head are read elsewhere. */
static int on_extra(llhttp_t *llhttp, const char *at, size_t len)
{
	struct h1_parser *parser = llhttp->data;

	(void)at;
	if (parser->state != H1_STATE_CHUNKED)
		return 0;
	parser->extra_bytes += len;
	return parser->extra_bytes > EXTRA_BYTES_MAX ? HPE_USER : 0;
}

static const llhttp_settings_t head_settings = {
	.on_headers_complete = on_headers_complete,
};

static const llhttp_settings_t body_settings = {
	.on_body = on_body,
	.on_message_complete = on_message_complete,
	.on_chunk_extension_name = on_extra,
	.on_chunk_extension_value = on_extra,
	.on_header_field = on_extra,
	.on_header_value = on_extra,
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

static bool is_method_so_far(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 'A' || s.data[i] > 'Z')
			return false;
	}
	return true;
}

/*
 * What a client is told where llhttp refuses its head. Only the bytes up to the
 * one that it refused count, so that it is the same however they arrived.
 */
static enum h1_event fail_head(struct h1_parser *parser, const char *data)
{
	const char *at = llhttp_get_error_pos(&parser->llhttp);
	struct slice read = { data, (size_t)(at - data) };
	bool in_first_line = memchr(read.data, '\n', read.len) == NULL;

	switch (llhttp_get_errno(&parser->llhttp)) {
	case HPE_INVALID_METHOD:
		/* It knows a list of them; a well-formed other one is 501. */
		if (is_method_so_far((struct slice) { data, read.len + 1 }))
			return fail(parser, 501, "method not implemented");
		return fail(parser, 400, "malformed request line");
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE: return fail(parser, 505, "HTTP version not supported");
	case HPE_INVALID_TRANSFER_ENCODING:
		return fail(parser, 400, "malformed Transfer-Encoding");
	default:
		return fail(parser, 400,
		    in_first_line ? "malformed start line" : "malformed header section");
	}
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
	} else if (parser->llhttp.type == HTTP_RESPONSE) {
		parser->state = H1_STATE_TO_EOF;
	} else {
		return fail(parser, 400, "unclear message framing");
	}
	return H1_HEAD;
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
			return fail_head(parser, input.data);
		}
		parser->seen = len;
	}
	if (parser->head_len == 0) {
		if (input.len >= parser->limits->max_head_bytes)
			return fail(parser, 431, "header section too large");
		return H1_NEED_MORE;
	}
	lead = empty_lines(parser, input);
	*used = parser->head_len;
	return finish_head(
	    parser, (struct slice) { input.data + lead, parser->head_len - lead }, message);
}

static enum h1_event read_counted(
    struct h1_parser *parser, struct slice input, size_t *used, struct slice *data)
{
	size_t n = input.len;

	if (parser->state == H1_STATE_LENGTH) {
		if (n > parser->remaining)
			n = (size_t)parser->remaining;
		parser->remaining -= n;
		if (parser->remaining == 0)
			parser->state = H1_STATE_LAST;
	}
	if (n == 0)
		return H1_NEED_MORE;
	*data = (struct slice) { input.data, n };
	*used = n;
	return H1_DATA;
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
		return H1_NEED_MORE;
	}
	if (result == HPE_USER)
		return fail(parser, 400, "too many bytes of chunk extensions or trailers");
	/* Both pauses and, behind a message that asked for it, the upgrade's. */
	if (result != HPE_PAUSED && !(result == HPE_PAUSED_UPGRADE && parser->complete))
		return fail(parser, 400, "malformed chunked body");
	*used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - input.data);
	if (parser->complete) {
		parser->state = H1_STATE_DONE;
		return H1_END;
	}
	llhttp_resume(&parser->llhttp);
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

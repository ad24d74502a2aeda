/*
 * Messages to HTTP/1.1 bytes: the one place where weir's own framing is made
 * (RFC 9112 3 to 7). Nothing of a peer's framing passes through.
 *
 * Sans-IO. Errors: false where the buffer's cap would be exceeded; it is
 * unchanged then.
 */
#ifndef PROXY_H1_WRITER_H
#define PROXY_H1_WRITER_H

#include "base/buffer.h"
#include "base/message.h"

/* What weir adds to a request for this hop. */
struct request_context {
	struct slice request_id; /* for X-Request-Id */
	bool accepts_trailers;   /* say TE: trailers */
	struct slice upgrade;    /* protocols to ask for; may be empty */
};

__attribute__((warn_unused_result)) bool h1_write_request_head(
    struct buffer *out, const struct message *request, const struct request_context *context);

/* How the end of a response's body is told to a client. */
enum response_framing {
	FRAMING_NONE,   /* no body, by the status or the method */
	FRAMING_LENGTH, /* Content-Length */
	FRAMING_CHUNKED,
	FRAMING_CLOSE, /* by closing: to HTTP/1.0 */
};

struct response_context {
	enum response_framing framing;
	bool close;                /* say Connection: close */
	bool keep_alive;           /* say Connection: keep-alive, to HTTP/1.0 */
	struct slice date;         /* for a response without one; may be empty */
	struct slice issue_cookie; /* a Set-Cookie value to add; may be empty */
	struct slice
	    upgrade; /* with 101: the protocol it changes to; with 426: those it wants */
	bool own;    /* weir's answer, not one that it passes on: no Via */
};

__attribute__((warn_unused_result)) bool h1_write_response_head(
    struct buffer *out, const struct message *response, const struct response_context *context);

/* An interim response (1xx), its fields without the hop-by-hop ones. */
__attribute__((warn_unused_result)) bool h1_write_interim(
    struct buffer *out, const struct message *interim);

/* chunk-size CRLF; the caller puts the data and "\r\n" behind it. Returns the length. */
enum {
	H1_CHUNK_HEAD_MAX = 18
};
size_t h1_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t n);

#define H1_LAST_CHUNK "0\r\n\r\n"

/* The last chunk with the trailer fields that are not dropped (RFC 9112 7.1.2). */
__attribute__((warn_unused_result)) bool h1_write_last_chunk(
    struct buffer *out, const struct message *trailers);

/* What weir itself answers where nothing else can. */
struct local_answer {
	uint16_t status;
	struct slice explanation; /* one line for a person, at most 160 bytes */
	struct slice request_id;  /* at most REQUEST_ID_MAX bytes; may be empty */
	struct slice date;
	bool close;
	bool keep_alive; /* say so, to HTTP/1.0 */
	bool head;       /* answers HEAD: the fields alone */
};

__attribute__((warn_unused_result)) bool h1_write_local_answer(
    struct buffer *out, const struct local_answer *answer);

/* The phrase of a registered status code; "" for others (RFC 9112 4). */
const char *h1_reason_phrase(uint16_t status);

#endif

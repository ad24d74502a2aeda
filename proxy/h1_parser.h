/*
 * HTTP/1 bytes in, events out: one message at a time, of one peer.
 *
 *               H1_HEAD            H1_DATA*            H1_END
 *     HEAD ──────────────► BODY ◄──────────┐──────────────────► DONE
 *       │                   └──────────────┘                     ▲
 *       └── H1_HEAD of a message without a body ── H1_END ───────┘
 *     any of them ── H1_FAULT ──► FAULTY
 *
 * Sans-IO: no socket, no clock, no allocation. The head is found by llhttp and
 * read by h1_head; chunked bodies are decoded by llhttp; bodies of a known
 * length, and those that end with the connection, are counted here.
 *
 * Ownership  the caller's buffers; data and message slices point into them.
 */
#ifndef PROXY_H1_PARSER_H
#define PROXY_H1_PARSER_H

#include "base/buffer.h"
#include "proxy/h1_head.h"

#include <llhttp.h>

enum h1_event {
	H1_NEED_MORE, /* nothing to report before more bytes come */
	H1_HEAD,      /* the message is filled in; its slices point into the input */
	H1_DATA,      /* a piece of the body, framing removed */
	H1_END,       /* the message is complete; what follows belongs to the next */
	H1_FAULT,     /* see parser->fault; the connection is of no further use */
};

enum h1_state {
	H1_STATE_HEAD,
	H1_STATE_LENGTH, /* `remaining` bytes of body to come */
	H1_STATE_CHUNKED,
	H1_STATE_TO_EOF, /* a response that ends with its connection */
	H1_STATE_LAST,   /* complete, H1_END not reported yet */
	H1_STATE_DONE,
	H1_STATE_FAULTY,
};

struct h1_parser {
	llhttp_t llhttp;
	enum h1_state state;
	bool to_head; /* the response answers a HEAD */
	const struct h1_limits *limits;
	size_t seen;             /* bytes of the head that llhttp has had */
	size_t head_len;         /* once llhttp found its end */
	uint64_t remaining;      /* of a body of known length */
	size_t extra_bytes;      /* chunk extensions and trailers, which are capped */
	size_t framing_bytes;    /* of chunked framing, since the last piece of body */
	struct buffer *trailers; /* where trailer fields are kept; NULL: dropped */
	size_t nominated_bytes;  /* before them in it: the names that Connection gives */
	struct slice piece;      /* the last body bytes llhttp reported */
	bool complete;           /* llhttp reported the end of the message */
	struct h1_fault fault;
};

/* The limits stay the caller's and must outlive the parser's use. */
void h1_parser_init_request(struct h1_parser *parser, const struct h1_limits *limits);
void h1_parser_init_response(
    struct h1_parser *parser, const struct h1_limits *limits, bool to_head);

/*
 * Where the trailer fields of a chunked body go (RFC 9112 7.1.2). The buffer is
 * the caller's, empty, and must outlive the message.
 */
void h1_parser_keep_trailers(struct h1_parser *parser, struct buffer *trailers);

/* After H1_END: trailer fields have come, well-formed or not. */
bool h1_parser_has_trailers(const struct h1_parser *parser);

/* The names of those that Connection nominates, so that they end here: a list. */
struct slice h1_parser_nominated(const struct h1_parser *parser);

/*
 * After H1_END: the trailer fields, as the fields of an otherwise empty message
 * that points into the buffer. False where they are malformed.
 */
__attribute__((warn_unused_result)) bool h1_parser_trailers(
    const struct h1_parser *parser, struct message *message);

/*
 * The next event of the input. Until H1_HEAD nothing is used (*used is 0): give
 * the same bytes again, with more behind them; they may have moved. From then
 * on *used says how far it got: give what follows. `data` is set with H1_DATA
 * and `message` filled with H1_HEAD. Empty input is fine: H1_END needs none.
 */
__attribute__((warn_unused_result)) enum h1_event h1_parser_next(struct h1_parser *parser,
    struct slice input, struct message *message, size_t *used, struct slice *data);

/* The peer has closed: true where that ends the message properly. */
__attribute__((warn_unused_result)) bool h1_parser_eof(struct h1_parser *parser);

/*
 * How many bytes of a body of known length are still to come; they may go
 * elsewhere unread, if the parser is told how many did.
 */
uint64_t h1_parser_body_left(const struct h1_parser *parser);
void h1_parser_body_passed(struct h1_parser *parser, uint64_t n);

/* A byte of the message has been seen. */
bool h1_parser_begun(const struct h1_parser *parser);

#endif

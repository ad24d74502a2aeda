/*
 * A whole HTTP/1 head, read strictly into a message (RFC 9112 2 to 6).
 *
 * llhttp has found the end of the head and agreed to its grammar; this reads
 * the same bytes again by the RFC's letter, because llhttp lets pass what two
 * readers may understand differently. Only what both accept is a message.
 *
 * Sans-IO. Ownership: the message's slices point into the head.
 */
#ifndef PROXY_H1_HEAD_H
#define PROXY_H1_HEAD_H

#include "base/message.h"

struct h1_limits {
	uint32_t max_head_bytes; /* start line and fields, the empty line included */
	uint32_t max_fields;     /* at most MESSAGE_PEER_FIELDS */
	uint32_t max_uri_bytes;  /* of a request target */
};

/* Why a message was refused: the status for the client and a phrase for it. */
struct h1_fault {
	uint16_t status;
	const char *reason; /* a literal */
};

/*
 * The head begins with its start line and ends with its empty line.
 * False where it must not be acted on: *fault says why, as a status for the
 * client that sent it (for a response: any, the client gets a 502).
 */
__attribute__((warn_unused_result)) bool h1_head_read_request(struct slice head,
    const struct h1_limits *limits, struct message *request, struct h1_fault *fault);

/* to_head: the request was HEAD, so that there is no body whatever the fields say. */
__attribute__((warn_unused_result)) bool h1_head_read_response(struct slice head,
    const struct h1_limits *limits, bool to_head, struct message *response,
    struct h1_fault *fault);

/* Field lines alone, each with its CRLF, as the fields of an empty message. */
__attribute__((warn_unused_result)) bool h1_head_read_trailers(
    struct slice lines, const struct h1_limits *limits, struct message *message);

#endif

/*
 * Which fields travel on, and which weir sets itself (RFC 9110 7.6).
 *
 * Sans-IO: marks fields of a message as dropped; the writers add what is set.
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include "base/message.h"
#include "proxy/h1_head.h"

/* What the Connection field of a message asks of this hop (RFC 9110 7.6.1). */
struct connection_options {
	bool close;
	bool keep_alive; /* how HTTP/1.0 asks for persistence */
};

/*
 * Marks the hop-by-hop fields and those that Connection nominates, and the
 * framing, which the writer makes anew. False where Connection nominates more
 * fields than anyone means to.
 */
__attribute__((warn_unused_result)) bool headers_strip_hop_by_hop(
    struct message *message, struct connection_options *options, struct h1_fault *fault);

/*
 * Marks the request fields that weir replaces by its own: Host, X-Forwarded-*,
 * Forwarded, X-Request-Id; and Expect from HTTP/1.0, where it means nothing
 * (RFC 9110 10.1.1). What a client claims of itself in them is not passed on.
 */
void headers_strip_replaced(struct message *request);

/* A request id to keep: visible ASCII, not longer than REQUEST_ID_MAX. */
enum {
	REQUEST_ID_MAX = 128
};
bool headers_request_id_is_sane(struct slice id);

/* The client waits for a 100 before it sends its body. */
bool headers_expects_continue(const struct message *request);

#endif

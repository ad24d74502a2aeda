/*
 * Which fields travel on, and which weir sets itself (RFC 9110 7.6).
 *
 * Sans-IO: marks fields of a message as dropped; the writers add what is set.
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include "base/buffer.h"
#include "base/message.h"
#include "proxy/h1_head.h"

/* What the Connection field of a message asks of this hop (RFC 9110 7.6.1). */
struct connection_options {
	bool close;
	bool keep_alive; /* how HTTP/1.0 asks for persistence */
	bool upgrade;    /* the Upgrade field is meant (RFC 9110 7.8) */
};

/*
 * Marks the hop-by-hop fields and those that Connection nominates, and the
 * framing, which the writer makes anew. False where Connection nominates more
 * fields than anyone means to.
 */
__attribute__((warn_unused_result)) bool headers_strip_hop_by_hop(
    struct message *message, struct connection_options *options, struct h1_fault *fault);

/*
 * Marks the request fields that weir writes itself: Host, X-Request-Id; Expect from
 * HTTP/1.0, where it means nothing (RFC 9110 10.1.1); and, unless they are allowed,
 * fields with an underscore in their name: servers that read '_' as '-' would take
 * Content_Length for what it is not.
 */
void headers_strip_replaced(struct message *request, bool allow_underscores);

/* Marks what a request says of its client but in Forwarded: X-Forwarded-*, X-Real-IP. */
void headers_drop_hearsay(struct message *request);

/* The client takes trailer fields: TE: trailers (RFC 9110 10.1.4). */
bool headers_accept_trailers(const struct message *request);

/*
 * Which trailer fields Connection nominates, for when they come: their names are appended,
 * each with a comma behind it. Nothing where it names none that could trail. False when
 * out of memory.
 */
__attribute__((warn_unused_result)) bool headers_nominate_trailers(
    const struct message *message, struct buffer *names);

/*
 * Marks the trailer fields that must not come behind a body: framing, routing,
 * credentials, what modifies a request or controls a response, what says how to read
 * the content (RFC 9110 6.5.1); those that Connection nominates (7.6.1), a list of names;
 * and, unless they are allowed, names with an underscore.
 */
void headers_strip_trailers(
    struct message *trailers, struct slice nominated, bool allow_underscores);

/*
 * The protocols a client asks to change to, or an empty slice: where it does not
 * ask, or where it asks for another HTTP, which would bypass everything here.
 */
struct slice headers_upgrade(
    const struct message *request, const struct connection_options *options);

/*
 * Max-Forwards of OPTIONS and TRACE (RFC 9110 7.6.2): false where it is used up
 * and the request ends here; else it is counted down, in `digits`. Of several the
 * smallest counts, and goes on alone; one beyond 64 bits counts as the largest within.
 * What is no number is left as it is.
 */
enum {
	MAX_FORWARDS_DIGITS = 24
};
__attribute__((warn_unused_result)) bool headers_count_forward(
    struct message *request, char digits[MAX_FORWARDS_DIGITS]);

/* A request id to keep: visible ASCII, not longer than REQUEST_ID_MAX. */
enum {
	REQUEST_ID_MAX = 128
};
bool headers_request_id_is_sane(struct slice id);

/* Marks every field of these ids: a set of FIELD_BIT(). */
void headers_drop(struct message *message, uint32_t ids);

/* Whether a field of that id goes on: a rule may have put it behind one that does not. */
bool headers_keep(const struct message *message, enum field_id id);

/* The client waits for a 100 before it sends its body. */
bool headers_expects_continue(const struct message *request);

#endif

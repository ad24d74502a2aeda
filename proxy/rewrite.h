/*
 * What a route's settings do to a message: its header rules, strip_prefix,
 * add_prefix and host_rewrite, and where its redirect leads.
 *
 * Header rules are applied in this order: remove, set, add. Fields that a peer
 * sent are marked as dropped; new ones are appended. Variables mean the request as
 * the client sent it, whatever is rewritten.
 *
 * Sans-IO. Ownership: new slices point into the configuration, the context's slices,
 * or the arena; all must outlive the message.
 */
#ifndef PROXY_REWRITE_H
#define PROXY_REWRITE_H

#include "base/arena.h"
#include "base/message.h"
#include "conf/config.h"
#include "proxy/h1_head.h"

/* What the variables stand for. */
struct rewrite_context {
	const struct route_conf *route; /* ${route}, ${release} */
	/* Of the request, as rewrite_context_init() takes them from it: */
	struct slice method;
	struct slice scheme;
	struct slice authority; /* ${host} is this without the port */
	struct slice target;    /* ${path} and ${query} */
	/* The caller's to set; each may stay empty: */
	struct slice client_ip;
	struct slice request_id;
	struct slice arm; /* "legacy", "canary" */
	uint32_t bucket;
	bool has_bucket; /* else ${bucket} is empty */
};

/* Takes the request as it is now: before rewrite_request(). */
void rewrite_context_init(struct rewrite_context *context, const struct route_conf *route,
    const struct message *request);

/*
 * Copies what the route's response rules need of the request, so that the
 * context can be used when its bytes are gone. client_ip, request_id and arm are
 * the caller's to keep. False where the arena is full.
 */
__attribute__((warn_unused_result)) bool rewrite_context_keep(
    struct rewrite_context *context, struct arena *arena);

/* Whether there is anything to do at all: if not, no context is needed either. */
static inline bool rewrite_wants_request(const struct route_conf *route)
{
	return route->request_headers.n > 0 || route->strip_prefix != NULL ||
	       route->add_prefix != NULL || route->host_rewrite != NULL;
}
static inline bool rewrite_wants_response(const struct route_conf *route)
{
	return route->response_headers.n > 0;
}

/*
 * Applies the request rules, then replaces the target and the authority. After
 * forwarded_apply(), which tells the server of the authority that the client sent.
 * False with a 431 or 414 where there are too many fields or the arena is full;
 * what has been changed by then stays so.
 */
__attribute__((warn_unused_result)) bool rewrite_request(const struct rewrite_context *context,
    struct message *request, struct arena *arena, struct h1_fault *fault);

/* Applies the response rules. False as rewrite_request(), with a 502. */
__attribute__((warn_unused_result)) bool rewrite_response(const struct rewrite_context *context,
    struct message *response, struct arena *arena, struct h1_fault *fault);

/*
 * Drops the trailer fields of names that the rules remove or set: behind the body a
 * peer could say again what was taken out of its head.
 */
void rewrite_trailers(const struct header_rules *rules, struct message *trailers);

/*
 * The Location of the route's redirect: visible ASCII. A '?' is left out where the
 * query after it is empty; slashes with which a variable would name another host
 * become one. False with a 400 where ${host} or another value is needed and is
 * empty or cannot stand in a location, with a 414 where the arena is full.
 */
__attribute__((warn_unused_result)) bool rewrite_location(const struct rewrite_context *context,
    struct arena *arena, struct slice *location, struct h1_fault *fault);

#endif

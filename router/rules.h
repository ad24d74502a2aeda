/*
 * Which route a request belongs to: the first in file order whose host and
 * path match.
 *
 * Host       exact, "*.suffix" (any number of labels below the suffix, not the
 *            suffix itself), or any. Case, port and a trailing dot do not matter.
 * Path       as sent, without the query; nothing is decoded or merged, so that
 *            what was matched is what is forwarded. By whole segments:
 *            /orders     matches /orders, /orders/ and /orders/7, not /orders-old
 *            /orders/    matches /orders/ and /orders/7, not /orders
 *            /           matches everything, "*" of OPTIONS included
 *            = /orders   matches /orders alone
 *
 * A lookup probes a hash index once for each distinct length among the host's
 * paths, so its cost depends neither on the number of routes nor on what a
 * client sends.
 *
 * Thread     immutable once made; any thread may match.
 * Ownership  keeps pointers into the routes' hosts and paths: they must outlive it.
 */
#ifndef ROUTER_RULES_H
#define ROUTER_RULES_H

#include "base/error.h"
#include "base/slice.h"
#include "conf/config.h"

struct router;

enum {
	ROUTER_HOST_MAX = 255 /* no DNS name is longer (RFC 1035 2.3.4) */
};

/* The host that is asked for, as rules are written. */
struct router_host {
	struct slice name; /* in `lower`; empty: it matches only routes for any host */
	uint64_t hash;
	char lower[ROUTER_HOST_MAX];
};

/*
 * NULL when out of memory, or where a host or a path is not of the forms above
 * (hosts in lower case, without a port). Free with router_free().
 */
__attribute__((warn_unused_result)) struct router *router_new(
    const struct route_conf *routes, size_t n, struct error *err);
void router_free(struct router *router);

/*
 * Takes the host of an authority (host[:port], [v6]:port, or empty), and fetches where
 * its routes are: with thousands of them that is cold, so call it well before.
 */
void router_host_take(
    const struct router *router, struct slice authority, struct router_host *host);

/*
 * The route that it likely is, for whoever fetches ahead what that needs; -1: no guess.
 * It knows the hosts that have one route, for all paths, and may be wrong.
 */
int router_guess(const struct router *router, const struct router_host *host);

/* The index in `routes` of the first that matches, or -1. */
int router_find(const struct router *router, const struct router_host *host, struct slice path);

/* Both in one. */
int router_match(const struct router *router, struct slice authority, struct slice path);

#endif

/*
 * Host names to addresses, for webhooks: /etc/hosts and the name servers of
 * /etc/resolv.conf, as they are at the time, without ever blocking.
 *
 * Thread     the control's.
 * Ownership  a lookup is over when done() is called or it is cancelled.
 */
#ifndef ADMIN_WEBHOOK_RESOLVER_H
#define ADMIN_WEBHOOK_RESOLVER_H

#include "base/address.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

struct webhook_resolver;
struct webhook_lookup;

enum {
	WEBHOOK_ADDRESSES_MAX = 16
};

/* n is 0 where there is no address: then `problem` says why. */
typedef void webhook_lookup_done_fn(
    void *arg, const struct address *addresses, size_t n, const char *problem);

/* NULL when out of memory. */
__attribute__((warn_unused_result)) struct webhook_resolver *webhook_resolver_new(
    struct event_base *base);
void webhook_resolver_free(struct webhook_resolver *resolver);

/*
 * host: a name, or an IP (which is nobody's to look up). NULL where done() has been
 * called before the function returned.
 */
__attribute__((warn_unused_result)) struct webhook_lookup *webhook_resolver_find(
    struct webhook_resolver *resolver, const char *host, uint16_t port,
    webhook_lookup_done_fn *done, void *arg);

/* done() will not be called. */
void webhook_lookup_cancel(struct webhook_lookup *lookup);

#endif

/*
 * A server given by name, resolved once when the file is loaded.
 *
 * Thread     any; may block in the system's resolver.
 */
#ifndef CONF_RESOLVE_H
#define CONF_RESOLVE_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>

/* How the loader resolves: the system's resolver, or a test's. */
typedef bool resolve_fn(
    const char *host, const char *port, struct address *address, struct error *err);

/*
 * By getaddrinfo(3): the first IPv4 address, or else the first IPv6 one, as a
 * service listening on one of the two is most often on IPv4.
 */
__attribute__((warn_unused_result)) bool resolve_server(
    const char *host, const char *port, struct address *address, struct error *err);

#endif

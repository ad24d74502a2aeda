/*
 * The address of a webhook: https://hooks.example.com:8443/weir?team=shop
 *
 * Ownership  the slices point into the text that was parsed.
 */
#ifndef CONF_URL_H
#define CONF_URL_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct url {
	bool tls;               /* https */
	struct slice authority; /* for the Host field: as written */
	struct slice host;      /* to connect to: an IPv6 address is without its brackets */
	uint16_t port;          /* 80 or 443 where none is written */
	struct slice target;    /* path and query; "/" where none is written */
};

/*
 * http and https with host, port, path and query (RFC 3986 3); err for anything
 * else, a user or password and a fragment included.
 */
__attribute__((warn_unused_result)) bool url_parse(
    struct slice text, struct url *url, struct error *err);

#endif

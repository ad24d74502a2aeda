/*
 * A set of networks: who is trusted, by address.
 *
 * Ownership  plain memory, without pointers: copied by assignment.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	NETWORKS_MAX = 64
};

struct network {
	struct ip_address base; /* nothing set beyond the prefix */
	uint8_t prefix_bits;    /* of the 128 of the mapped form: 10.0.0.0/8 has 104 */
};

struct network_set {
	uint32_t n;
	struct network items[NETWORKS_MAX];
};

/*
 * "10.0.0.0/8", "2001:db8::/32", or one address without a prefix (RFC 4632 3.1, RFC
 * 4291 2.3). err where bits beyond the prefix are set: one of the two is a mistake.
 */
__attribute__((warn_unused_result)) bool network_parse(
    struct slice text, struct network *network, struct error *err);

/* False where the set is full. */
__attribute__((warn_unused_result)) bool network_set_add(
    struct network_set *set, const struct network *network);

/* ::/0 and other IPv6 networks do not hold IPv4, however that is spelt. */
bool network_has(const struct network *network, const struct ip_address *ip);
bool network_set_has(const struct network_set *set, const struct ip_address *ip);

/* False also where it is not an IP address. */
bool network_set_has_address(const struct network_set *set, const struct address *address);

#endif

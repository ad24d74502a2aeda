#include "base/network.h"

#include <string.h>

enum {
	BITS = 128,
	MAPPED_BITS = 96 /* of ::ffff:0:0/96, where IPv4 lies */
};

/* Clears what is beyond the prefix. */
static struct ip_address base_of(const struct ip_address *ip, unsigned prefix_bits)
{
	struct ip_address base = *ip;
	size_t whole = prefix_bits / 8;

	if (whole == sizeof(base.bytes))
		return base;
	base.bytes[whole] &= (unsigned char)~(0xffU >> prefix_bits % 8);
	memset(base.bytes + whole + 1, 0, sizeof(base.bytes) - whole - 1);
	return base;
}

static bool parse_prefix(struct slice text, uint64_t max, uint64_t *bits, struct error *err)
{
	if (slice_to_u64(text, bits) && *bits <= max)
		return true;
	error_set(err, "'/%.*s' is no prefix length; it is 0 to %u", (int)text.len, text.data,
	    (unsigned)max);
	return false;
}

static void explain_base(struct slice text, const struct network *network, struct error *err)
{
	bool ipv4 = network->prefix_bits >= MAPPED_BITS && ip_address_is_ipv4(&network->base);
	char base[ADDRESS_TEXT_SIZE];

	ip_address_format(&network->base, base);
	error_set(err, "'%.*s' has bits beyond its prefix; the network is %s/%d", (int)text.len,
	    text.data, base, network->prefix_bits - (ipv4 ? MAPPED_BITS : 0));
}

bool network_parse(struct slice text, struct network *network, struct error *err)
{
	const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
	struct slice host = { text.data,
		slash != NULL ? (size_t)(slash - text.data) : text.len };
	struct ip_address ip;
	uint64_t bits;
	bool ipv4;

	if (!ip_address_parse(host, &ip)) {
		error_set(err, "'%.*s' is not an IP address or network, as in 10.0.0.0/8",
		    (int)text.len, text.data);
		return false;
	}
	/* As it is written: ::ffff:10.0.0.0/104 counts its bits as IPv6. */
	ipv4 = memchr(host.data, ':', host.len) == NULL;
	bits = ipv4 ? BITS - MAPPED_BITS : BITS;
	if (slash != NULL) {
		struct slice prefix = { slash + 1, text.len - host.len - 1 };

		if (!parse_prefix(prefix, bits, &bits, err))
			return false;
	}
	network->prefix_bits = (uint8_t)(ipv4 ? bits + MAPPED_BITS : bits);
	network->base = base_of(&ip, network->prefix_bits);
	if (memcmp(&network->base, &ip, sizeof(ip)) == 0)
		return true;
	explain_base(text, network, err);
	return false;
}

bool network_set_add(struct network_set *set, const struct network *network)
{
	if (set->n == NETWORKS_MAX)
		return false;
	set->items[set->n++] = *network;
	return true;
}

static bool holds(const struct network *network, const struct ip_address *ip, bool ipv4)
{
	struct ip_address base;

	if (ipv4 && network->prefix_bits < MAPPED_BITS)
		return false;
	base = base_of(ip, network->prefix_bits);
	return memcmp(&base, &network->base, sizeof(base)) == 0;
}

bool network_has(const struct network *network, const struct ip_address *ip)
{
	return holds(network, ip, ip_address_is_ipv4(ip));
}

bool network_set_has(const struct network_set *set, const struct ip_address *ip)
{
	bool ipv4 = ip_address_is_ipv4(ip);

	for (uint32_t i = 0; i < set->n; i++) {
		if (holds(&set->items[i], ip, ipv4))
			return true;
	}
	return false;
}

bool network_set_has_address(const struct network_set *set, const struct address *address)
{
	struct ip_address ip;

	return set->n > 0 && ip_address_of(address, &ip) && network_set_has(set, &ip);
}

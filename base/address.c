#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool only_has(struct slice host, const char *bytes)
{
	for (size_t i = 0; i < host.len; i++) {
		if (host.data[i] == '\0' || strchr(bytes, host.data[i]) == NULL)
			return false;
	}
	return true;
}

/* What is wrong with a host that is no IPv4 literal. */
static void explain_host(struct slice host, struct error *err)
{
	int len = (int)host.len;

	if (host.len == 0)
		error_set(err, "no IP address before the port");
	else if (only_has(host, "0123456789."))
		error_set(err, "'%.*s' is not an IPv4 address", len, host.data);
	else if (only_has(host, "0123456789abcdefABCDEF.:") && memchr(host.data, ':', host.len))
		error_set(err, "an IPv6 address is written in brackets, as in [::1]:80");
	else if (only_has(
		     host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."))
		error_set(err, "'%.*s' is a name; an IP address is needed", len, host.data);
	else
		error_set(err, "'%.*s' is not an IP address", len, host.data);
}

static void set_ipv4(struct address *address, struct in_addr ip, uint16_t port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = ip,
	};

	*address = (struct address) { .len = sizeof(in) };
	memcpy(&address->storage, &in, sizeof(in));
}

static void set_ipv6(struct address *address, struct in6_addr ip, uint16_t port)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = ip,
	};

	*address = (struct address) { .len = sizeof(in6) };
	memcpy(&address->storage, &in6, sizeof(in6));
}

/* host: what stood before the port's colon. */
static bool parse_host(
    struct slice host, uint16_t port, struct address *address, struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];
	struct in6_addr ip6;
	struct in_addr ip4;
	bool bracketed = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

	if (slice_equal(host, SLICE("*"))) {
		set_ipv6(address, in6addr_any, port);
		return true;
	}
	if (bracketed)
		host = (struct slice) { host.data + 1, host.len - 2 };
	if (host.len < sizeof(text)) {
		memcpy(text, host.data, host.len);
		text[host.len] = '\0';
		if (bracketed && inet_pton(AF_INET6, text, &ip6) == 1) {
			set_ipv6(address, ip6, port);
			return true;
		}
		if (!bracketed && inet_pton(AF_INET, text, &ip4) == 1) {
			set_ipv4(address, ip4, port);
			return true;
		}
	}
	if (bracketed)
		error_set(err, "'%.*s' is not an IPv6 address", (int)host.len, host.data);
	else
		explain_host(host, err);
	return false;
}

bool address_parse(const char *text, struct address *address, struct error *err)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	/* The last colon of [::1] is inside the address. */
	if (colon == NULL || strchr(colon, ']') != NULL) {
		error_set(err, "'%s' has no port; write IP:PORT, as in 10.0.0.1:80", text);
		return false;
	}
	if (!slice_to_u64(slice_of(colon + 1), &port) || port > UINT16_MAX) {
		error_set(err, "'%s' is not a port; it is a number up to 65535", colon + 1);
		return false;
	}
	return parse_host(
	    (struct slice) { text, (size_t)(colon - text) }, (uint16_t)port, address, err);
}

/* An address as what it is on the wire: family, bytes and port. */
struct parts {
	int family;
	uint16_t port;
	uint32_t scope;
	size_t n_bytes;
	unsigned char bytes[16];
};

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct parts parts_of(const struct address *address)
{
	struct parts parts = { .family = address->storage.ss_family };
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (parts.family == AF_INET) {
		memcpy(&in, &address->storage, sizeof(in));
		parts.port = ntohs(in.sin_port);
		parts.n_bytes = 4;
		memcpy(parts.bytes, &in.sin_addr, 4);
	} else if (parts.family == AF_INET6) {
		memcpy(&in6, &address->storage, sizeof(in6));
		parts.port = ntohs(in6.sin6_port);
		parts.scope = in6.sin6_scope_id;
		parts.n_bytes = 16;
		memcpy(parts.bytes, &in6.sin6_addr, 16);
		if (memcmp(parts.bytes, mapped, sizeof(mapped)) == 0) {
			parts.family = AF_INET;
			parts.n_bytes = 4;
			memmove(parts.bytes, parts.bytes + 12, 4);
		}
	}
	return parts;
}

void address_format_host(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	struct parts parts = parts_of(address);

	if (inet_ntop(parts.family, parts.bytes, text, ADDRESS_TEXT_SIZE) == NULL)
		snprintf(text, ADDRESS_TEXT_SIZE, "%s",
		    parts.family == AF_UNIX ? "unix" : "unknown");
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	struct parts parts = parts_of(address);
	char host[ADDRESS_TEXT_SIZE];

	address_format_host(address, host);
	if (parts.n_bytes == 0) {
		memcpy(text, host, ADDRESS_TEXT_SIZE);
		return;
	}
	/* inet_ntop() writes at most INET6_ADDRSTRLEN (46): both fit. */
	snprintf(text, ADDRESS_TEXT_SIZE, parts.family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u",
	    host, (unsigned)parts.port);
}

bool address_equal(const struct address *a, const struct address *b)
{
	struct parts left = parts_of(a);
	struct parts right = parts_of(b);

	return left.family == right.family && left.port == right.port &&
	       left.scope == right.scope && left.n_bytes == right.n_bytes && left.n_bytes > 0 &&
	       memcmp(left.bytes, right.bytes, left.n_bytes) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const unsigned char loopback6[16] = { [15] = 1 };
	struct parts parts = parts_of(address);

	if (parts.family == AF_INET)
		return parts.bytes[0] == 127;
	return parts.family == AF_INET6 &&
	       memcmp(parts.bytes, loopback6, sizeof(loopback6)) == 0;
}

bool ip_address_is_ipv4(const struct ip_address *ip)
{
	return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

static void map_ipv4(struct ip_address *ip, const void *bytes)
{
	memcpy(ip->bytes, mapped, sizeof(mapped));
	memcpy(ip->bytes + sizeof(mapped), bytes, 4);
}

bool ip_address_parse(struct slice text, struct ip_address *ip)
{
	char copy[ADDRESS_TEXT_SIZE];
	struct in_addr ip4;

	/* A NUL within would end the text for inet_pton(), and hide what follows. */
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &ip4) != 1)
		return inet_pton(AF_INET6, copy, ip->bytes) == 1;
	map_ipv4(ip, &ip4);
	return true;
}

bool ip_address_of(const struct address *address, struct ip_address *ip)
{
	struct parts parts = parts_of(address);

	if (parts.family == AF_INET)
		map_ipv4(ip, parts.bytes);
	else
		memcpy(ip->bytes, parts.bytes, sizeof(ip->bytes));
	return parts.n_bytes > 0;
}

void ip_address_format(const struct ip_address *ip, char text[ADDRESS_TEXT_SIZE])
{
	/* Cannot fail: the families are known, and there is room. */
	if (ip_address_is_ipv4(ip))
		inet_ntop(AF_INET, ip->bytes + sizeof(mapped), text, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, ip->bytes, text, ADDRESS_TEXT_SIZE);
}

bool address_has_port(const struct address *address)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (address->storage.ss_family == AF_INET6) {
		memcpy(&in6, &address->storage, sizeof(in6));
		return in6.sin6_port != 0;
	}
	memcpy(&in, &address->storage, sizeof(in));
	return in.sin_port != 0;
}

/*
 * A numeric IP address and port, as written in a configuration: 10.0.0.1:80,
 * [::1]:80, or *:80 (any address, IPv6 and IPv4).
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <sys/socket.h>

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

/* Room for any address_format(), its end included. */
enum {
	ADDRESS_TEXT_SIZE = 64
};

/* Reads no resolver: a name is an error that says so. */
__attribute__((warn_unused_result)) bool address_parse(
    const char *text, struct address *address, struct error *err);

/* "10.0.0.1:80", "[::1]:80". An IPv4-mapped IPv6 address shows as IPv4. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* The host part alone: "10.0.0.1", "::1". */
void address_format_host(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address);

/* False for port 0, which lets the system choose one. */
bool address_has_port(const struct address *address);

/*
 * An IP alone, always as IPv6: IPv4 is mapped (::ffff:0:0/96, RFC 4291 2.5.5.2), so
 * that one host is equal to itself however it was spelt.
 */
struct ip_address {
	unsigned char bytes[16];
};

/* "10.0.0.1", "2001:db8::1": no brackets, port or zone. */
__attribute__((warn_unused_result)) bool ip_address_parse(
    struct slice text, struct ip_address *ip);

/* False where it is not of an IP family. */
__attribute__((warn_unused_result)) bool ip_address_of(
    const struct address *address, struct ip_address *ip);

/* As address_format_host(): each IP has one text. */
void ip_address_format(const struct ip_address *ip, char text[ADDRESS_TEXT_SIZE]);

bool ip_address_is_ipv4(const struct ip_address *ip);

#endif

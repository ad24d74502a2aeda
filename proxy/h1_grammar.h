/*
 * The character classes of HTTP/1 (RFC 9110 5.5, 5.6.2; RFC 3986 3.2).
 * Sans-IO; pure functions of bytes.
 */
#ifndef PROXY_H1_GRAMMAR_H
#define PROXY_H1_GRAMMAR_H

#include "base/slice.h"

/* tchar: what methods and field names are made of. */
bool h1_is_token(char c);

/* The first byte at or after `at` that does not belong into a token, or end. */
const char *h1_skip_token(const char *at, const char *end);

/* What a request target may hold: visible ASCII, without a fragment. */
bool h1_is_target_char(char c);

/*
 * The first byte at or after `at` that does not belong into a field value
 * (VCHAR, obs-text, SP, HT do), or end.
 */
const char *h1_skip_field_text(const char *at, const char *end);

/*
 * uri-host [ ":" port ] of at most 255 bytes, not empty: a name, an IPv4 address, or in
 * brackets an IPv6 one or one yet to come (RFC 3986 3.2.2); a port is at most 65535.
 */
bool h1_is_authority(struct slice s);

#endif

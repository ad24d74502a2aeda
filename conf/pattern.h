/*
 * Hosts, paths, path classes and names, checked as they are written.
 *
 * Ownership  what a function gives out is the caller's to free().
 */
#ifndef CONF_PATTERN_H
#define CONF_PATTERN_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

/* Letters, digits, '-', '_' in labels between dots; at least one letter: no address. */
bool pattern_is_name(struct slice text);

/* RFC 9110 5.6.2: the name of a header; of a cookie too (RFC 6265 4.1.1). */
bool pattern_is_token(struct slice text);

/* "shop.example.com" or "*.example.com", given out in lower case. */
__attribute__((warn_unused_result)) bool pattern_parse_host(
    struct slice text, char **host, struct error *err);

/* "/prefix", or "= /exact"; without '*', which is no wildcard there. */
__attribute__((warn_unused_result)) bool pattern_parse_path(
    struct slice text, char **path, bool *exact, struct error *err);

/* "/api": whole segments, without a '/' at the end; not "/" alone. */
__attribute__((warn_unused_result)) bool pattern_parse_prefix(
    struct slice text, char **prefix, struct error *err);

/* "backend.internal", "10.0.0.1:8080", "[::1]:8080": what a Host field can hold. */
__attribute__((warn_unused_result)) bool pattern_parse_authority(
    struct slice text, char **authority, struct error *err);

/* "/orders/:id": whole segments, literal or a parameter. */
__attribute__((warn_unused_result)) bool pattern_parse_path_class(
    struct slice text, char **path_class, struct error *err);

/* Whether two classes hold the same paths: parameters' names do not matter. */
bool pattern_same_class(const char *a, const char *b);

#endif

/*
 * What routes are matched by, checked as it is written: hosts, paths and path
 * classes.
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

/* "shop.example.com" or "*.example.com", given out in lower case. */
__attribute__((warn_unused_result)) bool pattern_parse_host(
    struct slice text, char **host, struct error *err);

/* "/prefix", or "= /exact". */
__attribute__((warn_unused_result)) bool pattern_parse_path(
    struct slice text, char **path, bool *exact, struct error *err);

/* "/orders/:id": whole segments, literal or a parameter. */
__attribute__((warn_unused_result)) bool pattern_parse_path_class(
    struct slice text, char **path_class, struct error *err);

/* Whether two classes hold the same paths: parameters' names do not matter. */
bool pattern_same_class(const char *a, const char *b);

#endif

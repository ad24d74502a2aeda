/*
 * The path class patterns of a route, compiled: a path's class is the first one that
 * matches all of it, or else its automatic class (router/path_class.h).
 *
 * Thousands of routes mostly have the same few patterns. While a configuration is built, a
 * set finds rules that are alike, and their routes share them: what every request reads
 * stays near.
 *
 * Thread     immutable once made; any thread may look up. Making, sharing and freeing those
 *            of one set is one thread's at a time.
 * Ownership  copies of all they need. Each user of shared rules frees them once.
 */
#ifndef ROUTER_PATH_CLASS_RULES_H
#define ROUTER_PATH_CLASS_RULES_H

#include "router/path_class.h"

struct path_class_rules;

/* What is alike is found by it while a configuration is built. */
struct path_class_rules_set {
	struct path_class_rules **items; /* by what they say; open addressing */
	size_t mask;
	size_t n;
};

/* Room for n different ones; false when out of memory. */
__attribute__((warn_unused_result)) bool path_class_rules_set_init(
    struct path_class_rules_set *set, size_t n);
/* The rules that it found are their users'. */
void path_class_rules_set_done(struct path_class_rules_set *set);

/*
 * Gives each pattern its slot. Where none is left the pattern's paths are `other`;
 * *n_without_slot says how many patterns that befell. set: where alike ones may be, or
 * NULL. NULL when out of memory, or where a pattern does not begin with '/' or is over the
 * limits of a path class, or all together are too long.
 */
__attribute__((warn_unused_result)) struct path_class_rules *path_class_rules_new(
    const struct conf_strings *patterns, struct path_classes *classes,
    struct path_class_rules_set *set, size_t *n_without_slot, struct error *err);
void path_class_rules_free(struct path_class_rules *rules);

/*
 * The slot of a path (without its query). For a class that has none it returns
 * PATH_CLASS_OTHER, and *unseen is the class to intern; else unseen->n is 0.
 */
unsigned path_class_lookup(const struct path_class_rules *rules,
    const struct path_classes *classes, struct slice path, struct path_class_name *unseen);

#endif

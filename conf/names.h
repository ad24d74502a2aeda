/*
 * The sections of a file by name: finds what a reference means, and names that
 * are given twice.
 *
 * Ownership  points into the `written` it was made of.
 */
#ifndef CONF_NAMES_H
#define CONF_NAMES_H

#include "conf/problems.h"
#include "conf/written.h"

#include <stdbool.h>

struct names {
	const struct written_section **sorted; /* by kind, then name, then line */
	size_t n;
};

/* False when out of memory. */
__attribute__((warn_unused_result)) bool names_init(
    struct names *names, const struct written *written);
void names_done(struct names *names);

/* The first section of that kind and name, or NULL. */
const struct written_section *names_find(
    const struct names *names, enum conf_section kind, const char *name);

/* err: "no [upstream shop-v3]; did you mean 'shop-v2'?", the latter where `suggest`. */
void names_explain(const struct names *names, enum conf_section kind, const char *name,
    bool suggest, struct error *err);

/* Adds a problem for each section that was written before. */
void names_check_unique(const struct names *names, struct problems *problems);

#endif

/*
 * The problems and warnings of a file while they are being found: any number may be
 * added, in any order; of each the first hundred by line are kept.
 *
 * Ownership  embedded; problems_finish() empties it into the caller's
 *            conf_problems.
 */
#ifndef CONF_PROBLEMS_H
#define CONF_PROBLEMS_H

#include "conf/config.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PROBLEMS_KEPT = 100
};

struct problem {
	uint32_t line;
	char *text;
};

struct problem_list {
	size_t n; /* ordered by line; of one line, in order of addition */
	size_t n_dropped;
	struct problem items[PROBLEMS_KEPT];
};

struct problems {
	const char *path;            /* outlives this; shown before each line */
	struct problem_list refused; /* what the file is refused for */
	struct problem_list warned;  /* what it is not */
};

void problems_init(struct problems *problems, const char *path);

/* Line 0 is the file as a whole, shown without a number. */
__attribute__((format(printf, 3, 4))) void problems_add(
    struct problems *problems, uint32_t line, const char *format, ...);

/* Likewise what is hardly meant, but does no harm: the file is taken all the same. */
__attribute__((format(printf, 3, 4))) void problems_warn(
    struct problems *problems, uint32_t line, const char *format, ...);

/* Whether a problem there would be kept: finding a suggestion costs time. */
bool problems_would_keep(const struct problems *problems, uint32_t line);

/* Whether there is any; warnings are none. */
bool problems_any(const struct problems *problems);

/* Moves all texts to `out`, "PATH:LINE: TEXT", and a last "and N more" where some were not
 * kept. */
void problems_finish(struct problems *problems, struct conf_problems *out);

#endif

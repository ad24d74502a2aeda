/*
 * A configuration as it is written: its sections and their keys in file order,
 * known by the key table, with values still text.
 *
 * Ownership  owns its texts; written_done() frees them.
 */
#ifndef CONF_WRITTEN_H
#define CONF_WRITTEN_H

#include "base/slice.h"
#include "conf/keys.h"
#include "conf/problems.h"

#include <stdbool.h>

/*
 * With a section's word before it, a heading stays within the 49 bytes that
 * inih reads of one.
 */
enum {
	SECTION_NAME_MAX = 40
};

struct written_section {
	enum conf_section kind;
	char *name; /* "" for [weir] */
	uint32_t line;
	size_t first_pair;
	size_t n_pairs;
	size_t at; /* which of its kind, from 0 */
};

struct written_pair {
	const struct key *key;
	char *value;
	uint32_t line;
};

struct written {
	struct written_section *sections;
	size_t n_sections;
	struct written_pair *pairs;
	size_t n_pairs;
	size_t n_of[SECTIONS];
};

/*
 * Adds a problem for each line that is no heading and no pair, each unknown
 * section or key, and skips it. False when out of memory. Either way
 * written_done() is due.
 */
__attribute__((warn_unused_result)) bool written_read(
    struct written *written, struct slice text, struct problems *problems);
void written_done(struct written *written);

/* "[weir]", "[route shop]". */
enum {
	SECTION_TEXT_SIZE = 64
};
void written_title(const struct written_section *section, char text[SECTION_TEXT_SIZE]);

#endif

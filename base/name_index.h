/*
 * Positions of things by their names: built once, then looked up in
 * logarithmic time.
 *
 * Ownership  the names stay the caller's and must outlive the index.
 */
#ifndef BASE_NAME_INDEX_H
#define BASE_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct name_entry {
	const char *name;
	size_t position;
};

struct name_index {
	struct name_entry *entries;
	size_t n;
};

/* Room for n names; false when out of memory. name_index_done() frees it. */
__attribute__((warn_unused_result)) bool name_index_init(struct name_index *index, size_t n);
void name_index_done(struct name_index *index);

/* At most as many as there is room for, each name once; then sort. */
void name_index_add(struct name_index *index, const char *name, size_t position);
void name_index_sort(struct name_index *index);

/* The position, or -1. */
long name_index_find(const struct name_index *index, const char *name);

#endif

#include "base/name_index.h"

#include <stdlib.h>
#include <string.h>

bool name_index_init(struct name_index *index, size_t n)
{
	*index = (struct name_index) { 0 };
	index->entries = calloc(n + 1, sizeof(index->entries[0]));
	return index->entries != NULL;
}

void name_index_done(struct name_index *index)
{
	free(index->entries);
	*index = (struct name_index) { 0 };
}

void name_index_add(struct name_index *index, const char *name, size_t position)
{
	index->entries[index->n++] = (struct name_entry) { name, position };
}

static int compare(const void *a, const void *b)
{
	const struct name_entry *left = a;
	const struct name_entry *right = b;

	return strcmp(left->name, right->name);
}

void name_index_sort(struct name_index *index)
{
	qsort(index->entries, index->n, sizeof(index->entries[0]), compare);
}

long name_index_find(const struct name_index *index, const char *name)
{
	struct name_entry wanted = { .name = name };
	const struct name_entry *found = index->n == 0
					     ? NULL
					     : bsearch(&wanted, index->entries, index->n,
						   sizeof(index->entries[0]), compare);

	return found != NULL ? (long)found->position : -1;
}

#include "conf/names.h"

#include "conf/nearest.h"

#include <stdlib.h>
#include <string.h>

static int compare_name(
    enum conf_section kind, const char *name, const struct written_section *section)
{
	if (kind != section->kind)
		return kind < section->kind ? -1 : 1;
	return strcmp(name, section->name);
}

static int compare(const void *a, const void *b)
{
	const struct written_section *left = *(const struct written_section *const *)a;
	const struct written_section *right = *(const struct written_section *const *)b;
	int order = compare_name(left->kind, left->name, right);

	if (order != 0)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

bool names_init(struct names *names, const struct written *written)
{
	*names = (struct names) { 0 };
	if (written->n_sections == 0)
		return true;
	names->sorted = reallocarray(NULL, written->n_sections, sizeof(*names->sorted));
	if (names->sorted == NULL)
		return false;
	names->n = written->n_sections;
	for (size_t i = 0; i < names->n; i++)
		names->sorted[i] = &written->sections[i];
	qsort(names->sorted, names->n, sizeof(*names->sorted), compare);
	return true;
}

void names_done(struct names *names)
{
	free(names->sorted);
	*names = (struct names) { 0 };
}

/* The first that is not before (kind, name). */
static size_t lower_bound(const struct names *names, enum conf_section kind, const char *name)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_name(kind, name, names->sorted[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct written_section *names_find(
    const struct names *names, enum conf_section kind, const char *name)
{
	size_t at = lower_bound(names, kind, name);

	if (at == names->n || compare_name(kind, name, names->sorted[at]) != 0)
		return NULL;
	return names->sorted[at];
}

void names_explain(const struct names *names, enum conf_section kind, const char *name,
    bool suggest, struct error *err)
{
	char suggestion[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = lower_bound(names, kind, ""); suggest && i < names->n; i++) {
		if (names->sorted[i]->kind == kind)
			nearest_offer(&nearest, names->sorted[i]->name);
	}
	nearest_format(&nearest, suggestion);
	error_set(err, "no [%s %s]%s", section_name(kind), name, suggestion);
}

void names_check_unique(const struct names *names, struct problems *problems)
{
	const struct written_section *first = NULL;
	char title[SECTION_TEXT_SIZE];

	for (size_t i = 0; i < names->n; i++) {
		const struct written_section *section = names->sorted[i];

		if (first == NULL || compare_name(first->kind, first->name, section) != 0) {
			first = section;
			continue;
		}
		written_title(section, title);
		problems_add(problems, section->line, "a second %s; the first is on line %u",
		    title, first->line);
	}
}

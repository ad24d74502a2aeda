#include "conf/written.h"

#include "conf/lines.h"
#include "conf/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct written *written;
	struct problems *problems;
	enum {
		NO_SECTION_YET,
		IN_SECTION,
		IN_UNKNOWN_SECTION
	} where;
	bool out_of_memory;
};

/* Room for one more in an array that doubles whenever n is a power of two. */
static void *with_room(void *items, size_t n, size_t size)
{
	if (n != 0 && (n & (n - 1)) != 0)
		return items;
	return reallocarray(items, n == 0 ? 1 : n * 2, size);
}

static bool add_section(
    struct written *written, enum conf_section kind, struct slice name, uint32_t line)
{
	struct written_section *sections =
	    with_room(written->sections, written->n_sections, sizeof(*sections));
	char *copy;

	if (sections == NULL)
		return false;
	written->sections = sections;
	copy = strndup(name.data, name.len);
	if (copy == NULL)
		return false;
	sections[written->n_sections++] = (struct written_section) {
		.kind = kind,
		.name = copy,
		.line = line,
		.first_pair = written->n_pairs,
		.at = written->n_of[kind]++,
	};
	return true;
}

static bool add_pair(
    struct written *written, const struct key *key, const char *value, uint32_t line)
{
	struct written_pair *pairs =
	    with_room(written->pairs, written->n_pairs, sizeof(*pairs));
	char *copy;

	if (pairs == NULL)
		return false;
	written->pairs = pairs;
	copy = strdup(value);
	if (copy == NULL)
		return false;
	pairs[written->n_pairs++] =
	    (struct written_pair) { .key = key, .value = copy, .line = line };
	written->sections[written->n_sections - 1].n_pairs++;
	return true;
}

static bool is_name_byte(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static bool check_name(
    struct reading *reading, uint32_t line, enum conf_section kind, struct slice name)
{
	const char *word = section_name(kind);

	if (!section_is_named(kind)) {
		if (name.len > 0)
			problems_add(reading->problems, line, "[%s] takes no name", word);
		return name.len == 0;
	}
	if (name.len == 0) {
		problems_add(
		    reading->problems, line, "[%s] needs a name, as in [%s NAME]", word, word);
		return false;
	}
	if (name.len > SECTION_NAME_MAX) {
		problems_add(reading->problems, line, "a name of %zu characters; at most %d",
		    name.len, SECTION_NAME_MAX);
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		if (!is_name_byte(name.data[i])) {
			problems_add(reading->problems, line,
			    "'%.*s' is not a name, which has letters, digits, '.', '_' and '-' "
			    "only",
			    (int)name.len, name.data);
			return false;
		}
	}
	return true;
}

static void unknown_section(struct reading *reading, uint32_t line, const char *word)
{
	char suggestion[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (unsigned kind = 0; kind < SECTIONS; kind++)
		nearest_offer(&nearest, section_name((enum conf_section)kind));
	nearest_format(&nearest, suggestion);
	problems_add(reading->problems, line, "unknown section [%s]%s", word, suggestion);
}

static void take_heading(void *user, uint32_t line, struct slice text)
{
	struct reading *reading = user;
	enum conf_section kind;
	struct slice name;
	char word[64];
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	name = slice_trim((struct slice) { text.data + len, text.len - len });
	snprintf(word, sizeof(word), "%.*s", (int)len, text.data);
	reading->where = IN_UNKNOWN_SECTION;
	if (len >= sizeof(word) || !section_find(word, &kind)) {
		unknown_section(reading, line, word);
		return;
	}
	if (!check_name(reading, line, kind, name))
		return;
	if (add_section(reading->written, kind, name, line))
		reading->where = IN_SECTION;
	else
		reading->out_of_memory = true;
}

static void unknown_key(struct reading *reading, uint32_t line,
    const struct written_section *section, const char *name)
{
	char suggestion[NEAREST_TEXT_SIZE];
	char title[SECTION_TEXT_SIZE];
	const struct key *keys;
	struct nearest nearest;
	size_t n;

	nearest_init(&nearest, name);
	keys = keys_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].section == section->kind)
			nearest_offer(&nearest, keys[i].name);
	}
	nearest_format(&nearest, suggestion);
	for (size_t i = 0; i < n && nearest.best == NULL; i++) {
		if (strcmp(keys[i].name, name) == 0) {
			snprintf(suggestion, sizeof(suggestion), "; it is a key of [%s%s]",
			    section_name(keys[i].section),
			    section_is_named(keys[i].section) ? " NAME" : "");
			break;
		}
	}
	written_title(section, title);
	problems_add(
	    reading->problems, line, "unknown key '%s' in %s%s", name, title, suggestion);
}

static void take_pair(void *user, uint32_t line, const char *name, const char *value)
{
	struct reading *reading = user;
	struct written *written = reading->written;
	const struct written_section *section;
	const struct key *key;

	if (reading->where == NO_SECTION_YET) {
		problems_add(reading->problems, line,
		    "key '%s' before the first [section] heading", name);
		return;
	}
	if (reading->where == IN_UNKNOWN_SECTION || reading->out_of_memory)
		return;
	section = &written->sections[written->n_sections - 1];
	key = keys_find(section->kind, name);
	if (key != NULL)
		reading->out_of_memory = !add_pair(written, key, value, line);
	else if (problems_would_keep(reading->problems, line))
		unknown_key(reading, line, section, name);
	else
		problems_add(reading->problems, line, "unknown key");
}

static void take_problem(void *user, uint32_t line, const char *why)
{
	struct reading *reading = user;

	problems_add(reading->problems, line, "%s", why);
}

bool written_read(struct written *written, struct slice text, struct problems *problems)
{
	struct reading reading = { .written = written, .problems = problems };
	struct lines_sink sink = {
		.user = &reading,
		.heading = take_heading,
		.pair = take_pair,
		.problem = take_problem,
	};

	*written = (struct written) { 0 };
	lines_read(text, &sink);
	return !reading.out_of_memory;
}

void written_done(struct written *written)
{
	for (size_t i = 0; i < written->n_sections; i++)
		free(written->sections[i].name);
	for (size_t i = 0; i < written->n_pairs; i++)
		free(written->pairs[i].value);
	free(written->sections);
	free(written->pairs);
	*written = (struct written) { 0 };
}

void written_title(const struct written_section *section, char text[SECTION_TEXT_SIZE])
{
	snprintf(text, SECTION_TEXT_SIZE, "[%s%s%s]", section_name(section->kind),
	    section->name[0] != '\0' ? " " : "", section->name);
}

#include "router/path_class_rules.h"

#include "base/dense.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <assert.h>
#include <stdlib.h>

/* Places are counted in bytes from the rules' begin, so that alike ones are equal. */
struct segment {
	uint16_t at;
	uint16_t len; /* 0: a parameter */
};

struct rule {
	uint16_t segments_at;
	uint8_t n_segments;
	uint8_t slot;
};

/* One piece of memory, and a small one: rules, then their segments, then the text. */
struct path_class_rules {
	uint32_t refs;
	uint32_t bytes; /* all of it; and so on to its end: what must be equal to be shared */
	uint32_t n_rules;
	struct rule rules[];
};

_Static_assert(PATH_CLASS_SEGMENTS_MAX <= UINT8_MAX, "segments of a rule");
_Static_assert(PATH_CLASS_OTHER <= UINT8_MAX, "slots");

static const void *at(const struct path_class_rules *rules, size_t bytes)
{
	return (const char *)rules + bytes;
}

static bool matches(const struct path_class_rules *rules, const struct rule *rule,
    const struct path_segments *path)
{
	const struct segment *segments = at(rules, rule->segments_at);

	if (rule->n_segments != path->n)
		return false;
	for (uint32_t i = 0; i < path->n; i++) {
		const struct slice text = { at(rules, segments[i].at), segments[i].len };

		if (text.len > 0 && !slice_equal(text, path->items[i]))
			return false;
	}
	return true;
}

unsigned path_class_lookup(const struct path_class_rules *rules,
    const struct path_classes *classes, struct slice path, struct path_class_name *unseen)
{
	struct path_segments segments;

	unseen->n = 0;
	if (!path_split(path, &segments))
		return PATH_CLASS_OTHER;
	for (uint32_t i = 0; i < rules->n_rules; i++) {
		if (matches(rules, &rules->rules[i], &segments))
			return rules->rules[i].slot;
	}
	return path_class_automatic(classes, &segments, unseen);
}

static uint64_t content_hash(const struct path_class_rules *rules)
{
	const size_t begin = offsetof(struct path_class_rules, bytes);

	return XXH3_64bits(at(rules, begin), rules->bytes - begin);
}

static bool alike(const struct path_class_rules *a, const struct path_class_rules *b)
{
	const size_t begin = offsetof(struct path_class_rules, bytes);

	return a->bytes == b->bytes &&
	       memcmp(at(a, begin), at(b, begin), a->bytes - begin) == 0;
}

bool path_class_rules_set_init(struct path_class_rules_set *set, size_t n)
{
	size_t n_places = 16;

	while (n_places < 2 * n)
		n_places *= 2;
	*set = (struct path_class_rules_set) {
		.items = calloc(n_places, sizeof(set->items[0])),
		.mask = n_places - 1,
	};
	return set->items != NULL;
}

void path_class_rules_set_done(struct path_class_rules_set *set)
{
	free(set->items);
	*set = (struct path_class_rules_set) { 0 };
}

/* The first like it, in its place; it is the first itself where there is none. */
static struct path_class_rules *share(
    struct path_class_rules_set *set, struct path_class_rules *rules)
{
	size_t place = (size_t)content_hash(rules) & set->mask;
	struct path_class_rules *there;

	for (; (there = set->items[place]) != NULL; place = (place + 1) & set->mask) {
		if (alike(there, rules)) {
			path_class_rules_free(rules);
			there->refs++;
			return there;
		}
	}
	assert(set->n < set->mask);
	set->items[place] = rules;
	set->n++;
	return rules;
}

/* What of the rules' memory is still free. */
struct room {
	size_t segments_at;
	size_t text_at;
};

static bool compile(struct path_class_rules *rules, struct rule *rule, const char *text,
    struct room *room, struct path_classes *classes, struct error *err)
{
	char *memory = (char *)rules;
	struct segment *segments = (struct segment *)(void *)(memory + room->segments_at);
	struct path_segments split;
	struct path_class_name name;

	if (!path_split(slice_of(text), &split) || !path_class_as_written(&split, &name)) {
		error_set(err,
		    "path_class '%s' must begin with '/', hold only what a path may, at most "
		    "%d segments and %d bytes",
		    text, PATH_CLASS_SEGMENTS_MAX, PATH_CLASS_NAME_MAX);
		return false;
	}
	*rule = (struct rule) { .segments_at = (uint16_t)room->segments_at,
		.n_segments = (uint8_t)split.n,
		.slot = (uint8_t)path_class_intern(classes, &name) };
	room->segments_at += split.n * sizeof(*segments);
	for (uint32_t i = 0; i < split.n; i++) {
		struct slice s = split.items[i];

		if (s.data[0] == ':')
			continue;
		segments[i] = (struct segment) { (uint16_t)room->text_at, (uint16_t)s.len };
		memcpy(memory + room->text_at, s.data, s.len);
		room->text_at += s.len;
	}
	return true;
}

/* Zeroed, with room for the patterns; NULL when out of memory or of what places can say. */
static struct path_class_rules *rules_alloc(
    const struct conf_strings *patterns, struct room *room, struct error *err)
{
	struct path_class_rules *rules;
	size_t n_bytes = 0;
	size_t n_segments = 0; /* at most */
	size_t bytes;

	for (size_t i = 0; i < patterns->n; i++) {
		n_bytes += strlen(patterns->items[i]);
		for (const char *c = patterns->items[i]; *c != '\0'; c++)
			n_segments += *c == '/';
	}
	room->segments_at = sizeof(*rules) + patterns->n * sizeof(struct rule);
	room->text_at = room->segments_at + n_segments * sizeof(struct segment);
	bytes = room->text_at + n_bytes;
	if (bytes > UINT16_MAX) {
		error_set(err, "the path classes of a route are too long together");
		return NULL;
	}
	rules = dense_take(bytes);
	if (rules == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	rules->refs = 1;
	rules->bytes = (uint32_t)bytes;
	rules->n_rules = (uint32_t)patterns->n;
	return rules;
}

struct path_class_rules *path_class_rules_new(const struct conf_strings *patterns,
    struct path_classes *classes, struct path_class_rules_set *set, size_t *n_without_slot,
    struct error *err)
{
	struct path_class_rules *rules;
	struct room room;

	*n_without_slot = 0;
	rules = rules_alloc(patterns, &room, err);
	if (rules == NULL)
		return NULL;
	for (size_t i = 0; i < patterns->n; i++) {
		struct rule *rule = &rules->rules[i];

		if (!compile(rules, rule, patterns->items[i], &room, classes, err)) {
			path_class_rules_free(rules);
			return NULL;
		}
		*n_without_slot += rule->slot == PATH_CLASS_OTHER;
	}
	return set != NULL ? share(set, rules) : rules;
}

void path_class_rules_free(struct path_class_rules *rules)
{
	if (rules != NULL && --rules->refs == 0)
		dense_give(rules, rules->bytes);
}

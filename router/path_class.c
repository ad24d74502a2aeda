#include "router/path_class.h"

#include "base/dense.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdatomic.h>
#include <stdlib.h>

enum {
	SLASHES_MAX = 64,  /* of a path that is split: as many could be empty segments */
	LITERAL_MAX = 32,  /* bytes of an automatic segment that is not an id */
	EXTENSION_MAX = 5, /* bytes after a file name's last dot */
	ID_HEX_MIN = 16,   /* hex digits that are an id */
	ID_MIXED_MIN = 20, /* upper case, lower case and digits that are an id */
	ID_DIGITS_MIN = 4, /* digits that make any segment an id */
	NO_SLOT = PATH_CLASS_SLOTS, /* where none is free */
};

/* A class's name; never changes once it can be found. */
struct interned {
	uint32_t tag;
	uint32_t n;
	char text[]; /* n bytes and an end */
};

/*
 * Open addressing with as many places as slots: a name's place is its slot, so
 * the one compare-and-swap that puts it there decides everything. A place is
 * filled once and never emptied. The tags (0 until known) only spare a search
 * the reading of names that are not the one it wants.
 */
struct path_classes {
	_Atomic uint32_t tags[PATH_CLASS_SLOTS];
	_Atomic(struct interned *) names[PATH_CLASS_SLOTS];
};

struct path_classes *path_classes_new(void)
{
	struct path_classes *classes = dense_take(sizeof(*classes));

	if (classes == NULL)
		return NULL;
	for (size_t i = 0; i < PATH_CLASS_SLOTS; i++) {
		atomic_init(&classes->tags[i], 0);
		atomic_init(&classes->names[i], NULL);
	}
	return classes;
}

void path_classes_free(struct path_classes *classes)
{
	if (classes == NULL)
		return;
	for (size_t i = 0; i < PATH_CLASS_SLOTS; i++)
		free(atomic_load_explicit(&classes->names[i], memory_order_relaxed));
	dense_give(classes, sizeof(*classes));
}

const char *path_classes_name(const struct path_classes *classes, unsigned slot)
{
	const struct interned *name;

	if (slot >= PATH_CLASS_SLOTS)
		return "other";
	name = atomic_load_explicit(&classes->names[slot], memory_order_acquire);
	return name != NULL ? name->text : NULL;
}

/* Never 0, so that 0 can mean a tag not yet known. */
static uint32_t name_tag(const char *text, uint32_t n)
{
	return (uint32_t)XXH3_64bits(text, n) | 1u << 31;
}

/* The name's slot; or PATH_CLASS_OTHER, and *place is where it belongs, or NO_SLOT. */
static unsigned find(
    const struct path_classes *classes, const struct path_class_name *name, unsigned *place)
{
	for (unsigned i = 0; i < PATH_CLASS_SLOTS; i++) {
		unsigned at = (name->tag + i) % PATH_CLASS_SLOTS;
		uint32_t tag = atomic_load_explicit(&classes->tags[at], memory_order_acquire);
		const struct interned *there;

		if (tag != 0 && tag != name->tag)
			continue;
		there = atomic_load_explicit(&classes->names[at], memory_order_acquire);
		if (there == NULL) {
			*place = at;
			return PATH_CLASS_OTHER;
		}
		if (there->tag == name->tag && there->n == name->n &&
		    memcmp(there->text, name->text, name->n) == 0)
			return at;
	}
	*place = NO_SLOT;
	return PATH_CLASS_OTHER;
}

unsigned path_class_intern(struct path_classes *classes, const struct path_class_name *unseen)
{
	struct interned *fresh = NULL;
	struct interned *expected;
	unsigned place;
	unsigned slot;

	if (unseen->n == 0)
		return PATH_CLASS_OTHER;
	for (;;) {
		slot = find(classes, unseen, &place);
		if (slot != PATH_CLASS_OTHER || place == NO_SLOT)
			break;
		if (fresh == NULL)
			fresh = malloc(sizeof(*fresh) + unseen->n + 1);
		if (fresh == NULL)
			return PATH_CLASS_OTHER;
		fresh->tag = unseen->tag;
		fresh->n = unseen->n;
		memcpy(fresh->text, unseen->text, unseen->n);
		fresh->text[unseen->n] = '\0';
		expected = NULL;
		if (atomic_compare_exchange_strong_explicit(&classes->names[place], &expected,
			fresh, memory_order_acq_rel, memory_order_acquire)) {
			atomic_store_explicit(
			    &classes->tags[place], unseen->tag, memory_order_release);
			return place;
		}
		/* Another worker took the place, perhaps for this very name: look again. */
	}
	free(fresh);
	return slot;
}

unsigned path_classes_slot_for(struct path_classes *classes, struct slice name)
{
	struct path_class_name unseen;

	if (name.len == 0 || name.len > PATH_CLASS_NAME_MAX || name.data[0] != '/')
		return PATH_CLASS_OTHER;
	memcpy(unseen.text, name.data, name.len);
	unseen.n = (uint32_t)name.len;
	unseen.tag = name_tag(unseen.text, unseen.n);
	return path_class_intern(classes, &unseen);
}

bool path_split(struct slice path, struct path_segments *segments)
{
	const char *at = path.data;
	const char *end = path.data + path.len;
	unsigned n_slashes = 0;

	segments->n = 0;
	if (path.len == 0 || *at != '/')
		return false;
	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash != NULL ? slash : end;

		if (stop > at) {
			if (segments->n == PATH_CLASS_SEGMENTS_MAX)
				return false;
			segments->items[segments->n++] =
			    (struct slice) { at, (size_t)(stop - at) };
		}
		if (slash == NULL)
			break;
		if (++n_slashes > SLASHES_MAX)
			return false;
		at = slash + 1;
	}
	return true;
}

static bool append(struct path_class_name *name, const char *bytes, size_t n)
{
	if (n > PATH_CLASS_NAME_MAX - name->n)
		return false;
	memcpy(name->text + name->n, bytes, n);
	name->n += (uint32_t)n;
	return true;
}

/* What a byte tells of the segment it stands in; 0 for one that no path may hold. */
enum byte_kind {
	DIGIT = 1,
	UPPER = 2,
	LOWER = 4,
	NOT_HEX = 8,
	SEPARATOR = 16,
	PERCENT = 32,
	PUNCTUATION = 64,
};

/* pchar of RFC 3986 3.3. */
static const uint8_t byte_kinds[256] = {
	['0' ... '9'] = DIGIT,
	['A' ... 'F'] = UPPER,
	['G' ... 'Z'] = UPPER | NOT_HEX,
	['a' ... 'f'] = LOWER,
	['g' ... 'z'] = LOWER | NOT_HEX,
	['-'] = SEPARATOR | NOT_HEX,
	['.'] = SEPARATOR | NOT_HEX,
	['_'] = SEPARATOR | NOT_HEX,
	[','] = SEPARATOR | NOT_HEX,
	[':'] = SEPARATOR | NOT_HEX,
	['%'] = PERCENT | NOT_HEX,
	['~'] = PUNCTUATION | NOT_HEX,
	['!'] = PUNCTUATION | NOT_HEX,
	['$'] = PUNCTUATION | NOT_HEX,
	['&'] = PUNCTUATION | NOT_HEX,
	['\''] = PUNCTUATION | NOT_HEX,
	['('] = PUNCTUATION | NOT_HEX,
	[')'] = PUNCTUATION | NOT_HEX,
	['*'] = PUNCTUATION | NOT_HEX,
	['+'] = PUNCTUATION | NOT_HEX,
	[';'] = PUNCTUATION | NOT_HEX,
	['='] = PUNCTUATION | NOT_HEX,
	['@'] = PUNCTUATION | NOT_HEX,
};

enum segment_kind {
	SEGMENT_LITERAL,
	SEGMENT_ID,
	SEGMENT_INVALID,
};

static enum segment_kind segment_identify(struct slice s)
{
	unsigned seen = 0;
	unsigned n_digits = 0;

	if (s.len > LITERAL_MAX)
		return SEGMENT_ID;
	for (size_t i = 0; i < s.len; i++) {
		unsigned kind = byte_kinds[(uint8_t)s.data[i]];

		if (kind == 0)
			return SEGMENT_INVALID;
		seen |= kind;
		n_digits += kind & DIGIT;
	}
	if (n_digits >= ID_DIGITS_MIN || (seen & PERCENT) != 0)
		return SEGMENT_ID;
	if (n_digits == 0)
		return SEGMENT_LITERAL;
	if ((seen & ~(unsigned)(DIGIT | SEPARATOR | NOT_HEX)) == 0)
		return SEGMENT_ID;
	if (s.len >= ID_HEX_MIN && (seen & NOT_HEX) == 0)
		return SEGMENT_ID;
	if (s.len >= ID_MIXED_MIN && (seen & UPPER) != 0 && (seen & LOWER) != 0)
		return SEGMENT_ID;
	return SEGMENT_LITERAL;
}

/* The length of the extension with its dot, 0 for none: letters and digits, a letter at least.
 */
static size_t extension_len(struct slice s)
{
	bool has_letter = false;

	for (size_t n = 1; n <= EXTENSION_MAX + 1 && n < s.len; n++) {
		char c = s.data[s.len - n];
		unsigned kind = byte_kinds[(uint8_t)c];

		if (c == '.')
			return has_letter ? n : 0;
		if ((kind & (DIGIT | UPPER | LOWER)) == 0)
			return 0;
		has_letter = has_letter || (kind & DIGIT) == 0;
	}
	return 0;
}

static bool append_segment(struct path_class_name *name, struct slice segment)
{
	size_t extension = extension_len(segment);
	struct slice stem = { segment.data, segment.len - extension };

	switch (segment_identify(stem)) {
	case SEGMENT_LITERAL: return append(name, segment.data, segment.len);
	case SEGMENT_ID:
		return append(name, ":id", 3) && append(name, stem.data + stem.len, extension);
	case SEGMENT_INVALID: return false;
	}
	return false;
}

/* The automatic class of a path; false where that is `other`. */
static bool generalise(const struct path_segments *segments, struct path_class_name *name)
{
	name->n = 0;
	for (uint32_t i = 0; i < segments->n; i++) {
		if (!append(name, "/", 1) || !append_segment(name, segments->items[i]))
			return false;
	}
	if (name->n == 0)
		append(name, "/", 1);
	name->tag = name_tag(name->text, name->n);
	return true;
}

bool path_class_as_written(const struct path_segments *segments, struct path_class_name *name)
{
	name->n = 0;
	for (uint32_t i = 0; i < segments->n; i++) {
		struct slice s = segments->items[i];

		for (size_t j = 0; j < s.len; j++) {
			if (byte_kinds[(uint8_t)s.data[j]] == 0)
				return false;
		}
		if (!append(name, "/", 1) || !append(name, s.data, s.len))
			return false;
	}
	if (name->n == 0)
		append(name, "/", 1);
	name->tag = name_tag(name->text, name->n);
	return true;
}

unsigned path_class_automatic(const struct path_classes *classes,
    const struct path_segments *segments, struct path_class_name *unseen)
{
	unsigned slot = PATH_CLASS_OTHER;
	unsigned place = NO_SLOT;

	unseen->n = 0;
	if (generalise(segments, unseen))
		slot = find(classes, unseen, &place);
	if (place == NO_SLOT)
		unseen->n = 0;
	return slot;
}

bool path_class_deserves_slot(unsigned status)
{
	return status != 0 && status / 100 != 4 && status != 501;
}

#include "router/cohort.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>

/* Salts and keys up to these are hashed in one piece, which is quicker. */
enum {
	SHORT_PREFIX = 64,
	SHORT_KEY = 192
};

struct source {
	enum key_source_kind kind;
	enum field_id id;
	struct slice name;
};

struct cohort {
	size_t n_sources;
	struct source sources[KEY_SOURCES_MAX];
	XXH64_state_t salted; /* has taken in salt + "/" */
};

struct cohort *cohort_new(
    const char *salt, const struct key_source *sources, size_t n_sources, struct error *err)
{
	struct cohort *cohort;

	if (n_sources > KEY_SOURCES_MAX) {
		error_set(err, "more than %d key sources", KEY_SOURCES_MAX);
		return NULL;
	}
	cohort = calloc(1, sizeof(*cohort));
	if (cohort == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	XXH64_reset(&cohort->salted, 0);
	XXH64_update(&cohort->salted, salt, strlen(salt));
	XXH64_update(&cohort->salted, "/", 1);
	for (size_t i = 0; i < n_sources; i++) {
		struct source *source = &cohort->sources[i];

		source->kind = sources[i].kind;
		if (sources[i].name != NULL)
			source->name = slice_of(sources[i].name);
		source->id = field_identify(source->name);
	}
	cohort->n_sources = n_sources;
	return cohort;
}

void cohort_free(struct cohort *cohort)
{
	free(cohort);
}

/* As quick as hashing salt, "/" and key in one piece, which would first copy them together. */
static uint64_t key_hash(const struct cohort *cohort, struct slice key)
{
	XXH64_state_t state;

	XXH64_copyState(&state, &cohort->salted);
	if (key.len > 0)
		XXH64_update(&state, key.data, key.len);
	return XXH64_digest(&state);
}

void cohort_assign(const struct cohort *cohort, enum cohort_source source, struct slice key,
    struct cohort_identity *identity)
{
	uint64_t hash = key_hash(cohort, key);

	*identity = (struct cohort_identity) {
		.source = source, .key = key, .unit_hash = hash, .bucket = cohort_bucket(hash)
	};
}

static struct slice find_header(const struct source *source, const struct message *request)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		const struct field *field = &request->fields[i];

		if (field->id == source->id && field->name.len == source->name.len &&
		    slice_equal_nocase(field->name, source->name))
			return field->value;
	}
	return (struct slice) { 0 };
}

/*
 * The value of the first cookie of that name in one Cookie field, which is
 * name=value pairs between semicolons (RFC 6265 4.2.1).
 */
static bool find_in_pairs(struct slice pairs, struct slice name, struct slice *value)
{
	const char *at = pairs.data;
	const char *end = pairs.data + pairs.len;

	while (at < end) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));
		const char *stop = semicolon != NULL ? semicolon : end;

		while (at < stop && (*at == ' ' || *at == '\t'))
			at++;
		if ((size_t)(stop - at) > name.len && at[name.len] == '=' &&
		    memcmp(at, name.data, name.len) == 0) {
			at += name.len + 1;
			*value = slice_trim((struct slice) { at, (size_t)(stop - at) });
			return true;
		}
		if (semicolon == NULL)
			break;
		at = semicolon + 1;
	}
	return false;
}

static struct slice find_cookie(struct slice name, const struct message *request)
{
	struct slice value = { 0 };

	for (uint32_t i = 0; i < request->n_fields; i++) {
		const struct field *field = &request->fields[i];

		if (field->id == FIELD_COOKIE && field->value.len > 0 &&
		    find_in_pairs(field->value, name, &value))
			break;
	}
	return value;
}

void cohort_identify(const struct cohort *cohort, const struct message *request,
    struct slice client_address, struct cohort_identity *identity)
{
	for (size_t i = 0; i < cohort->n_sources; i++) {
		const struct source *source = &cohort->sources[i];
		enum cohort_source from = COHORT_SOURCE_NONE;
		struct slice key = { 0 };

		switch (source->kind) {
		case KEY_SOURCE_HEADER:
			from = COHORT_SOURCE_HEADER;
			key = find_header(source, request);
			break;
		case KEY_SOURCE_COOKIE:
			from = COHORT_SOURCE_COOKIE;
			key = find_cookie(source->name, request);
			break;
		case KEY_SOURCE_ADDRESS:
			from = COHORT_SOURCE_ADDRESS;
			key = client_address;
			break;
		case KEY_SOURCE_ISSUE:
			from = COHORT_SOURCE_ISSUED;
			key = find_cookie(source->name, request);
			break;
		}
		if (key.len > 0 && key.len <= COHORT_KEY_MAX) {
			cohort_assign(cohort, from, key, identity);
			return;
		}
		if (source->kind == KEY_SOURCE_ISSUE) {
			*identity = (struct cohort_identity) { .source = COHORT_SOURCE_NEW,
				.issue = source->name };
			return;
		}
	}
	*identity = (struct cohort_identity) { .source = COHORT_SOURCE_NONE };
}

/* RFC 4648 5, without padding: 21 characters of 6 bits, and one of the last 2. */
void cohort_issue(const uint8_t random[16], char text[COHORT_ID_SIZE])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned n_bits = 0;
	char *out = text;

	for (size_t i = 0; i < 16; i++) {
		bits = bits << 8 | random[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*out++ = digits[bits >> (n_bits - 6) & 63];
	}
	*out++ = digits[bits << (6 - n_bits) & 63];
	*out = '\0';
}

const char *cohort_source_name(enum cohort_source source)
{
	switch (source) {
	case COHORT_SOURCE_NONE: return "none";
	case COHORT_SOURCE_HEADER: return "header";
	case COHORT_SOURCE_COOKIE: return "cookie";
	case COHORT_SOURCE_ADDRESS: return "address";
	case COHORT_SOURCE_ISSUED: return "issued";
	case COHORT_SOURCE_NEW: return "new";
	}
	return "none";
}

#include "router/cohort.h"

#include "base/dense.h"
#include "router/cookies.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>

/* Its name is a text in the cohort's own memory. */
struct source {
	uint8_t kind;
	uint8_t id; /* enum field_id of a header */
	uint16_t name_len;
	uint32_t name_at;
};

/*
 * One piece of memory: with thousands of routes each further cache line is a miss. One
 * source with a short name fits a pair of them; and names come before the hash's state,
 * because comparing one reads the 32 bytes it begins, which must not reach into a third.
 */
struct cohort {
	uint32_t bytes; /* all of it; 0: in somebody else's room */
	uint16_t n_sources;
	uint16_t salted_at;      /* an XXH64_state_t that has taken in salt + "/" */
	struct source sources[]; /* then their names */
};

_Static_assert(
    sizeof(struct cohort) + sizeof(struct source) + sizeof(XXH64_state_t) < COHORT_ROOM_BYTES,
    "one source fits");

static XXH64_state_t *salted_of(const struct cohort *cohort)
{
	return (XXH64_state_t *)(void *)((char *)(uintptr_t)cohort + cohort->salted_at);
}

static struct slice source_name(const struct cohort *cohort, const struct source *source)
{
	return (struct slice) { (const char *)cohort + source->name_at, source->name_len };
}

/* Zeroed but for its places, with room for the sources and their names. */
static struct cohort *cohort_alloc(void *room, size_t room_bytes,
    const struct key_source *sources, size_t n_sources, struct error *err)
{
	const size_t aligned = _Alignof(XXH64_state_t);
	size_t at = sizeof(struct cohort) + n_sources * sizeof(struct source);
	struct cohort *cohort = room;
	size_t bytes;

	for (size_t i = 0; i < n_sources; i++)
		at += sources[i].name != NULL ? strlen(sources[i].name) : 0;
	at = (at + aligned - 1) / aligned * aligned;
	bytes = at + sizeof(XXH64_state_t);
	if (n_sources > KEY_SOURCES_MAX) {
		error_set(err, "more than %d key sources", KEY_SOURCES_MAX);
		return NULL;
	}
	if (at > UINT16_MAX) {
		error_set(err, "the names of the key sources are too long");
		return NULL;
	}
	if (bytes > room_bytes)
		cohort = dense_take(bytes);
	if (cohort == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	cohort->bytes = cohort != room ? (uint32_t)bytes : 0;
	cohort->n_sources = (uint16_t)n_sources;
	cohort->salted_at = (uint16_t)at;
	return cohort;
}

struct cohort *cohort_new(
    const char *salt, const struct key_source *sources, size_t n_sources, struct error *err)
{
	return cohort_new_in(NULL, 0, salt, sources, n_sources, err);
}

struct cohort *cohort_new_in(void *room, size_t room_bytes, const char *salt,
    const struct key_source *sources, size_t n_sources, struct error *err)
{
	struct cohort *cohort = cohort_alloc(room, room_bytes, sources, n_sources, err);
	uint32_t at = (uint32_t)(sizeof(*cohort) + n_sources * sizeof(struct source));

	if (cohort == NULL)
		return NULL;
	XXH64_reset(salted_of(cohort), 0);
	XXH64_update(salted_of(cohort), salt, strlen(salt));
	XXH64_update(salted_of(cohort), "/", 1);
	for (size_t i = 0; i < n_sources; i++) {
		struct slice name = slice_of(sources[i].name != NULL ? sources[i].name : "");

		cohort->sources[i] = (struct source) {
			.kind = (uint8_t)sources[i].kind,
			.id = (uint8_t)field_identify(name),
			.name_len = (uint16_t)name.len,
			.name_at = at,
		};
		memcpy((char *)cohort + at, name.data, name.len);
		at += (uint32_t)name.len;
	}
	return cohort;
}

void cohort_free(struct cohort *cohort)
{
	if (cohort != NULL && cohort->bytes > 0)
		dense_give(cohort, cohort->bytes);
}

/* As quick as hashing salt, "/" and key in one piece, which would first copy them together. */
static uint64_t key_hash(const struct cohort *cohort, struct slice key)
{
	XXH64_state_t state;

	XXH64_copyState(&state, salted_of(cohort));
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

static struct slice find_header(
    const struct source *source, struct slice name, const struct message *request)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		const struct field *field = &request->fields[i];

		if (field->id == source->id && field->name.len == name.len &&
		    slice_equal_nocase(field->name, name))
			return field->value;
	}
	return (struct slice) { 0 };
}

static struct slice find_cookie(struct slice name, const struct message *request)
{
	struct slice value = { 0 };

	return cookies_find(request, name, &value) ? value : (struct slice) { 0 };
}

void cohort_identify(const struct cohort *cohort, const struct message *request,
    struct slice client_address, struct cohort_identity *identity)
{
	for (size_t i = 0; i < cohort->n_sources; i++) {
		const struct source *source = &cohort->sources[i];
		struct slice name = source_name(cohort, source);
		enum cohort_source from = COHORT_SOURCE_NONE;
		struct slice key = { 0 };

		switch ((enum key_source_kind)source->kind) {
		case KEY_SOURCE_HEADER:
			from = COHORT_SOURCE_HEADER;
			key = find_header(source, name, request);
			break;
		case KEY_SOURCE_COOKIE:
			from = COHORT_SOURCE_COOKIE;
			key = find_cookie(name, request);
			break;
		case KEY_SOURCE_ADDRESS:
			from = COHORT_SOURCE_ADDRESS;
			key = client_address;
			break;
		case KEY_SOURCE_ISSUE:
			from = COHORT_SOURCE_ISSUED;
			key = find_cookie(name, request);
			break;
		}
		if (key.len > 0 && key.len <= COHORT_KEY_MAX) {
			cohort_assign(cohort, from, key, identity);
			return;
		}
		if (source->kind == KEY_SOURCE_ISSUE) {
			*identity = (struct cohort_identity) { .source = COHORT_SOURCE_NEW,
				.issue = name };
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

/*
 * Who a request comes from, as far as sticky routing cares: the cohort key, its
 * hash, and its bucket.
 *
 *     hash   = XXH64(salt + "/" + key, seed 0)
 *     bucket = the high 64 bits of hash x 1,000,000
 *
 * Anyone can recompute it, so it never changes. The bucket is made of the hash's
 * high bits; its low bits are free for other uses of the unit (the epoch map),
 * and as good as independent of the bucket.
 *
 * Keys come from the route's sources, tried in order:
 *
 *     header     the value of the first field of that name, unless empty
 *     cookie     the value of the first cookie of that name, in all Cookie fields
 *                (RFC 6265 4.2, 5.4), unless empty. Names are case-sensitive;
 *                quotes are part of the value, as they are for a browser
 *     address    the client's address
 *     issue      like cookie; where it is absent the caller issues a new id
 *
 * A key longer than COHORT_KEY_MAX counts as absent. Nothing in a key is ever
 * interpreted, so no value of a client's making is refused.
 *
 * Thread     immutable once made; any thread may use it.
 * Ownership  copies what it needs.
 */
#ifndef ROUTER_COHORT_H
#define ROUTER_COHORT_H

#include "base/error.h"
#include "base/message.h"
#include "base/slice.h"
#include "conf/config.h"

enum {
	COHORT_KEY_MAX = 4096,
	COHORT_ROOM_BYTES = 128, /* one source whose name is not long needs no more */
};

/* Where the key came from. */
enum cohort_source {
	COHORT_SOURCE_NONE, /* no key: draw a bucket, as in cohort_bucket(random) */
	COHORT_SOURCE_HEADER,
	COHORT_SOURCE_COOKIE,
	COHORT_SOURCE_ADDRESS,
	COHORT_SOURCE_ISSUED, /* an id that was issued before */
	COHORT_SOURCE_NEW,    /* no key yet: issue an id, then cohort_assign() it */
};

struct cohort_identity {
	enum cohort_source source;
	struct slice issue; /* with NEW: the name of the cookie to set; the cohort's */
	struct slice key;   /* points into the request; empty with NONE and NEW */
	uint64_t unit_hash; /* 0 with NONE and NEW */
	uint32_t bucket;    /* 0..999,999; 0 with NONE and NEW */
};

/* What identifies the users of one route. */
struct cohort;

/*
 * NULL when out of memory, or with more than KEY_SOURCES_MAX sources, or where their names
 * are longer than 60 KiB. cohort_free().
 */
__attribute__((warn_unused_result)) struct cohort *cohort_new(
    const char *salt, const struct key_source *sources, size_t n_sources, struct error *err);
/* Likewise in `room` where it fits: zeroed, and there as long as the cohort. */
__attribute__((warn_unused_result)) struct cohort *cohort_new_in(void *room, size_t room_bytes,
    const char *salt, const struct key_source *sources, size_t n_sources, struct error *err);
void cohort_free(struct cohort *cohort);

/* Tries the sources in order. client_address is text without a port: "10.0.0.1", "::1". */
void cohort_identify(const struct cohort *cohort, const struct message *request,
    struct slice client_address, struct cohort_identity *identity);

/* The identity of a key that is known: an id just issued, or one that a person asks about. */
void cohort_assign(const struct cohort *cohort, enum cohort_source source, struct slice key,
    struct cohort_identity *identity);

/* The bucket of a hash, or of 64 random bits: 0..999,999. */
static inline uint32_t cohort_bucket(uint64_t hash)
{
	return (uint32_t)(((unsigned __int128)hash * PPM) >> 64);
}

/* Room for an issued id: 22 characters of base64url (RFC 4648 5), and the end. */
enum {
	COHORT_ID_SIZE = 23
};

/* The id of 128 random bits. */
void cohort_issue(const uint8_t random[16], char text[COHORT_ID_SIZE]);

/* "none", "header", "cookie", "address", "issued", "new". */
const char *cohort_source_name(enum cohort_source source);

#endif

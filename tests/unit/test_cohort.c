#include "router/cohort.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct message request;

static void request_begin(void)
{
	memset(&request, 0, sizeof(request));
}

static void add_field(const char *name, const char *value)
{
	assert_true(message_add(&request, field_identify(slice_of(name)), slice_of(name),
	    slice_trim(slice_of(value))));
}

static struct cohort *cohort_of(const char *salt, const struct key_source *sources, size_t n)
{
	struct error err = { "" };
	struct cohort *cohort = cohort_new(salt, sources, n, &err);

	if (cohort == NULL)
		fail_msg("%s", err.text);
	return cohort;
}

/* The identity of the request at hand by these sources, from 203.0.113.7. */
static struct cohort_identity identify(const struct key_source *sources, size_t n)
{
	struct cohort *cohort = cohort_of("shop", sources, n);
	struct cohort_identity identity;
	static char issue[64];

	cohort_identify(cohort, &request, SLICE("203.0.113.7"), &identity);
	/* The name is the cohort's. */
	assert_true(identity.issue.len < sizeof(issue));
	if (identity.issue.len > 0)
		memcpy(issue, identity.issue.data, identity.issue.len);
	identity.issue.data = issue;
	cohort_free(cohort);
	return identity;
}

static void assert_key(
    struct cohort_identity identity, enum cohort_source source, const char *key)
{
	assert_string_equal(cohort_source_name(identity.source), cohort_source_name(source));
	if (!slice_equal(identity.key, slice_of(key)))
		fail_msg("the key is '%.*s', not '%s'", (int)identity.key.len,
		    identity.key.data, key);
}

static uint32_t bucket_of(const struct cohort *cohort, const char *key)
{
	struct cohort_identity identity;

	cohort_assign(cohort, COHORT_SOURCE_HEADER, slice_of(key), &identity);
	return identity.bucket;
}

/* "x4096:g" in the table is 4096 times g. */
static struct slice expand(const char *text, char *room)
{
	unsigned n;
	char c;

	if (sscanf(text, "x%u:%c", &n, &c) != 2)
		return slice_of(text);
	assert_true(n <= COHORT_KEY_MAX);
	memset(room, c, n);
	return (struct slice) { room, n };
}

static void buckets_equal_those_computed_independently(void **state)
{
	FILE *file = fopen("tests/data/router/buckets.tsv", "r");
	char line[256];
	char room[COHORT_KEY_MAX];
	int n_rows = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char *rest = line;
		char *salt;
		struct slice key;
		struct cohort *cohort;
		struct cohort_identity identity;

		if (line[0] == '#')
			continue;
		salt = strsep(&rest, "\t");
		key = expand(strsep(&rest, "\t"), room);
		cohort = cohort_of(salt, NULL, 0);
		cohort_assign(cohort, COHORT_SOURCE_COOKIE, key, &identity);
		assert_true(identity.unit_hash == strtoull(strsep(&rest, "\t"), NULL, 16));
		assert_int_equal(identity.bucket, strtoul(rest, NULL, 10));
		assert_int_equal(identity.source, COHORT_SOURCE_COOKIE);
		cohort_free(cohort);
		n_rows++;
	}
	fclose(file);
	assert_true(n_rows > 30);
}

static void a_bucket_is_the_hash_scaled_to_a_million(void **state)
{
	(void)state;
	assert_int_equal(cohort_bucket(0), 0);
	assert_int_equal(cohort_bucket(UINT64_MAX), 999999);
	assert_int_equal(cohort_bucket((uint64_t)1 << 63), 500000);
	assert_int_equal(cohort_bucket(((uint64_t)1 << 63) - 1), 499999);
}

static void sources_are_tried_in_their_order(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "X-User-Id" },
		{ KEY_SOURCE_COOKIE, "sid" }, { KEY_SOURCE_ADDRESS, NULL } };

	(void)state;
	request_begin();
	assert_key(identify(sources, 3), COHORT_SOURCE_ADDRESS, "203.0.113.7");
	assert_key(identify(sources, 2), COHORT_SOURCE_NONE, "");
	add_field("Cookie", "sid=abc");
	assert_key(identify(sources, 3), COHORT_SOURCE_COOKIE, "abc");
	add_field("x-user-ID", "42");
	assert_key(identify(sources, 3), COHORT_SOURCE_HEADER, "42");
}

static void the_key_alone_makes_the_bucket_wherever_it_came_from(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "X-User-Id" },
		{ KEY_SOURCE_COOKIE, "sid" } };
	struct cohort_identity by_header;
	struct cohort_identity by_cookie;

	(void)state;
	request_begin();
	add_field("Cookie", "sid=42");
	by_cookie = identify(sources, 2);
	add_field("X-User-Id", "42");
	by_header = identify(sources, 2);
	assert_int_equal(by_header.bucket, by_cookie.bucket);
	assert_true(by_header.unit_hash == by_cookie.unit_hash);
}

static void the_first_field_of_the_name_is_the_key_unless_empty(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "X-User-Id" },
		{ KEY_SOURCE_ADDRESS, NULL } };

	(void)state;
	request_begin();
	add_field("X-User-Id2", "no");
	add_field("X-User-Id", " one ");
	add_field("X-User-Id", "two");
	assert_key(identify(sources, 2), COHORT_SOURCE_HEADER, "one");
	request_begin();
	add_field("X-User-Id", " ");
	add_field("X-User-Id", "two");
	assert_key(identify(sources, 2), COHORT_SOURCE_ADDRESS, "203.0.113.7");
}

static void a_header_that_weir_knows_can_be_a_key(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "x-forwarded-for" } };

	(void)state;
	request_begin();
	add_field("X-Forwarded-Host", "no");
	add_field("X-Forwarded-For", "10.1.2.3");
	assert_key(identify(sources, 1), COHORT_SOURCE_HEADER, "10.1.2.3");
}

static void cookies_are_read_as_browsers_send_them(void **state)
{
	static const struct {
		const char *fields[2];
		const char *key; /* NULL: no such cookie */
	} rows[] = {
		{ { "sid=abc" }, "abc" },
		{ { "a=1; sid=abc; b=2" }, "abc" },
		{ { "a=1;sid=abc;b=2" }, "abc" },
		{ { "a=1;  \tsid=abc  ; b=2" }, "abc" },
		{ { "sid=one; sid=two" }, "one" },
		{ { "a=1", "b=2; sid=abc" }, "abc" },
		{ { "sid=one", "sid=two" }, "one" },
		{ { "sid=\"abc\"" }, "\"abc\"" },
		{ { "sid=a=b=" }, "a=b=" },
		{ { "sid=a b" }, "a b" },
		{ { ";;; sid=abc" }, "abc" },
		{ { "xsid=no; sid2=no; sid=abc" }, "abc" },
		{ { "a=sid=no; sid=abc" }, "abc" },
		{ { "sid; sid=abc" }, "abc" },
		{ { "SID=no" }, NULL },
		{ { "xsid=no" }, NULL },
		{ { "sid2=no" }, NULL },
		{ { "a=1, sid=no" }, NULL },
		{ { "sid" }, NULL },
		{ { "sid=" }, NULL },
		{ { "sid= ; a=1" }, NULL },
		{ { "sid=; sid=abc" }, NULL },
		{ { "" }, NULL },
		{ { ";" }, NULL },
		{ { NULL }, NULL },
	};
	const struct key_source sources[] = { { KEY_SOURCE_COOKIE, "sid" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request_begin();
		add_field("X-Cookie", "sid=no");
		for (size_t j = 0; j < 2 && rows[i].fields[j] != NULL; j++)
			add_field("Cookie", rows[i].fields[j]);
		if (rows[i].key != NULL)
			assert_key(identify(sources, 1), COHORT_SOURCE_COOKIE, rows[i].key);
		else
			assert_key(identify(sources, 1), COHORT_SOURCE_NONE, "");
	}
}

static void a_user_without_a_key_is_issued_one_where_the_route_says_so(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "X-User-Id" },
		{ KEY_SOURCE_ISSUE, "weir_id" }, { KEY_SOURCE_ADDRESS, NULL } };
	struct cohort_identity identity;

	(void)state;
	request_begin();
	identity = identify(sources, 3);
	assert_key(identity, COHORT_SOURCE_NEW, "");
	assert_true(slice_equal(identity.issue, SLICE("weir_id")));
	add_field("Cookie", "weir_id=AAAAAAAAAAAAAAAAAAAAAA");
	identity = identify(sources, 3);
	assert_key(identity, COHORT_SOURCE_ISSUED, "AAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(identity.issue.len, 0);
	add_field("X-User-Id", "42");
	assert_key(identify(sources, 3), COHORT_SOURCE_HEADER, "42");
}

static void a_key_longer_than_the_cap_counts_as_absent(void **state)
{
	const struct key_source sources[] = { { KEY_SOURCE_HEADER, "X-User-Id" },
		{ KEY_SOURCE_ADDRESS, NULL } };
	char key[COHORT_KEY_MAX + 2];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[COHORT_KEY_MAX] = '\0';
	request_begin();
	add_field("X-User-Id", key);
	assert_key(identify(sources, 2), COHORT_SOURCE_HEADER, key);
	key[COHORT_KEY_MAX] = 'k';
	key[COHORT_KEY_MAX + 1] = '\0';
	request_begin();
	add_field("X-User-Id", key);
	assert_key(identify(sources, 2), COHORT_SOURCE_ADDRESS, "203.0.113.7");
}

static void an_issued_id_is_its_random_bits_in_base64url(void **state)
{
	uint8_t random[16] = { 0 };
	char text[COHORT_ID_SIZE];

	(void)state;
	cohort_issue(random, text);
	assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAA");
	memset(random, 0xff, sizeof(random));
	cohort_issue(random, text);
	assert_string_equal(text, "_____________________w");
	for (uint8_t i = 0; i < 16; i++)
		random[i] = (uint8_t)(i * 17 + 3);
	cohort_issue(random, text);
	assert_string_equal(text, "AxQlNkdYaXqLnK2-z-DxAg");
}

enum {
	USERS = 100000
};

static uint32_t *buckets_of_users(const char *salt)
{
	struct cohort *cohort = cohort_of(salt, NULL, 0);
	uint32_t *buckets = malloc(USERS * sizeof(*buckets));

	assert_non_null(buckets);
	for (int i = 0; i < USERS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "user-%d", i);
		buckets[i] = bucket_of(cohort, key);
		assert_true(buckets[i] < PPM);
	}
	cohort_free(cohort);
	return buckets;
}

static void the_canarys_share_of_users_is_the_weight(void **state)
{
	static const double weights[] = { 0.01, 0.05, 0.1, 0.5 };
	uint32_t *buckets = buckets_of_users("shop");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		double w = weights[i];
		int n_canary = 0;

		for (int user = 0; user < USERS; user++)
			n_canary += buckets[user] < w * PPM;
		assert_true(fabs(n_canary - w * USERS) <= 3 * sqrt(w * (1 - w) * USERS));
	}
	free(buckets);
}

/* How many users both have in the lowest tenth of their buckets. */
static int n_shared(const uint32_t *a, const uint32_t *b)
{
	int n = 0;

	for (int user = 0; user < USERS; user++)
		n += a[user] < PPM / 10 && b[user] < PPM / 10;
	return n;
}

static void different_salts_are_independent_and_equal_ones_tie(void **state)
{
	uint32_t *shop = buckets_of_users("shop");
	uint32_t *shop_again = buckets_of_users("shop");
	uint32_t *cart = buckets_of_users("cart");
	uint32_t *shop2 = buckets_of_users("shop2");
	double expected = USERS * 0.01;
	double error = sqrt(expected * 0.99);

	(void)state;
	assert_memory_equal(shop, shop_again, USERS * sizeof(*shop));
	assert_true(fabs(n_shared(shop, cart) - expected) <= 3 * error);
	assert_true(fabs(n_shared(shop, shop2) - expected) <= 3 * error);
	assert_true(fabs(n_shared(cart, shop2) - expected) <= 3 * error);
	free(shop);
	free(shop_again);
	free(cart);
	free(shop2);
}

/* The epoch map takes the low 16 bits: canary users must fall all over it. */
static void the_low_bits_of_the_unit_are_independent_of_its_bucket(void **state)
{
	struct cohort *cohort = cohort_of("shop", NULL, 0);
	int n_canary = 0;
	int n_low = 0;

	(void)state;
	for (int i = 0; i < USERS; i++) {
		char key[32];
		struct cohort_identity identity;

		snprintf(key, sizeof(key), "user-%d", i);
		cohort_assign(cohort, COHORT_SOURCE_HEADER, slice_of(key), &identity);
		if (identity.bucket < PPM / 10) {
			n_canary++;
			n_low += (identity.unit_hash & 0xffff) < 0x8000;
		}
	}
	cohort_free(cohort);
	assert_true(fabs(n_low - n_canary * 0.5) <= 3 * sqrt(n_canary * 0.25));
}

static void more_sources_than_the_cap_are_refused(void **state)
{
	struct key_source sources[KEY_SOURCES_MAX + 1] = { { KEY_SOURCE_ADDRESS, NULL } };
	struct error err = { "" };

	(void)state;
	assert_null(cohort_new("shop", sources, KEY_SOURCES_MAX + 1, &err));
	assert_non_null(strstr(err.text, "key sources"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_equal_those_computed_independently),
		cmocka_unit_test(a_bucket_is_the_hash_scaled_to_a_million),
		cmocka_unit_test(sources_are_tried_in_their_order),
		cmocka_unit_test(the_key_alone_makes_the_bucket_wherever_it_came_from),
		cmocka_unit_test(the_first_field_of_the_name_is_the_key_unless_empty),
		cmocka_unit_test(a_header_that_weir_knows_can_be_a_key),
		cmocka_unit_test(cookies_are_read_as_browsers_send_them),
		cmocka_unit_test(a_user_without_a_key_is_issued_one_where_the_route_says_so),
		cmocka_unit_test(a_key_longer_than_the_cap_counts_as_absent),
		cmocka_unit_test(an_issued_id_is_its_random_bits_in_base64url),
		cmocka_unit_test(the_canarys_share_of_users_is_the_weight),
		cmocka_unit_test(different_salts_are_independent_and_equal_ones_tie),
		cmocka_unit_test(the_low_bits_of_the_unit_are_independent_of_its_bucket),
		cmocka_unit_test(more_sources_than_the_cap_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

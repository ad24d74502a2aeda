/* The loader on damaged files: whatever the bytes, a config or its problems. */
#include "conf/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUNDS = 4000,
	ROOM = 16 * 1024
};

static bool resolve_nothing(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

/* xorshift64: the same mutations on every machine. */
static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % n;
}

static void replace_byte(char *text, size_t *len, uint64_t *seed)
{
	static const char likely[] = "\0\n\r\t =:;#[]%,!-*./\"09az\x80\xff";

	if (*len > 0)
		text[random_below(seed, *len)] = likely[random_below(seed, sizeof(likely) - 1)];
}

static void remove_range(char *text, size_t *len, uint64_t *seed)
{
	size_t from = random_below(seed, *len + 1);
	size_t n = random_below(seed, 24);

	if (n > *len - from)
		n = *len - from;
	memmove(text + from, text + from + n, *len - from - n);
	*len -= n;
}

/* Copies some bytes of the text to another place in it: whole lines among them. */
static void repeat_range(char *text, size_t *len, uint64_t *seed)
{
	char piece[256];
	size_t n = random_below(seed, sizeof(piece));
	size_t from, to;

	if (n > *len || *len + n > ROOM)
		return;
	from = random_below(seed, *len - n + 1);
	to = random_below(seed, *len + 1);
	memcpy(piece, text + from, n);
	memmove(text + to + n, text + to, *len - to);
	memcpy(text + to, piece, n);
	*len += n;
}

static void mutate(char *text, size_t *len, uint64_t *seed)
{
	uint64_t n = 1 + random_below(seed, 6);

	for (uint64_t i = 0; i < n; i++) {
		switch (random_below(seed, 4)) {
		case 0: remove_range(text, len, seed); break;
		case 1: repeat_range(text, len, seed); break;
		default: replace_byte(text, len, seed); break;
		}
	}
}

static void load(const char *text, size_t len, size_t *accepted)
{
	struct conf_problems problems;
	struct config *config = config_load_text(
	    "mutated.ini", (struct slice) { text, len }, resolve_nothing, &problems);

	assert_true((config == NULL) == (problems.n > 0));
	*accepted += config != NULL;
	config_free(config);
	conf_problems_done(&problems);
}

static void a_damaged_sample_is_read_or_refused_and_nothing_else(void **state)
{
	static char sample[ROOM], text[ROOM];
	uint64_t seed = 0x9e3779b97f4a7c15;
	size_t accepted = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("conf/*.ini", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "rb");
		size_t len;

		assert_non_null(file);
		len = fread(sample, 1, sizeof(sample), file);
		fclose(file);
		assert_true(len > 0 && len < sizeof(sample));
		for (size_t round = 0; round < ROUNDS / files.gl_pathc; round++) {
			size_t text_len = len;

			memcpy(text, sample, len);
			mutate(text, &text_len, &seed);
			load(text, text_len, &accepted);
		}
	}
	globfree(&files);
	/* Many mutations fall into comments, many do not. */
	assert_in_range(accepted, ROUNDS / 100, ROUNDS - ROUNDS / 100);
}

static void a_sample_cut_anywhere_is_read_or_refused(void **state)
{
	static char text[ROOM];
	FILE *file = fopen("conf/careful-rollout.ini", "rb");
	size_t accepted = 0, len;

	(void)state;
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	for (size_t cut = 0; cut < len; cut++)
		load(text, cut, &accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_sample_is_read_or_refused_and_nothing_else),
		cmocka_unit_test(a_sample_cut_anywhere_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/weir-secret-XXXXXX");
	fd = mkstemp(path);
	return fd >= 0 ? close(fd) : -1;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(const char *bytes, size_t len, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct secret secret_of(const void *bytes, size_t len)
{
	struct secret secret = { .len = len };

	memcpy(secret.bytes, bytes, len);
	return secret;
}

static void signatures_are_those_of_rfc_4231(void **state)
{
	/* Section 4, test cases 1, 2, 3 and 6. */
	static unsigned char many[131];
	static char fifty[50];
	struct {
		const void *key;
		size_t key_len;
		struct slice data;
		const char *hex;
	} rows[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		  "\x0b\x0b",
		    20, SLICE("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", 4, SLICE("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ many, 20, { fifty, sizeof(fifty) },
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ many, 131, SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	(void)state;
	memset(many, 0xaa, sizeof(many));
	memset(fifty, 0xdd, sizeof(fifty));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secret secret = secret_of(rows[i].key, rows[i].key_len);
		unsigned char mac[SECRET_MAC_BYTES];
		char hex[2 * SECRET_MAC_BYTES + 1];

		assert_true(secret_sign(&secret, rows[i].data, mac));
		for (size_t b = 0; b < sizeof(mac); b++)
			snprintf(hex + 2 * b, 3, "%02x", mac[b]);
		assert_string_equal(hex, rows[i].hex);
	}
}

static void a_signature_is_written_in_base64url_without_padding(void **state)
{
	struct secret secret = secret_of("Jefe", 4);
	char text[SECRET_MAC_TEXT_SIZE];

	(void)state;
	assert_true(secret_sign_text(&secret, SLICE("what do ya want for nothing?"), text));
	assert_string_equal(text, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
}

static void only_the_whole_signature_of_these_bytes_with_this_key_holds(void **state)
{
	struct secret secret = secret_of("Jefe", 4);
	struct secret other = secret_of("Jeff", 4);
	struct slice bytes = SLICE("what do ya want for nothing?");
	char text[SECRET_MAC_TEXT_SIZE];

	(void)state;
	assert_true(secret_sign_text(&secret, bytes, text));
	assert_true(secret_has_signed(&secret, bytes, slice_of(text)));
	assert_false(secret_has_signed(&other, bytes, slice_of(text)));
	assert_false(secret_has_signed(&secret, SLICE("what"), slice_of(text)));
	assert_false(secret_has_signed(&secret, bytes, (struct slice) { text, 42 }));
	assert_false(secret_has_signed(&secret, bytes, SLICE("")));
	for (size_t i = 0; i < SECRET_MAC_TEXT_SIZE - 1; i++) {
		text[i] ^= 1;
		assert_false(secret_has_signed(&secret, bytes, slice_of(text)));
		text[i] ^= 1;
	}
}

static void a_key_is_all_of_its_file_but_one_line_break(void **state)
{
	static const struct {
		struct slice file;
		size_t len;
	} rows[] = {
		{ { "0123456789abcdef0123456789abcdef", 32 }, 32 },
		{ { "0123456789abcdef0123456789abcdef\n", 33 }, 32 },
		{ { "0123456789abcdef0123456789abcdef\r\n", 34 }, 32 },
		{ { "0123456789abcdef0123456789abcdef\n\n", 34 }, 33 },
		{ { "01234\0006789abcdef0123456789abcdef0", 33 }, 33 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secret secret;
		struct error err = { "" };

		write_file(rows[i].file.data, rows[i].file.len, 0600);
		if (!secret_read(path, &secret, &err))
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(secret.len, rows[i].len);
		assert_memory_equal(secret.bytes, rows[i].file.data, rows[i].len);
	}
}

static void assert_refused(const char *file, const char *word)
{
	struct secret secret = { .len = 7 };
	struct error err = { "" };

	assert_false(secret_read(file, &secret, &err));
	assert_int_equal(secret.len, 0);
	if (strstr(err.text, word) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, word);
}

static void a_key_must_be_long_enough_private_and_a_file(void **state)
{
	char bytes[SECRET_MAX_BYTES + 3];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	write_file(bytes, SECRET_MIN_BYTES - 1, 0600);
	assert_refused(path, "at least 32");
	write_file(bytes, SECRET_MAX_BYTES + 1, 0600);
	assert_refused(path, "more than 1024");
	write_file(bytes, sizeof(bytes), 0600);
	assert_refused(path, "more than 1024");
	write_file(bytes, 64, 0640);
	assert_refused(path, "chmod 600");
	write_file(bytes, 64, 0604);
	assert_refused(path, "chmod 600");
	assert_refused("/tmp", "regular file");
	assert_refused("/nowhere/key", "No such file");
}

static void a_wiped_secret_holds_nothing(void **state)
{
	struct secret secret = secret_of("0123456789", 10);
	struct secret nothing = { 0 };

	(void)state;
	memset(&nothing, 0, sizeof(nothing));
	secret_wipe(&secret);
	assert_memory_equal(&secret, &nothing, sizeof(secret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_rfc_4231),
		cmocka_unit_test(a_signature_is_written_in_base64url_without_padding),
		cmocka_unit_test(only_the_whole_signature_of_these_bytes_with_this_key_holds),
		cmocka_unit_test(a_key_is_all_of_its_file_but_one_line_break),
		cmocka_unit_test(a_key_must_be_long_enough_private_and_a_file),
		cmocka_unit_test(a_wiped_secret_holds_nothing),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}

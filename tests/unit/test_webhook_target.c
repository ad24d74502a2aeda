/* A webhook's settings: which URLs are taken, how bodies are signed, what Retry-After says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/webhook_attempt.h"
#include "admin/webhook_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_target(
    struct webhook_target *target, const char *url, const char *secret_file, struct error *err)
{
	struct webhook_conf conf = {
		.name = (char[]) { "chat" },
		.url = strdup(url),
		.secret_file = secret_file != NULL ? strdup(secret_file) : NULL,
		.timeout_ms = 5000,
	};
	bool ok = webhook_target_init(target, &conf, err);

	free(conf.url);
	free(conf.secret_file);
	return ok;
}

static void an_url_is_taken_apart(void **state)
{
	static const struct {
		const char *url;
		bool tls;
		const char *host;
		uint16_t port;
		const char *authority;
		const char *path;
	} rows[] = {
		{ "http://h", false, "h", 80, "h", "/" },
		{ "HTTPS://h/", true, "h", 443, "h", "/" },
		{ "https://h:443/a/b?c=d&e", true, "h", 443, "h:443", "/a/b?c=d&e" },
		{ "https://h:80/?q", true, "h", 80, "h:80", "/?q" },
		{ "http://10.0.0.1:8080/x", false, "10.0.0.1", 8080, "10.0.0.1:8080", "/x" },
		{ "http://[::1]:8080/", false, "::1", 8080, "[::1]:8080", "/" },
		{ "https://[2001:db8::1]", true, "2001:db8::1", 443, "[2001:db8::1]", "/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct webhook_target target;
		struct error err;

		if (!read_target(&target, rows[i].url, NULL, &err))
			fail_msg("%s: %s", rows[i].url, err.text);
		assert_int_equal(target.tls, rows[i].tls);
		assert_string_equal(target.host, rows[i].host);
		assert_int_equal(target.port, rows[i].port);
		assert_string_equal(target.authority, rows[i].authority);
		assert_string_equal(target.request_path, rows[i].path);
		assert_int_equal(target.attempts, 1);
		webhook_target_done(&target);
	}
}

static void an_url_that_cannot_be_posted_to_is_refused(void **state)
{
	static const char *const urls[] = { "ftp://h/", "http://", "https://me:you@h/",
		"https://h/#part", "https://h:0/", "https://h/a b", "https://h/\r\nX: y",
		"https://h\r\n/", "" };
	struct webhook_target target;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		if (read_target(&target, urls[i], NULL, &err))
			fail_msg("taken: %s", urls[i]);
		assert_memory_equal(err.text, "webhook 'chat': url: ", 21);
	}
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* RFC 4231 4.3, test case 2. */
static void a_body_is_signed_with_the_file_s_content(void **state)
{
	static const char body[] = "what do ya want for nothing?";
	static const char *const contents[] = { "Jefe", "Jefe\n", "Jefe\r\n" };
	char path[] = "/tmp/weir-secret-XXXXXX";
	char signature[WEBHOOK_SIGNATURE_SIZE];
	struct webhook_target target;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < 3; i++) {
		write_bytes(path, contents[i], strlen(contents[i]));
		assert_true(read_target(&target, "http://h", path, NULL));
		assert_true(webhook_target_sign(&target, body, strlen(body), signature));
		assert_string_equal(signature, "sha256=5bdcc146bf60754e6a042426089575c7"
					       "5a003f089d2739839dec58b964ec3843");
		webhook_target_done(&target);
	}
	unlink(path);
}

static void a_secret_file_that_holds_none_is_refused(void **state)
{
	static char large[WEBHOOK_KEY_MAX_BYTES + 1];
	char path[] = "/tmp/weir-secret-XXXXXX";
	struct webhook_target target;
	struct error err;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(read_target(&target, "http://h", path, &err));
	assert_non_null(strstr(err.text, "is empty"));
	write_bytes(path, "\n", 1);
	assert_false(read_target(&target, "http://h", path, &err));
	assert_non_null(strstr(err.text, "is empty"));
	write_bytes(path, large, sizeof(large));
	assert_false(read_target(&target, "http://h", path, &err));
	assert_non_null(strstr(err.text, "longer than 4096 bytes"));
	unlink(path);
	assert_false(read_target(&target, "http://h", path, &err));
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(read_target(&target, "http://h", path, &err));
	assert_non_null(strstr(err.text, "not a regular file"));
	unlink(path);
	assert_non_null(strstr(err.text, "webhook 'chat'"));
}

static uint64_t retry_after_ms(const char *value)
{
	return webhook_retry_after_ms(slice_of(value), 784111777);
}

/* RFC 9110 10.2.3. */
static void retry_after_is_seconds_or_a_date(void **state)
{
	(void)state;
	assert_int_equal(retry_after_ms("120"), 120000);
	assert_int_equal(retry_after_ms("0"), 0);
	assert_int_equal(retry_after_ms("Sun, 06 Nov 1994 08:49:47 GMT"), 10000);
	assert_int_equal(retry_after_ms("Sun, 06 Nov 1994 08:49:27 GMT"), 0);
	assert_int_equal(retry_after_ms("soon"), 0);
	assert_int_equal(retry_after_ms(""), 0);
	assert_int_equal(retry_after_ms("-1"), 0);
	assert_int_equal(retry_after_ms("Sun, 06 Nov 1994 08:49:47 GMT please"), 0);
	assert_int_equal(retry_after_ms("18446744073709551615"), UINT64_C(1000) * UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_url_is_taken_apart),
		cmocka_unit_test(an_url_that_cannot_be_posted_to_is_refused),
		cmocka_unit_test(a_body_is_signed_with_the_file_s_content),
		cmocka_unit_test(a_secret_file_that_holds_none_is_refused),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

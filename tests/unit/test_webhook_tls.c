/* Webhooks with https: nothing is told to a stranger. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/webhook_bench.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A certificate that signs itself, for `host` (as in subjectAltName), kept as ca.pem. */
static void use_certificate(struct bench *bench, const char *names, char ca_file[96])
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *extension;
	FILE *file;

	assert_non_null(pkey);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
	    (const unsigned char *)"the test's own", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, pkey);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(cert, pkey, EVP_sha256()) > 0);
	snprintf(ca_file, 96, "%s/ca.pem", bench->dir);
	file = fopen(ca_file, "w");
	assert_non_null(file);
	PEM_write_X509(file, cert);
	fclose(file);
	SSL_CTX_free(bench->tls);
	bench->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(bench->tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(bench->tls, pkey), 1);
	X509_free(cert);
	EVP_PKEY_free(pkey);
}

static void https_is_verified_and_used(void **state)
{
	struct bench *bench = *state;
	struct webhooks_options options = quick();
	char ca_file[96], host[64];

	use_certificate(bench, "DNS:localhost,IP:127.0.0.1", ca_file);
	options.ca_file = ca_file;
	serve(bench);
	snprintf(bench->url, sizeof(bench->url), "https://127.0.0.1:%u/", bench->port);
	open_hooks(bench, &options);
	tell(bench, "by its address");
	until_delivered(bench, 1);
	snprintf(bench->url, sizeof(bench->url), "https://localhost:%u", bench->port);
	take_over(bench, 1);
	tell(bench, "by its name");
	until_delivered(bench, 2);
	snprintf(host, sizeof(host), "localhost:%u", bench->port);
	assert_string_equal(bench->got[1].host, host);
	assert_string_equal(bench->got[1].target, "/");
	bench->replies[0] =
	    (struct reply) { .status = 200, .body = "{\"allow\": false, \"why\": \"no\"}" };
	assert_true(ask(bench, 1, NULL));
	until_answered(bench, 1);
	assert_true(bench->answered);
	assert_string_equal(bench->words, "no");
}

static void nothing_is_sent_to_a_stranger(struct bench *bench, const char *words)
{
	struct webhooks_options options = quick();
	char ca_file[96];

	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", bench->dir);
	options.ca_file = ca_file;
	snprintf(bench->url, sizeof(bench->url), "https://127.0.0.1:%u/", bench->port);
	serve(bench);
	open_hooks(bench, &options);
	assert_true(ask(bench, 1, NULL));
	until_answered(bench, 1);
	assert_false(bench->allowed);
	if (strstr(bench->words, words) == NULL)
		fail_msg("%s", bench->words);
	assert_int_equal(bench->n_got, 0);
}

static void a_certificate_of_an_unknown_authority_is_refused(void **state)
{
	struct bench *bench = *state;
	char ca_file[96], kept[128];

	use_certificate(bench, "IP:127.0.0.1", ca_file);
	snprintf(kept, sizeof(kept), "%s/kept.pem", bench->dir);
	assert_int_equal(rename(ca_file, kept), 0);
	use_certificate(bench, "IP:127.0.0.1", ca_file);
	assert_int_equal(rename(kept, ca_file), 0);
	nothing_is_sent_to_a_stranger(bench, "no answer: the certificate cannot be trusted: ");
}

static void a_certificate_for_another_host_is_refused(void **state)
{
	struct bench *bench = *state;
	char ca_file[96];

	use_certificate(bench, "DNS:localhost,IP:127.0.0.2", ca_file);
	nothing_is_sent_to_a_stranger(
	    bench, "no answer: the certificate cannot be trusted: IP address mismatch");
}

static void a_server_without_tls_is_no_https_server(void **state)
{
	struct bench *bench = *state;
	char ca_file[96];

	use_certificate(bench, "IP:127.0.0.1", ca_file);
	SSL_CTX_free(bench->tls);
	bench->tls = NULL;
	nothing_is_sent_to_a_stranger(bench, "no answer: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(https_is_verified_and_used),
		T(a_certificate_of_an_unknown_authority_is_refused),
		T(a_certificate_for_another_host_is_refused),
		T(a_server_without_tls_is_no_https_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

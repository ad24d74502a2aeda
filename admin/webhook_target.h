/*
 * Where a webhook's POSTs go, and the key that signs them: its settings, read and
 * checked.
 *
 * Thread     any; immutable once made.
 * Ownership  webhook_target_done() frees it all, and wipes the key.
 * The URL and the key are never logged: chat services put credentials in URLs.
 */
#ifndef ADMIN_WEBHOOK_TARGET_H
#define ADMIN_WEBHOOK_TARGET_H

#include "base/error.h"
#include "conf/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct webhook_target {
	bool tls;
	char *host; /* a name or an IP; no brackets */
	uint16_t port;
	char *authority;    /* for the field Host: "hooks.example.com:8443" */
	char *request_path; /* with the query; "/" at least */
	unsigned char *key; /* NULL: unsigned */
	size_t key_len;
	uint32_t timeout_ms;
	uint32_t attempts;
};

enum {
	WEBHOOK_KEY_MAX_BYTES = WEBHOOK_SECRET_MAX_BYTES,
	WEBHOOK_SIGNATURE_SIZE = 72, /* "sha256=" and 64 digits */
};

/*
 * Reads the URL and the secret file, of which one line end at the end is no part of
 * the key. False: err says why.
 */
__attribute__((warn_unused_result)) bool webhook_target_init(
    struct webhook_target *target, const struct webhook_conf *conf, struct error *err);
void webhook_target_done(struct webhook_target *target);

/*
 * "sha256=" and the HMAC-SHA-256 (RFC 2104) of the body under the key, in lower case
 * hexadecimal. False where there is no key, or OpenSSL fails.
 */
__attribute__((warn_unused_result)) bool webhook_target_sign(
    const struct webhook_target *target, const char *body, size_t len,
    char signature[WEBHOOK_SIGNATURE_SIZE]);

#endif

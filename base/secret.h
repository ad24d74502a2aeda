/*
 * A key that is kept from eyes: read from a file of its own, used to sign and to
 * check, never logged, and wiped when it is given up.
 *
 * Ownership  plain memory; secret_wipe() before it goes away.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/error.h"
#include "base/slice.h"

enum {
	SECRET_MIN_BYTES = 32, /* as long as what HMAC-SHA-256 makes (RFC 2104 3) */
	SECRET_MAX_BYTES = 1024,
	SECRET_MAC_BYTES = 32,
	SECRET_MAC_TEXT_SIZE = 44, /* base64url without padding (RFC 4648 5), and the end */
};

struct secret {
	size_t len; /* 0: there is none */
	unsigned char bytes[SECRET_MAX_BYTES];
};

/*
 * All of the file but one line break at its end. False where it is not a regular
 * file, others than its owner have any access to it, it is shorter than
 * SECRET_MIN_BYTES or longer than SECRET_MAX_BYTES; then *secret holds none.
 */
__attribute__((warn_unused_result)) bool secret_read(
    const char *path, struct secret *secret, struct error *err);

void secret_wipe(struct secret *secret);

/* HMAC-SHA-256 (RFC 2104, RFC 6234) of the bytes. False when out of memory. */
__attribute__((warn_unused_result)) bool secret_sign(
    const struct secret *secret, struct slice bytes, unsigned char mac[SECRET_MAC_BYTES]);

/* The same as text. */
__attribute__((warn_unused_result)) bool secret_sign_text(
    const struct secret *secret, struct slice bytes, char text[SECRET_MAC_TEXT_SIZE]);

/*
 * Whether `text` is what secret_sign_text() makes of the bytes; as long as it has the
 * right length, the time it takes does not tell where it differs.
 */
bool secret_has_signed(const struct secret *secret, struct slice bytes, struct slice text);

#endif

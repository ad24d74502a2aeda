#include "base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_private_file(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		error_set(err, "%s: a key must be in a regular file", path);
		return false;
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		error_set(err,
		    "%s: others than its owner may use this key (mode %04o): chmod 600 it",
		    path, (unsigned)st.st_mode & 07777);
		return false;
	}
	return true;
}

/* One byte more than a key may have tells that it is too long. */
static bool read_all(
    int fd, const char *path, unsigned char *bytes, size_t size, size_t *len, struct error *err)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, bytes + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_set(err, "%s: %s", path, strerror(errno));
			return false;
		}
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return true;
}

/* An editor's, or echo's: no part of the key. */
static size_t without_line_break(const unsigned char *bytes, size_t len)
{
	if (len == 0 || bytes[len - 1] != '\n')
		return len;
	return len > 1 && bytes[len - 2] == '\r' ? len - 2 : len - 1;
}

bool secret_read(const char *path, struct secret *secret, struct error *err)
{
	unsigned char bytes[SECRET_MAX_BYTES + 3];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	bool ok;

	secret->len = 0;
	if (fd < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		return false;
	}
	ok = is_private_file(fd, path, err) &&
	     read_all(fd, path, bytes, sizeof(bytes), &len, err);
	close(fd);
	if (!ok)
		goto done;
	len = without_line_break(bytes, len);
	ok = len >= SECRET_MIN_BYTES && len <= SECRET_MAX_BYTES;
	if (ok) {
		memcpy(secret->bytes, bytes, len);
		secret->len = len;
	} else if (len < SECRET_MIN_BYTES) {
		error_set(err, "%s: a key of %zu bytes; at least %d are needed", path, len,
		    SECRET_MIN_BYTES);
	} else {
		error_set(err, "%s: a key of more than %d bytes", path, SECRET_MAX_BYTES);
	}
done:
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return ok;
}

void secret_wipe(struct secret *secret)
{
	OPENSSL_cleanse(secret, sizeof(*secret));
}

bool secret_sign(
    const struct secret *secret, struct slice bytes, unsigned char mac[SECRET_MAC_BYTES])
{
	unsigned len = 0;

	return HMAC(EVP_sha256(), secret->bytes, (int)secret->len,
		   (const unsigned char *)bytes.data, bytes.len, mac, &len) != NULL &&
	       len == SECRET_MAC_BYTES;
}

bool secret_sign_text(
    const struct secret *secret, struct slice bytes, char text[SECRET_MAC_TEXT_SIZE])
{
	unsigned char mac[SECRET_MAC_BYTES];
	unsigned char padded[SECRET_MAC_TEXT_SIZE + 1];

	if (!secret_sign(secret, bytes, mac))
		return false;
	/* 32 bytes make 43 characters, one '=' and the end. */
	EVP_EncodeBlock(padded, mac, SECRET_MAC_BYTES);
	for (size_t i = 0; i < SECRET_MAC_TEXT_SIZE - 1; i++)
		text[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : (char)padded[i];
	text[SECRET_MAC_TEXT_SIZE - 1] = '\0';
	return true;
}

bool secret_has_signed(const struct secret *secret, struct slice bytes, struct slice text)
{
	char right[SECRET_MAC_TEXT_SIZE];

	return text.len == SECRET_MAC_TEXT_SIZE - 1 && secret_sign_text(secret, bytes, right) &&
	       CRYPTO_memcmp(right, text.data, text.len) == 0;
}

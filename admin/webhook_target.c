#include "admin/webhook_target.h"

#include "conf/url.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SHA256_BYTES = 32
};

static char *copy(struct slice text)
{
	return strndup(text.data, text.len);
}

static bool read_url(
    struct webhook_target *target, const struct webhook_conf *conf, struct error *err)
{
	struct error reason;
	struct url url;

	if (!url_parse(slice_of(conf->url), &url, &reason)) {
		error_set(err, "webhook '%s': url: %.400s", conf->name, reason.text);
		return false;
	}
	target->tls = url.tls;
	target->port = url.port;
	target->host = copy(url.host);
	target->authority = copy(url.authority);
	target->request_path = copy(url.target);
	if (target->host != NULL && target->authority != NULL && target->request_path != NULL)
		return true;
	error_set(err, "out of memory");
	return false;
}

/* The file's bytes, up to one more than the cap; -1 with errno. */
static ssize_t read_bytes(const char *path, unsigned char *bytes, size_t size)
{
	/* A pipe must not hold up whoever reads it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 1;
	struct stat file;

	if (fd < 0)
		return -1;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	while (len < size && n > 0) {
		n = read(fd, bytes + len, size - len);
		len += n > 0 ? (size_t)n : 0;
		if (n < 0 && errno == EINTR)
			n = 1;
	}
	close(fd);
	return n < 0 ? -1 : (ssize_t)len;
}

static bool read_key(
    struct webhook_target *target, const struct webhook_conf *conf, struct error *err)
{
	unsigned char *bytes = malloc(WEBHOOK_KEY_MAX_BYTES + 1);
	ssize_t n = bytes != NULL
			? read_bytes(conf->secret_file, bytes, WEBHOOK_KEY_MAX_BYTES + 1)
			: -1;

	target->key = bytes;
	if (n < 0) {
		error_set(err, "webhook '%s': secret_file %s: %s", conf->name,
		    conf->secret_file,
		    errno == EINVAL ? "not a regular file" : strerror(errno));
		return false;
	}
	target->key_len = (size_t)n;
	if (n > WEBHOOK_KEY_MAX_BYTES) {
		error_set(err, "webhook '%s': secret_file %s is longer than %d bytes",
		    conf->name, conf->secret_file, WEBHOOK_KEY_MAX_BYTES);
		return false;
	}
	if (n > 0 && bytes[n - 1] == '\n')
		target->key_len -= n > 1 && bytes[n - 2] == '\r' ? 2 : 1;
	if (target->key_len > 0)
		return true;
	error_set(err, "webhook '%s': secret_file %s is empty", conf->name, conf->secret_file);
	return false;
}

bool webhook_target_init(
    struct webhook_target *target, const struct webhook_conf *conf, struct error *err)
{
	*target = (struct webhook_target) {
		.timeout_ms = conf->timeout_ms,
		.attempts = conf->attempts > 0 ? conf->attempts : 1,
	};
	if (read_url(target, conf, err) &&
	    (conf->secret_file == NULL || read_key(target, conf, err)))
		return true;
	webhook_target_done(target);
	return false;
}

void webhook_target_done(struct webhook_target *target)
{
	if (target->key != NULL)
		OPENSSL_cleanse(target->key, WEBHOOK_KEY_MAX_BYTES + 1);
	free(target->key);
	free(target->host);
	free(target->authority);
	free(target->request_path);
	*target = (struct webhook_target) { 0 };
}

bool webhook_target_sign(const struct webhook_target *target, const char *body, size_t len,
    char signature[WEBHOOK_SIGNATURE_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	size_t at;

	if (target->key == NULL ||
	    HMAC(EVP_sha256(), target->key, (int)target->key_len, (const unsigned char *)body,
		len, digest, &digest_len) == NULL)
		return false;
	at = (size_t)snprintf(signature, WEBHOOK_SIGNATURE_SIZE, "sha256=");
	for (unsigned i = 0; i < digest_len && i < SHA256_BYTES; i++)
		at += (size_t)snprintf(
		    signature + at, WEBHOOK_SIGNATURE_SIZE - at, "%02x", digest[i]);
	return true;
}

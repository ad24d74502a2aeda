#include "conf/secret_files.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that a key names. */
struct named_file {
	const char *key;
	const char *path;
	uint32_t line;
};

/* Below 0 where it cannot be opened, which has then been told. */
static int open_file(
    const struct named_file *file, enum conf_purpose purpose, struct problems *problems)
{
	/* A pipe must not hold up whoever reads it. */
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && purpose == CONF_TO_CHECK)
		problems_warn(problems, file->line,
		    "%s: %s cannot be read here (%s): weir does not start without it",
		    file->key, file->path, strerror(errno));
	else if (fd < 0)
		problems_add(
		    problems, file->line, "%s: %s: %s", file->key, file->path, strerror(errno));
	return fd;
}

static void check_token_key(
    const struct named_file *file, enum conf_purpose purpose, struct problems *problems)
{
	int fd = open_file(file, purpose, problems);
	struct secret secret;
	struct error err;

	if (fd < 0)
		return;
	close(fd);
	if (!secret_read(file->path, &secret, &err))
		problems_add(problems, file->line, "%s: %s", file->key, err.text);
	secret_wipe(&secret);
}

/* Nothing but the end of a line: what `echo "$UNSET"` writes. */
static bool is_blank(int fd, off_t size)
{
	char head[2] = "";

	return size == 0 || (size <= 2 && read(fd, head, 2) == size && head[size - 1] == '\n' &&
				(size == 1 || head[0] == '\r'));
}

static void check_open_webhook_secret(
    int fd, const struct named_file *file, struct problems *problems)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		problems_add(
		    problems, file->line, "%s: %s: %s", file->key, file->path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		problems_add(problems, file->line, "%s: %s is not a regular file", file->key,
		    file->path);
	else if (is_blank(fd, st.st_size))
		problems_add(problems, file->line, "%s: %s is empty", file->key, file->path);
	else if (st.st_size > WEBHOOK_SECRET_MAX_BYTES)
		problems_add(problems, file->line, "%s: %s is longer than %d bytes", file->key,
		    file->path, WEBHOOK_SECRET_MAX_BYTES);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		problems_warn(problems, file->line,
		    "%s: %s: others than its owner may use this key (mode %04o): chmod 600 it",
		    file->key, file->path, (unsigned)st.st_mode & 07777);
}

static void check_webhook_secret(
    const struct named_file *file, enum conf_purpose purpose, struct problems *problems)
{
	int fd = open_file(file, purpose, problems);

	if (fd < 0)
		return;
	check_open_webhook_secret(fd, file, problems);
	close(fd);
}

void secret_files_check(
    const struct config *config, enum conf_purpose purpose, struct problems *problems)
{
	const struct weir_conf *weir = &config->weir;

	if (weir->token_key_file != NULL)
		check_token_key(&(struct named_file) { "token_key_file", weir->token_key_file,
				    weir->token_key_place.line },
		    purpose, problems);
	for (size_t i = 0; i < config->n_webhooks; i++) {
		const struct webhook_conf *webhook = &config->webhooks[i];

		if (webhook->secret_file != NULL)
			check_webhook_secret(
			    &(struct named_file) { "secret_file", webhook->secret_file,
				webhook->secret_place.line },
			    purpose, problems);
	}
}

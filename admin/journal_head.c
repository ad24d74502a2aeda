#include "admin/journal_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char journal_head_name[] = "journal.head";

/* The text, and "\n" in place of its '\0'. */
enum {
	LINE_SIZE = JOURNAL_HEAD_TEXT_SIZE
};

static int open_head(const char *state_dir, int flags)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", state_dir, journal_head_name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

static bool parse_hash(const char *text, unsigned char hash[JOURNAL_HASH_SIZE])
{
	if (strspn(text, "0123456789abcdef") != JOURNAL_HASH_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < JOURNAL_HASH_SIZE; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		hash[i] = (unsigned char)byte;
	}
	return true;
}

void journal_head_format(const struct journal_head *head, char text[JOURNAL_HEAD_TEXT_SIZE])
{
	char hash[JOURNAL_HASH_TEXT_SIZE];

	journal_hash_format(head->hash, hash);
	snprintf(text, JOURNAL_HEAD_TEXT_SIZE, "%020" PRId64 " %s", head->seq, hash);
}

bool journal_head_parse(const char *text, struct journal_head *head)
{
	int64_t seq = 0;
	int end = 0;

	*head = (struct journal_head) { .seq = 0 };
	if (sscanf(text, "%20" SCNd64 " %n", &seq, &end) != 1 || end == 0 || seq < 0 ||
	    !parse_hash(text + end, head->hash)) {
		*head = (struct journal_head) { .seq = 0 };
		return false;
	}
	head->seq = seq;
	return true;
}

bool journal_head_read(const char *state_dir, struct journal_head *head, struct error *err)
{
	char line[LINE_SIZE + 1] = "";
	int fd = open_head(state_dir, O_RDONLY);
	ssize_t len;

	*head = (struct journal_head) { .seq = 0 };
	if (fd < 0 && errno == ENOENT)
		return true;
	len = fd >= 0 ? read(fd, line, LINE_SIZE) : -1;
	if (len < 0)
		error_set(err, "cannot read %s/%s: %s", state_dir, journal_head_name,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	if (len < 0)
		return false;
	/* A kill came between its making and its first line. */
	if (len == 0)
		return true;
	if (journal_head_parse(line, head))
		return true;
	error_set(err, "%s/%s is damaged: it holds no row's number and hash", state_dir,
	    journal_head_name);
	return false;
}

bool journal_head_write(
    const char *state_dir, const struct journal_head *head, struct error *err)
{
	char line[LINE_SIZE];
	int fd = open_head(state_dir, O_WRONLY | O_CREAT);
	bool ok;

	journal_head_format(head, line);
	line[LINE_SIZE - 1] = '\n';
	ok = fd >= 0 && pwrite(fd, line, LINE_SIZE, 0) == LINE_SIZE && fdatasync(fd) == 0;
	if (!ok)
		error_set(err, "cannot write %s/%s: %s", state_dir, journal_head_name,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

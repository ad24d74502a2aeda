#include "admin/store_import.h"

#include "admin/store_rows.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char store_import_name[] = "journal.jsonl";

static const char imported_key[] = "imported";

enum {
	LINE_MAX_BYTES = 1 << 20, /* no row is longer */
	IDENTITY_SIZE = 96,
};

struct import {
	struct store_db *db;
	struct latches *latches;
	struct journal_head head;
	unsigned rows;
	unsigned skipped;
};

/* A row that a release was latched with, or cleared by. */
static bool apply_latch(struct import *import, const struct journal_row *row)
{
	const struct latch *latch;

	if (strcmp(row->to.state, "rolled_back") == 0) {
		if (!latches_add(
			import->latches, row->route, row->release, row->time_us, row->reason))
			return false;
	} else if (strcmp(row->action, "resume") == 0) {
		latches_remove(import->latches, row->route, row->release);
	} else {
		return true;
	}
	latch = latches_find(import->latches, row->route, row->release);
	return store_rows_put_latch(import->db, row->route, row->release, latch);
}

static bool import_row(struct import *import, struct journal_row *row)
{
	if (!journal_row_chain(row, &import->head)) {
		store_db_blame(import->db, STORE_FAULT_DISK, "out of memory");
		return false;
	}
	import->rows++;
	return store_rows_append(import->db, row) && apply_latch(import, row);
}

static bool import_line(struct import *import, const char *line, size_t len)
{
	json_t *json = len < LINE_MAX_BYTES ? json_loadb(line, len, 0, NULL) : NULL;
	struct journal_row *row = journal_row_parse(json);
	bool ok = true;

	json_decref(json);
	if (row == NULL)
		import->skipped++;
	else
		ok = import_row(import, row);
	journal_row_free(row);
	return ok;
}

static bool import_lines(struct import *import, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	bool ok = true;

	while (ok && (len = getline(&line, &size, file)) > 0)
		ok = import_line(import, line, (size_t)len);
	free(line);
	if (ok && ferror(file)) {
		store_db_blame(import->db, STORE_FAULT_DISK, "it could not be read to its end");
		ok = false;
	}
	return ok;
}

static bool import_all(struct import *import, FILE *file, const char *identity)
{
	if (!store_db_begin(import->db, true))
		return false;
	if (import_lines(import, file) &&
	    store_rows_set_meta(import->db, imported_key, identity) &&
	    store_db_commit(import->db))
		return true;
	store_db_rollback(import->db);
	return false;
}

/* NULL with errno ENOENT: there is none. */
static FILE *open_file(const char *path, char identity[IDENTITY_SIZE], struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat there;
	FILE *file = NULL;

	if (fd < 0 || fstat(fd, &there) < 0)
		error_set(err, "cannot read %s: %s", path, strerror(errno));
	else if (!S_ISREG(there.st_mode))
		error_set(err, "%s is not a regular file", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		error_set(err, "an older weir is still writing %s", path);
	else
		file = fdopen(fd, "r");
	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	snprintf(identity, IDENTITY_SIZE, "%ju:%ju:%jd", (uintmax_t)there.st_dev,
	    (uintmax_t)there.st_ino, (intmax_t)there.st_size);
	return file;
}

static bool set_aside(const char *path, struct error *err)
{
	char to[PATH_MAX + 16];

	snprintf(to, sizeof(to), "%s.imported", path);
	if (rename(path, to) == 0)
		return true;
	error_set(err, "cannot rename %s: %s", path, strerror(errno));
	return false;
}

bool store_import(struct store_db *db, const char *state_dir, struct latches *latches,
    struct journal_head *head, struct error *err)
{
	struct import import = { .db = db, .latches = latches, .head = *head };
	char path[PATH_MAX], identity[IDENTITY_SIZE], known[IDENTITY_SIZE];
	struct error why;
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", state_dir, store_import_name);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	file = open_file(path, identity, err);
	if (file == NULL)
		return false;
	ok = store_rows_meta(db, imported_key, known, sizeof(known));
	if (ok && strcmp(known, identity) != 0) {
		ok = import_all(&import, file, identity);
		if (ok) {
			*head = import.head;
			log_info("imported %s: %u decisions, %u lines skipped that are none",
			    path, import.rows, import.skipped);
		}
	}
	fclose(file);
	if (ok)
		return set_aside(path, err);
	(void)store_db_fault(db, &why);
	error_set(err, "cannot import %s: %.300s", path, why.text);
	return false;
}

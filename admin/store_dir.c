#include "admin/store_dir.h"

#include "admin/store_db.h"
#include "admin/store_import.h"
#include "base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* The weir before this one locked its journal, not the directory. */
static bool older_weir_has_it(const char *state_dir)
{
	char path[PATH_MAX];
	int fd;
	bool locked;

	snprintf(path, sizeof(path), "%s/%s", state_dir, store_import_name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

bool store_dir_lock(const char *state_dir, int *fd, struct error *err)
{
	struct error why;
	bool busy;

	*fd = -1;
	if (!directory_make(state_dir, &why)) {
		error_set(err, "state_dir %s: %.400s", state_dir, why.text);
		return false;
	}
	*fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return true;
	busy = older_weir_has_it(state_dir);
	if (!busy && flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	busy = busy || errno == EWOULDBLOCK;
	close(*fd);
	*fd = -1;
	if (busy)
		error_set(err, "state_dir %s: another weir uses it", state_dir);
	return !busy;
}

bool store_dir_mend(const char *state_dir, int *fd, struct error *err)
{
	int now;

	/* Without a lock there is nothing to compare with: it is used as it is. */
	if (*fd < 0 || directory_still_has(state_dir, *fd))
		return true;
	if (!store_dir_lock(state_dir, &now, err))
		return false;
	close(*fd);
	*fd = now;
	return true;
}

static size_t count_damaged(const char *state_dir)
{
	static const char prefix[] = ".damaged-";
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;
	size_t n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *at = strstr(entry->d_name, prefix);

		/* Not its -wal and -shm. */
		if (at != NULL && strchr(at + strlen(prefix), '-') == NULL)
			n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* A file that is not there is as good as moved. */
static bool move(const char *state_dir, const char *name, const char *suffix,
    const char *to_name, struct error *err)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof(from), "%s/%s%s", state_dir, name, suffix);
	snprintf(to, sizeof(to), "%s/%s%s", state_dir, to_name, suffix);
	if (rename(from, to) == 0 || errno == ENOENT)
		return true;
	error_set(err, "cannot rename %s: %s", from, strerror(errno));
	return false;
}

static bool is_there(const char *state_dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return access(path, F_OK) == 0;
}

static void name_it(const char *state_dir, uint64_t wall_us, char name[STORE_DAMAGED_NAME_SIZE])
{
	time_t seconds = (time_t)(wall_us / 1000000);

	/* Another in the same second is named after the next. */
	do {
		struct tm utc;
		char time[32];

		gmtime_r(&seconds, &utc);
		strftime(time, sizeof(time), "%Y%m%dT%H%M%SZ", &utc);
		snprintf(name, STORE_DAMAGED_NAME_SIZE, "%s.damaged-%s", store_db_name, time);
		seconds++;
	} while (is_there(state_dir, name));
}

bool store_dir_set_aside(const char *state_dir, uint64_t wall_us,
    char name[STORE_DAMAGED_NAME_SIZE], struct error *err)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };

	if (count_damaged(state_dir) >= STORE_DAMAGED_MAX) {
		error_set(err,
		    "there are %d damaged databases in %s already: look at the disk, then "
		    "remove them",
		    STORE_DAMAGED_MAX, state_dir);
		return false;
	}
	name_it(state_dir, wall_us, name);
	/* The database itself last: what goes before it is found with it. */
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (!move(state_dir, store_db_name, suffixes[i], name, err))
			return false;
	}
	return true;
}

#include "base/directory.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool make_one(const char *path)
{
	struct stat there;

	if (mkdir(path, 0700) == 0)
		return true;
	return errno == EEXIST && stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

bool directory_make(const char *directory, struct error *err)
{
	char path[PATH_MAX];
	size_t len = strlen(directory);

	if (len == 0 || len >= sizeof(path)) {
		error_set(err, "the path is empty or longer than %zu bytes", sizeof(path) - 1);
		return false;
	}
	memcpy(path, directory, len + 1);
	for (char *at = path; path[0] != '/' && (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		if (!make_one(path))
			goto error;
		*at = '/';
	}
	if (make_one(path))
		return true;
error:
	error_set(err, "cannot create %s: %s", path, strerror(errno));
	return false;
}

bool directory_make_for(const char *file, struct error *err)
{
	char path[PATH_MAX];
	const char *slash = strrchr(file, '/');
	size_t len = slash != NULL ? (size_t)(slash - file) : 0;

	if (len == 0)
		return true; /* the root, or the working directory */
	if (len >= sizeof(path)) {
		error_set(err, "the path is longer than %zu bytes", sizeof(path) - 1);
		return false;
	}
	memcpy(path, file, len);
	path[len] = '\0';
	return directory_make(path, err);
}

char *directory_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash != NULL && path[0] != '/' ? (size_t)(slash - file) + 1 : 0;
	size_t size = strlen(path) + 1;
	char *joined = malloc(len + size);

	if (joined == NULL)
		return NULL;
	memcpy(joined, file, len);
	memcpy(joined + len, path, size);
	return joined;
}

bool directory_still_has(const char *path, int fd)
{
	struct stat named, open;

	return stat(path, &named) == 0 && fstat(fd, &open) == 0 &&
	       named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

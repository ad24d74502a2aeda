#include "base/directory.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool directory_make(const char *path, struct error *err)
{
	struct stat there;

	if (mkdir(path, 0700) == 0 ||
	    (errno == EEXIST && stat(path, &there) == 0 && S_ISDIR(there.st_mode)))
		return true;
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

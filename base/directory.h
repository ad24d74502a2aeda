/*
 * Directories that weir keeps its files in.
 */
#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

#include "base/error.h"

#include <stdbool.h>

/*
 * Makes it (0700) where it is not there: the last level of the path, whose parents are
 * for others to set up.
 */
__attribute__((warn_unused_result)) bool directory_make(const char *path, struct error *err);

/* Likewise the directory of a file. */
__attribute__((warn_unused_result)) bool directory_make_for(
    const char *file, struct error *err);

/*
 * A path that a file names, as it is to be opened: a relative one is relative to the
 * directory of that file, wherever weir or a command of its is started. free() it. NULL
 * when out of memory.
 */
__attribute__((warn_unused_result)) char *directory_beside(const char *file, const char *path);

/* Whether the path, of a directory or a file, still names what is open: nobody took it away. */
bool directory_still_has(const char *path, int fd);

#endif

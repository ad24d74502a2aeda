/*
 * Directories that weir keeps its files in.
 */
#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

#include "base/error.h"

#include <stdbool.h>

/*
 * Makes it (0700) where it is not there: the last level of an absolute path, whose
 * parents are the system's to set up; every level of a relative one.
 */
__attribute__((warn_unused_result)) bool directory_make(const char *path, struct error *err);

/* Likewise the directory of a file. */
__attribute__((warn_unused_result)) bool directory_make_for(
    const char *file, struct error *err);

/* Whether the path, of a directory or a file, still names what is open: nobody took it away. */
bool directory_still_has(const char *path, int fd);

#endif

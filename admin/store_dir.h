/*
 * The state directory: one weir has it at a time, and a damaged database is kept there
 * for a person to look at.
 *
 * Thread  any.
 */
#ifndef ADMIN_STORE_DIR_H
#define ADMIN_STORE_DIR_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	STORE_DAMAGED_MAX = 10 /* so many are kept; then a disk has a person's attention */
};

/*
 * Makes the directory where it is not there, and locks it for this process until *fd
 * is closed. False: it cannot be made, or another weir has it. *fd is -1 where it is
 * there but cannot be opened or locked: then nothing in it can be used either.
 */
__attribute__((warn_unused_result)) bool store_dir_lock(
    const char *state_dir, int *fd, struct error *err);

/*
 * Likewise where it was removed, or another has taken its place, since: *fd is of the one
 * that is there now. False: as it was, and err says why.
 */
__attribute__((warn_unused_result)) bool store_dir_mend(
    const char *state_dir, int *fd, struct error *err);

/*
 * Renames the database's files to weir.db.damaged-20261122T100000Z and the like. `name`
 * gets the new one.
 */
enum {
	STORE_DAMAGED_NAME_SIZE = 64
};
__attribute__((warn_unused_result)) bool store_dir_set_aside(const char *state_dir,
    uint64_t wall_us, char name[STORE_DAMAGED_NAME_SIZE], struct error *err);

#endif

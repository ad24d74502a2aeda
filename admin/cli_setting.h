/*
 * One setting of [weir] in a configuration, a path, for the commands that need no more of it.
 * No name is resolved, and nothing else is checked: whatever may be wrong with the rest
 * of the file does not stand in a person's way.
 */
#ifndef ADMIN_CLI_SETTING_H
#define ADMIN_CLI_SETTING_H

#include "base/error.h"
#include "base/slice.h"

/*
 * The value of a key in a configuration's text, or its default. free() it. NULL
 * when out of memory.
 */
__attribute__((warn_unused_result)) char *cli_setting_in(struct slice text, const char *key);

/* The same of a file, as the path is seen from here; NULL: it cannot be read, err says why. */
__attribute__((warn_unused_result)) char *cli_setting_of(
    const char *path, const char *key, struct error *err);

/* What it is unless set. */
const char *cli_setting_default(const char *key);

#endif

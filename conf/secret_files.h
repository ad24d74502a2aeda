/*
 * The files that a configuration names for its keys: what weir would stumble over when
 * it starts is told before.
 */
#ifndef CONF_SECRET_FILES_H
#define CONF_SECRET_FILES_H

#include "conf/config.h"
#include "conf/problems.h"

/*
 * Adds a problem where a key cannot be used: the tokens' where secret_read() refuses it, a
 * webhook's where it is not a regular file of 1 to WEBHOOK_SECRET_MAX_BYTES. Where it
 * cannot even be opened that is a warning, if the purpose is CONF_TO_CHECK. Warns of a
 * webhook's that is not its owner's alone.
 */
void secret_files_check(
    const struct config *config, enum conf_purpose purpose, struct problems *problems);

#endif

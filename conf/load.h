/*
 * From a text to a checked config. config_load() of conf/config.h reads a file, those
 * that it names, and the system's resolver; this reads none, for tests and fuzzing.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/slice.h"
#include "conf/config.h"
#include "conf/resolve.h"

/* The largest file: room for ten thousand routes. */
enum {
	CONFIG_MAX_BYTES = 4 * 1024 * 1024
};

/* As config_load(): path is where problems are said to be, and where relative paths begin. */
__attribute__((warn_unused_result)) struct config *config_load_text(
    const char *path, struct slice text, resolve_fn *resolve, struct conf_problems *problems);

#endif

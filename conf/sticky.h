/*
 * Where a cohort key is looked for: "header:X-User-Id, cookie:sid, issue:weir_id".
 *
 * Ownership  each source's name is the caller's to free(), also of those that
 *            were read before an error.
 */
#ifndef CONF_STICKY_H
#define CONF_STICKY_H

#include "base/slice.h"
#include "conf/config.h"

/* In the order written, at most KEY_SOURCES_MAX, none twice, `issue` only last. */
__attribute__((warn_unused_result)) bool sticky_parse(struct slice text,
    struct key_source sources[KEY_SOURCES_MAX], size_t *n, struct error *err);

#endif

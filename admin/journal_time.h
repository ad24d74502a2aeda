/*
 * Times as people write them for the journal: RFC 3339, or how long ago.
 */
#ifndef ADMIN_JOURNAL_TIME_H
#define ADMIN_JOURNAL_TIME_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3339 ("2026-11-22T10:00:00.250Z", "2026-11-22T11:00:00+01:00") in us since 1970. */
__attribute__((warn_unused_result)) bool journal_time_parse(
    const char *text, uint64_t *wall_us);

/* The same, or "90s", "15m", "2h", "7d" before now. */
__attribute__((warn_unused_result)) bool journal_time_parse_or_ago(
    const char *text, uint64_t now_us, uint64_t *wall_us, struct error *err);

#endif

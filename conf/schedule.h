/*
 * When something may happen: windows of the week, in local time.
 *
 * Ownership  a plain struct.
 */
#ifndef CONF_SCHEDULE_H
#define CONF_SCHEDULE_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCHEDULE_WINDOWS_MAX = 16
};

struct schedule_window {
	uint8_t days;         /* bit 0: Sunday, as struct tm's tm_wday */
	uint16_t from_minute; /* of the day, 0..1439 */
	uint16_t to_minute;   /* exclusive, up to 1440; not after from: it ends the next day */
};

struct schedule {
	struct schedule_window windows[SCHEDULE_WINDOWS_MAX];
	size_t n; /* 0: always */
};

/*
 * Adds "mon-fri 09:00-16:00, sat 10:00-12:00". Days alone are whole days, times alone
 * are every day's; fri-mon goes on over the end of the week. False: err says why.
 */
__attribute__((warn_unused_result)) bool schedule_add(
    struct schedule *schedule, struct slice text, struct error *err);

/* weekday 0: Sunday; minute of that day, both in local time. */
bool schedule_contains(const struct schedule *schedule, unsigned weekday, unsigned minute);

#endif

#include "admin/instant.h"

#include "base/clock.h"

#include <time.h>

void instant_read(struct instant *now)
{
	struct tm local = { .tm_wday = 0 };
	time_t seconds;

	now->clock.now_us = clock_monotonic_us();
	now->wall_us = clock_wall_us();
	seconds = (time_t)(now->wall_us / 1000000);
	localtime_r(&seconds, &local);
	now->clock.wall_s = seconds;
	now->clock.weekday = (unsigned)local.tm_wday;
	now->clock.minute = (unsigned)(local.tm_hour * 60 + local.tm_min);
}

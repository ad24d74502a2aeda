/*
 * The clocks. Only the edges of the program read them (worker, control, main);
 * everything below takes time as an argument.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since some fixed instant; never goes back. */
uint64_t clock_monotonic_us(void);

/* Microseconds since 1970, for people to read; may jump. */
uint64_t clock_wall_us(void);

/* RFC 3339 in UTC with milliseconds, as in 2026-11-22T10:00:00.000Z. */
enum {
	CLOCK_TEXT_SIZE = 32
};
void clock_format(uint64_t wall_us, char text[CLOCK_TEXT_SIZE]);

#endif

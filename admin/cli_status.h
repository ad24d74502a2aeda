/*
 * The answer of /status as a table for a person, at most 100 columns wide.
 *
 *     ROUTE  RELEASE       STATE        STAGE   WEIGHT  ARM     REQUESTS   FAILED     P50 P99
 *     shop   2026-11-22.1  running        2/5       5%  legacy    120345 12   3.2ms   9.1ms
 *                                                       canary      6334 1   3.3ms   9.9ms
 *       CONTINUE, E 0.52 (rolls back at 100): the stage has lasted 12 s of 1800 s; canary...
 */
#ifndef ADMIN_CLI_STATUS_H
#define ADMIN_CLI_STATUS_H

#include <jansson.h>
#include <stdio.h>

/* What the answer lacks is shown as "-"; control characters as "?". */
void cli_status_print(const json_t *status, FILE *out);

/* "0.42ms", "3.2ms", "250ms", "1.5s". */
enum {
	CLI_CELL_SIZE = 32
};
void cli_format_ms(double ms, char text[CLI_CELL_SIZE]);

/* All digits where they fit, else "123.4M". */
void cli_format_count(double n, char text[CLI_CELL_SIZE]);

/* "2 d 3 h", "4 min 5 s": the two largest units. */
void cli_format_age(double seconds, char text[CLI_CELL_SIZE]);

#endif

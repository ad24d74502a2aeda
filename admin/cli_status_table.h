/*
 * The answer of /status as a table for a person, at most 100 columns wide.
 *
 *     ROUTE  RELEASE       STATE        STAGE   WEIGHT  ARM     REQUESTS   FAILED       E
 * BUDGET shop   2026-11-22.1  running        2/5       5%  legacy    120345   <0.01% 98% alice
 * canary      6334    0.02%     <1%     97% waits for time: 29 min 48 s of its 30 min are left
 *
 * FAILED is a share of the requests, E how far the evidence has come on its way to a
 * rollback, BUDGET what is left of it. The owner stands below the release.
 */
#ifndef ADMIN_CLI_STATUS_TABLE_H
#define ADMIN_CLI_STATUS_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* What the answer lacks is shown as "-"; control characters as "?". */
void cli_status_table_print(const json_t *status, FILE *out);

/* Its first lines: of the daemon, and what is wrong with its store or webhooks. */
void cli_status_daemon_print(const json_t *status, FILE *out);

/* Where time is what a route waits for: ", 29 min 48 s are left" behind the words. */
void cli_status_add_time_left(const json_t *route, char *words, size_t size);

/* "0.02%" of a share of failed requests, or "-". */
void cli_status_failed(const json_t *arm, char *text);

#endif

/*
 * One route of /status in full, for a person: what it is, what it waits for, what the
 * evidence is made of, which paths are worst, what it has cost.
 */
#ifndef ADMIN_CLI_STATUS_ROUTE_H
#define ADMIN_CLI_STATUS_ROUTE_H

#include <jansson.h>
#include <stdio.h>

/* status: the whole answer; route: one of its routes. */
void cli_status_route_print(const json_t *status, const json_t *route, FILE *out);

#endif

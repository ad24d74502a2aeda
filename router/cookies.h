/*
 * The cookies of a request: name=value pairs between semicolons, in all its Cookie
 * fields (RFC 6265 4.2, 5.4). Names are case-sensitive; quotes are part of the value,
 * as they are for a browser.
 */
#ifndef ROUTER_COOKIES_H
#define ROUTER_COOKIES_H

#include "base/arena.h"
#include "base/message.h"

/* The value of the first cookie of that name, which may be empty. False: there is none. */
bool cookies_find(const struct message *request, struct slice name, struct slice *value);

/*
 * Takes every cookie of that name out; a field left without any is marked as dropped.
 * Values that have to be written anew are in the arena. False where that is full.
 */
__attribute__((warn_unused_result)) bool cookies_remove(
    struct message *request, struct slice name, struct arena *arena);

#endif

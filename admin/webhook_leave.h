/*
 * What a webhook's answer to a gate's question means. Leave is given in so many words
 * or not at all: a page that says 200 to everything gives none.
 */
#ifndef ADMIN_WEBHOOK_LEAVE_H
#define ADMIN_WEBHOOK_LEAVE_H

#include "base/slice.h"

#include <stddef.h>

enum webhook_leave {
	LEAVE_GIVEN,   /* 2xx: no body, "ok", or a JSON object without "allow": false */
	LEAVE_REFUSED, /* {"allow": false} with a 2xx, or 403, or 409 */
	LEAVE_UNCLEAR, /* anything else */
};

enum {
	WEBHOOK_WHY_SIZE = 400
};

/*
 * why: the answer's "why" where it gives one, on one line, else ""; for
 * LEAVE_UNCLEAR, what is wrong with the answer.
 */
enum webhook_leave webhook_leave_read(
    unsigned status, struct slice body, char why[WEBHOOK_WHY_SIZE]);

#endif

/*
 * One request to the admin API of a running weir, for the command line: connects,
 * asks, waits for the whole answer, closes.
 *
 * Thread     any; blocks.
 * Time       every step has a limit of its own; nothing waits for ever.
 * Ownership  client_answer_done() frees an answer.
 */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

enum {
	CLIENT_TIMEOUT_S = 10,
	CLIENT_ANSWER_MAX_BYTES = 64 * 1024 * 1024,
};

struct client_request {
	const char *place;  /* the path of a unix socket; or ADDRESS:PORT */
	const char *method; /* "GET", "POST" */
	const char *target; /* "/status"; percent-encoded where need be */
	unsigned timeout_s; /* for the answer to begin, and between its pieces */
};

struct client_answer {
	uint16_t status;
	struct buffer body;
};

/*
 * False where there is no whole answer, whatever its status; err: "no weir
 * listens at /run/weir/admin.sock: No such file or directory".
 */
__attribute__((warn_unused_result)) bool client_ask(
    const struct client_request *request, struct client_answer *answer, struct error *err);
void client_answer_done(struct client_answer *answer);

/*
 * Appends the text with all but letters, digits and -._~ percent-encoded (RFC 3986
 * 2.1). False when over the buffer's cap or out of memory.
 */
__attribute__((warn_unused_result)) bool client_append_encoded(
    struct buffer *target, const char *text);

#endif

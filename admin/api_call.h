/*
 * One request to the admin API, and its answer.
 *
 * Thread     the control thread's.
 * Ownership  libevent frees the request once it has been answered.
 */
#ifndef ADMIN_API_CALL_H
#define ADMIN_API_CALL_H

#include "admin/control.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>
#include <stddef.h>

enum {
	API_ROUTE_SIZE = 64,
	API_WHO_SIZE = 64,
};

struct api_reloads;

struct api_call {
	struct control *ctl;
	struct api_reloads *reloads;
	struct evhttp_request *req;
	const char *word;           /* the last of the path: "promote" */
	char route[API_ROUTE_SIZE]; /* the live route that the path names; "": none */
	struct evkeyvalq query;     /* decoded; a name may come more than once */
};

/* The first of that name, decoded; NULL: it was not given. */
const char *api_param(const struct api_call *call, const char *name);

/*
 * A whole number within the limits. False, and the call has been answered with 400,
 * where it is given and none of those; *value is left alone where it is not given.
 */
__attribute__((warn_unused_result)) bool api_number(
    const struct api_call *call, const char *name, uint32_t min, uint32_t max, uint32_t *value);

/* "user:NAME" by the kernel's word on the socket's peer (SO_PEERCRED). */
void api_who(const struct api_call *call, char who[API_WHO_SIZE]);

/* The route that the path names. */
struct managed_route *api_managed(const struct api_call *call);

/* Each of these answers the request: once, and it is over. */
void api_send_text(
    struct evhttp_request *req, int status, const char *type, const char *text, size_t len);
/* Takes the reference; NULL: out of memory. */
void api_send_json(struct evhttp_request *req, int status, json_t *json);
/* {"error": text} */
void api_send_error(struct evhttp_request *req, int status, const char *text);

#endif

/*
 * `weir explain`: a request as a person describes it, and the JSON that says where it
 * goes and why (docs/status.md). The API answers so from the live configuration, the
 * command line from a file.
 *
 * Thread     any.
 * Ownership  the texts are the caller's.
 */
#ifndef ADMIN_EXPLAIN_ANSWER_H
#define ADMIN_EXPLAIN_ANSWER_H

#include "router/explain.h"

#include <jansson.h>

enum {
	EXPLAIN_FIELDS_MAX = 16 /* headers, and cookies */
};

struct explain_asked {
	const char *method;                      /* NULL: GET */
	const char *path;                        /* with a query, if any; NULL: "/" */
	const char *ip;                          /* the client's; NULL: not told */
	const char *headers[EXPLAIN_FIELDS_MAX]; /* "Name: value" */
	size_t n_headers;
	const char *cookies[EXPLAIN_FIELDS_MAX]; /* "name=value" */
	size_t n_cookies;
	bool has_weight; /* also: as it would be at weight_ppm */
	uint32_t weight_ppm;
};

/*
 * basis: all of the question but the request and the client's address. weight_from: "live", or
 * "file". A new reference; NULL where the request makes no sense, or out of memory: err
 * says so.
 */
__attribute__((warn_unused_result)) json_t *explain_answer(const struct explain_asked *asked,
    const struct explain_question *basis, const char *weight_from, struct error *err);

#endif

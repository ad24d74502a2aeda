/*
 * What weir answers by itself on a route that has no upstream.
 *
 * Ownership  a redirect's template and a respond's text are the config's.
 */
#ifndef CONF_OWN_ANSWER_H
#define CONF_OWN_ANSWER_H

#include "base/error.h"
#include "base/slice.h"
#include "conf/template.h"

#include <stdbool.h>
#include <stdint.h>

struct redirect_conf {
	uint16_t status; /* 301, 302, 303, 307 or 308; 0: there is none */
	struct template location;
};

struct respond_conf {
	uint16_t status; /* 200 to 599; 0: there is none */
	char *text;      /* one line, text/plain; "" for an empty body */
};

enum {
	RESPOND_TEXT_MAX = 150
};

/* "308 https://${host}${path}": a path or a URL, without spaces. */
__attribute__((warn_unused_result)) bool redirect_parse(
    struct slice text, struct redirect_conf *redirect, struct error *err);

/* "503 back at noon"; 204, 205 and 304 have no text (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
__attribute__((warn_unused_result)) bool respond_parse(
    struct slice text, struct respond_conf *respond, struct error *err);

#endif

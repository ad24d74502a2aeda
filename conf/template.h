/*
 * A text with variables, taken apart when the configuration is loaded:
 * "https://${host}${path}". `$$` is a dollar.
 *
 * Ownership  template_done() frees it; literals point into `text`.
 */
#ifndef CONF_TEMPLATE_H
#define CONF_TEMPLATE_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum template_variable {
	VARIABLE_NONE, /* a literal */
	VARIABLE_ARM,
	VARIABLE_BUCKET,
	VARIABLE_CLIENT_IP,
	VARIABLE_HOST,
	VARIABLE_METHOD,
	VARIABLE_PATH,
	VARIABLE_QUERY,
	VARIABLE_RELEASE,
	VARIABLE_REQUEST_ID,
	VARIABLE_ROUTE,
	VARIABLE_SCHEME,
	VARIABLES, /* how many, VARIABLE_NONE among them */
};

struct template_part {
	enum template_variable variable;
	struct slice literal; /* where the variable is NONE */
};

struct template
{
	char *text; /* as written */
	struct template_part *parts;
	uint32_t n_parts;
	uint32_t variables; /* bit 1 << V for each variable V that is in it */
};

/*
 * Visible ASCII, spaces and tabs. err also where a '$' is none of the two forms or
 * the variable is unknown; nothing is to be freed then.
 */
__attribute__((warn_unused_result)) bool template_parse(
    struct slice text, struct template *template, struct error *err);
void template_done(struct template *template);

/* Whether it holds any of the variables whose bits are set. */
static inline bool template_has(const struct template *template, uint32_t variables)
{
	return (template->variables & variables) != 0;
}

/* "client_ip"; "" for VARIABLE_NONE. */
const char *template_variable_name(enum template_variable variable);

#endif

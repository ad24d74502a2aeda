/*
 * One written value, put into the member that the key table says.
 *
 * Ownership  what is put into a config is freed with it.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/config.h"
#include "conf/keys.h"
#include "conf/names.h"
#include "conf/resolve.h"

/* What values are read against. */
struct value_scope {
	const struct config
	    *config; /* its upstreams, rollouts and webhooks are there, if not yet filled */
	const struct names *names; /* by which they are found */
	resolve_fn *resolve;
	struct conf_place place; /* of the value at hand */
	bool suggest;            /* name the nearest in an error: takes time among thousands */
};

/*
 * section: the struct the key's member is in. A key that repeats adds to its
 * list; any other replaces what was there. err says what is wrong with the text.
 */
__attribute__((warn_unused_result)) bool value_set(const struct value_scope *scope,
    const struct key *key, void *section, const char *text, struct error *err);

/* The webhook of that name; NULL where there is none. */
__attribute__((warn_unused_result)) const struct webhook_conf *value_find_webhook(
    const struct value_scope *scope, struct slice name, struct error *err);

/* Whether two sections have the same value; for the kinds that need a restart. */
bool value_equal(const struct key *key, const void *a, const void *b);

#endif

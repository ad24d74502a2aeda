/*
 * What a route does to the fields of its requests or responses.
 *
 * Ownership  header_rules_done() frees a list.
 */
#ifndef CONF_HEADER_RULE_H
#define CONF_HEADER_RULE_H

#include "base/error.h"
#include "base/message.h"
#include "base/slice.h"
#include "conf/template.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are applied. */
enum header_op {
	HEADER_REMOVE, /* all fields of that name go */
	HEADER_SET,    /* all go, and one comes */
	HEADER_ADD,    /* one more comes */
};

struct header_rule {
	enum header_op op;
	enum field_id id;
	uint32_t name_len;
	char *name;
	struct template value; /* with SET and ADD */
};

struct header_rules {
	struct header_rule *items; /* by op, then as written */
	uint32_t n;
	uint32_t variables; /* of all values: bits as in struct template */
};

enum {
	HEADER_RULES_MAX = 32
}; /* of one op */

enum header_direction {
	HEADERS_OF_REQUEST,
	HEADERS_OF_RESPONSE,
};

/*
 * "Name: value", or "Name" with REMOVE. err also for names that weir itself
 * answers for, with what to use instead.
 */
__attribute__((warn_unused_result)) bool header_rules_add(struct header_rules *rules,
    enum header_direction direction, enum header_op op, struct slice text, struct error *err);
void header_rules_done(struct header_rules *rules);

#endif

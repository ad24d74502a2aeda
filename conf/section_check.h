/*
 * What can only be seen in a section as a whole, once each of its keys is read:
 * keys that need or contradict one another, and such as have no effect.
 *
 * Ownership  none: points at what the loader has.
 */
#ifndef CONF_SECTION_CHECK_H
#define CONF_SECTION_CHECK_H

#include "conf/config.h"
#include "conf/keys.h"
#include "conf/problems.h"
#include "conf/written.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	KEYS_MAX = 256
};

/* Where each key of one section was set, the last time where it repeats; 0: it was not. */
struct set_lines {
	uint32_t of[KEYS_MAX];
	bool refused[KEYS_MAX]; /* a value of it was wrong: the key is not what was meant */
};

uint32_t *set_line(struct set_lines *lines, const struct key *key);
bool *set_refused(struct set_lines *lines, const struct key *key);
uint32_t set_line_of(struct set_lines *lines, enum conf_section kind, const char *name);

/* One section after reading. */
struct section_view {
	const struct written_section *written;
	bool first; /* of its name: another one may well add only a key */
	struct set_lines *lines;
};

void section_check_listen(const struct section_view *view, const struct listen_conf *listen,
    struct problems *problems);
void section_check_route(
    const struct section_view *view, const struct route_conf *route, struct problems *problems);
void section_check_rollout(const struct section_view *view, const struct rollout_conf *rollout,
    struct problems *problems);

#endif

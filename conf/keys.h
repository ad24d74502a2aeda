/*
 * The key table: every setting there is, once. The loader, the checks, the
 * reload and `weir keys` read it; none of them knows a key that it does not.
 *
 * Thread     immutable; any.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_section {
	SECTION_WEIR,
	SECTION_LISTEN,
	SECTION_UPSTREAM,
	SECTION_ROUTE,
	SECTION_ROLLOUT,
	SECTION_WEBHOOK,
	SECTIONS, /* how many */
};

/* How a value is written, and the C type of the member that keeps it. */
enum key_kind {
	KEY_COUNT,          /* uint32_t: a whole number */
	KEY_COUNT_OR_AUTO,  /* uint32_t: the same, or `auto`, kept as 0 */
	KEY_MS,             /* uint32_t: a time, kept in milliseconds */
	KEY_US,             /* uint32_t: a time, kept in microseconds */
	KEY_BYTES,          /* uint32_t: a size */
	KEY_SHARE,          /* uint32_t: a percentage, kept in ppm */
	KEY_FRACTION,       /* double: a plain decimal; min and max in ppm */
	KEY_TEXT,           /* char *: printable ASCII, at most max bytes */
	KEY_FILE,           /* char *: a path, kept as seen from weir; at most max bytes so */
	KEY_URL,            /* char *: http or https, at most max bytes */
	KEY_CHOICE,         /* an enum: the word's place among the key's choices */
	KEY_SWITCH,         /* bool: the second of the key's two choices */
	KEY_ADDRESS,        /* char *, and beside it struct address */
	KEY_LOOPBACK,       /* the same, of this machine only */
	KEY_SERVERS,        /* struct server_conf *, and beside it size_t; at most max */
	KEY_HOSTS,          /* struct conf_strings */
	KEY_PATH,           /* char *, and beside it bool: exact */
	KEY_PATH_CLASSES,   /* struct conf_strings; at most max */
	KEY_STICKY,         /* struct key_source[], and beside it size_t */
	KEY_UPSTREAM,       /* const struct upstream_conf *, by its name */
	KEY_ROLLOUT,        /* const struct rollout_conf *, by its name */
	KEY_LATENCY_BUDGET, /* struct latency_budget */
	KEY_STATUS_SET,     /* struct status_set */
	KEY_STAGES,         /* struct stage_conf[], and beside it size_t */
	KEY_NETWORKS,       /* struct network_set */
	KEY_NETWORKS_APART, /* struct network_set *: NULL where it is not written */
	KEY_HEADER_REMOVE,  /* struct header_rules; min: enum header_direction */
	KEY_HEADER_SET,     /* the same */
	KEY_HEADER_ADD,     /* the same */
	KEY_PREFIX,         /* char *: a path's beginning */
	KEY_AUTHORITY,      /* char *: host[:port] */
	KEY_REDIRECT,       /* struct redirect_conf */
	KEY_RESPOND,        /* struct respond_conf */
	KEY_FORCE,          /* struct force_rule *, and beside it size_t; at most max */
	KEY_EXPIRY,         /* struct expiry */
	KEY_SCHEDULE,       /* struct schedule; at most max windows */
	KEY_WEBHOOKS,       /* const struct webhook_conf *[], beside it size_t; at most max */
};

struct key {
	enum conf_section section;
	const char *name;
	enum key_kind kind;
	size_t at;     /* of the member in its section's struct */
	size_t beside; /* of the member's second half, for the kinds that have one */
	uint32_t min;  /* in the unit the member is kept in */
	uint32_t max;
	const char *const *choices; /* of a CHOICE or SWITCH, ended by NULL */
	const char *fallback;       /* as it would be written; NULL: stays unset */
	const char *unset;          /* what that means, for `weir keys` */
	bool required;
	bool repeats; /* may be written several times; each adds to the list */
	bool reloads; /* a change takes effect on reload, else only on a restart */
	bool proxied; /* of a route: means nothing where weir answers itself */
	const char *help;
};

/* All keys, those of a section side by side. */
const struct key *keys_all(size_t *n);

/* NULL where the section has no such key. */
const struct key *keys_find(enum conf_section section, const char *name);

/* "weir", "listen"... */
const char *section_name(enum conf_section section);

/* False only for [weir], of which there is one. */
bool section_is_named(enum conf_section section);

/* False where there is no such section. */
bool section_find(const char *name, enum conf_section *section);

/* "error, warn, info or debug". */
enum {
	KEY_CHOICES_SIZE = 128
};
void key_format_choices(const struct key *key, char text[KEY_CHOICES_SIZE]);

/* "250ms" in the unit in which the key's value is written. */
enum {
	KEY_NUMBER_SIZE = 32
};
void key_format_number(const struct key *key, uint32_t number, char text[KEY_NUMBER_SIZE]);

/* The reference of all keys, for a person. */
void keys_print(FILE *out);

#endif

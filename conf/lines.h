/*
 * A configuration text as headings and `key = value` pairs, each with its line.
 *
 *     [route shop]              ; a heading
 *     # a comment line          ; and a comment after a value: space, then ';'
 *     path = /                  ; a pair
 *
 * inih splits the pairs. As the distributions build it, it gives no line number,
 * cuts lines over 198 bytes, says nothing of a heading without keys, and takes an
 * indented line for another value of the key above. So it is fed line by line
 * through its reader: headings are read here, and what it would cut or take for
 * something else is refused. Line ends are LF or CR LF; a byte order mark (UTF-8)
 * at the start is skipped; a comment line may have any length.
 *
 * Ownership  what the callbacks are given is valid during the call only.
 */
#ifndef CONF_LINES_H
#define CONF_LINES_H

#include "base/slice.h"

#include <stdint.h>

/* Without the line end: inih's buffer of 200 holds it, LF and NUL. */
enum {
	LINES_MAX_BYTES = 198
};

struct lines_sink {
	void *user;
	/* The text between [ and ], trimmed. */
	void (*heading)(void *user, uint32_t line, struct slice text);
	/* Neither key nor value is empty; both are trimmed. */
	void (*pair)(void *user, uint32_t line, const char *key, const char *value);
	/* A line that is neither, and is skipped: `why` is for a person. */
	void (*problem)(void *user, uint32_t line, const char *why);
};

void lines_read(struct slice text, const struct lines_sink *sink);

#endif

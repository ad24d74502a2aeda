/*
 * A text for a person as it grows; what does not fit is left off.
 *
 * Ownership  the bytes are the caller's: size of them, always ended by a NUL.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

struct text {
	char *data;
	size_t size; /* not 0 */
	size_t len;
};

__attribute__((format(printf, 2, 3))) void text_say(struct text *text, const char *format, ...);

#endif

/*
 * Why something failed, in words for a person.
 *
 * Ownership  the caller's, on its stack; NULL where the reason is not wanted.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
	char text[512];
};

/* The text is cut at the struct's size. Does nothing when err is NULL. */
__attribute__((format(printf, 2, 3))) void error_set(
    struct error *err, const char *format, ...);

#endif

/*
 * How many path classes a route keeps apart: slots 0 to 63, then `other`. The
 * router gives the slots, metrics and budgets are kept by them, and the
 * configuration's patterns stay within the same limits.
 */
#ifndef BASE_PATH_SLOTS_H
#define BASE_PATH_SLOTS_H

enum {
	PATH_CLASS_SLOTS = 64,
	PATH_CLASS_OTHER = 64, /* what has no slot of its own */
	PATH_CLASSES = 65,     /* how many, `other` included */
};

/* Of one class: bytes of its name, and segments. */
enum {
	PATH_CLASS_NAME_MAX = 128,
	PATH_CLASS_SEGMENTS_MAX = 32,
};

#endif

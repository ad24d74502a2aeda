/*
 * Path classes: the kinds of path that budgets are kept for, as /orders/:id.
 *
 * A path's class is the first configured pattern that matches all of it, or
 * else what remains when its variable segments are written `:id`. Classes are
 * interned: a route gives each new one a slot until its 64 are used, and counts
 * all later ones as `other`.
 *
 * Segments   what stands between slashes, empty ones left out: /a//b/ is /a/b.
 * Pattern    segments that are literal, or `:name` for any one segment
 *            (router/path_class_rules.h).
 * Automatic  a segment becomes :id when it is a number (dates, versions and
 *            dotted addresses too), a UUID, at least 16 hex digits, holds four
 *            digits or more (ORD-12345), is percent-encoded, is 20 bytes or more of
 *            mixed upper case, lower case and digits, or is longer than 32 bytes.
 *            A file name extension is kept: /items/7.json is /items/:id.json.
 * Other      more than 32 segments or 64 slashes, names over 128 bytes, and bytes
 *            that no path may hold (RFC 3986 3.3): a name needs no escaping in JSON
 *            or in the Prometheus text format.
 *
 * A client that invents paths must not use up the slots. So a request looks its
 * class up when it begins, and a new class is interned only when it ends, with
 * an answer that path_class_deserves_slot().
 *
 * Thread     any worker may look up and intern, without locks: slots are only
 *            ever added, each by one compare-and-swap.
 * Ownership  struct path_classes lives as long as the route, across reloads.
 */
#ifndef ROUTER_PATH_CLASS_H
#define ROUTER_PATH_CLASS_H

#include "base/error.h"
#include "base/path_slots.h"
#include "base/slice.h"
#include "conf/config.h"

/* The slots of one route. */
struct path_classes;

/* NULL when out of memory. */
struct path_classes *path_classes_new(void);
void path_classes_free(struct path_classes *classes);

/* "/orders/:id"; "other" for PATH_CLASS_OTHER; NULL for a slot not yet in use. */
const char *path_classes_name(const struct path_classes *classes, unsigned slot);

/* What stands between a path's slashes. */
struct path_segments {
	struct slice items[PATH_CLASS_SEGMENTS_MAX]; /* of the path's own bytes */
	uint32_t n;
};

/* False where the path does not begin with '/', or has too many segments or slashes. */
bool path_split(struct slice path, struct path_segments *segments);

/* A class seen for the first time; n == 0 when there is nothing to intern. */
struct path_class_name {
	uint32_t tag;
	uint32_t n;
	char text[PATH_CLASS_NAME_MAX];
};

/*
 * The slot of the segments' automatic class. For a class that has none it returns
 * PATH_CLASS_OTHER, and *unseen is the class to intern; else unseen->n is 0.
 */
unsigned path_class_automatic(const struct path_classes *classes,
    const struct path_segments *segments, struct path_class_name *unseen);

/* The class whose name is the segments as they are; false where that is too long or unsafe. */
bool path_class_as_written(const struct path_segments *segments, struct path_class_name *name);

/* The slot of the class, a new one if need be; PATH_CLASS_OTHER when all are used. */
unsigned path_class_intern(struct path_classes *classes, const struct path_class_name *unseen);

/* The same for a class known by its name, as path_classes_name() gave it. */
unsigned path_classes_slot_for(struct path_classes *classes, struct slice name);

/*
 * Whether an answer shows that a path exists: any status but 4xx and 501, and not 0
 * (no answer). Scanners' 404s take no slots.
 */
bool path_class_deserves_slot(unsigned status);

#endif

/*
 * What memory is fetched by.
 */
#ifndef BASE_CACHE_LINE_H
#define BASE_CACHE_LINE_H

enum {
	CACHE_LINE_BYTES = 64
};

#endif

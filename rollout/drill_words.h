/*
 * What a drill has shown, in words for the person who asked for it.
 *
 * Thread  any; a pure function.
 */
#ifndef ROLLOUT_DRILL_WORDS_H
#define ROLLOUT_DRILL_WORDS_H

#include "rollout/drill.h"

enum {
	DRILL_WORDS_SIZE = 1536 /* always suffices */
};

/*
 * "it would have been rolled back after 2.3 s: ...": whole sentences, a line each. Of
 * a drill that runs: how far it is.
 */
void drill_words(const struct drill *drill, char *text, size_t size);

#endif

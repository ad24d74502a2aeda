#include "conf/nearest.h"

#include <stdio.h>
#include <string.h>

/* No key, section or name is longer; longer words have no neighbour. */
enum {
	WORD_MAX = 48
};

void nearest_init(struct nearest *nearest, const char *word)
{
	*nearest = (struct nearest) {
		.word = word, .distance = strlen(word) <= 3 ? 2 : 3, /* to be beaten */
	};
}

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance: Levenshtein's, with swaps of neighbours. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replace = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min(replace, 1 + min(above[j], row[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t word_len = strlen(nearest->word);
	size_t len = strlen(candidate);
	unsigned d;

	if (word_len > WORD_MAX || len > WORD_MAX)
		return;
	d = distance(nearest->word, word_len, candidate, len);
	if (d < nearest->distance) {
		nearest->distance = d;
		nearest->best = candidate;
	}
}

void nearest_format(const struct nearest *nearest, char text[NEAREST_TEXT_SIZE])
{
	text[0] = '\0';
	if (nearest->best != NULL)
		snprintf(text, NEAREST_TEXT_SIZE, "; did you mean '%s'?", nearest->best);
}

/*
 * The known word that a mistyped one was most likely meant to be.
 *
 * Ownership  none: points at the word and at the candidates it was offered.
 */
#ifndef CONF_NEAREST_H
#define CONF_NEAREST_H

struct nearest {
	const char *word;
	const char *best; /* NULL: nothing near enough */
	unsigned distance;
};

void nearest_init(struct nearest *nearest, const char *word);

/*
 * Near enough is one edit in a word of up to three letters, else two; an edit
 * is a letter put in, left out, replaced, or swapped with its neighbour. Of
 * candidates equally near the first stays.
 */
void nearest_offer(struct nearest *nearest, const char *candidate);

/* "; did you mean 'sticky'?", or nothing. */
enum {
	NEAREST_TEXT_SIZE = 128
};
void nearest_format(const struct nearest *nearest, char text[NEAREST_TEXT_SIZE]);

#endif

#include "rollout/record_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	NUMBER_BYTES = 8
};

void record_walk_refuse(struct record_walk *walk, const char *what)
{
	if (walk->refused == NULL)
		walk->refused = what;
}

static bool make_room(struct record_walk *walk, size_t more)
{
	size_t size = walk->out_size > 0 ? walk->out_size : 1024;
	unsigned char *out;

	while (size - walk->out_len < more)
		size *= 2;
	if (size == walk->out_size)
		return true;
	out = realloc(walk->out, size);
	if (out == NULL) {
		record_walk_refuse(walk, "memory");
		return false;
	}
	walk->out = out;
	walk->out_size = size;
	return true;
}

static void write_bytes(struct record_walk *walk, const void *bytes, size_t n)
{
	if (walk->refused != NULL || n == 0 || !make_room(walk, n))
		return;
	memcpy(walk->out + walk->out_len, bytes, n);
	walk->out_len += n;
}

/* NULL where there are not so many left. */
static const unsigned char *read_bytes(struct record_walk *walk, size_t n, const char *what)
{
	const unsigned char *bytes = walk->in + walk->at;

	if (walk->refused == NULL && walk->in_len - walk->at < n)
		record_walk_refuse(walk, what);
	if (walk->refused != NULL)
		return NULL;
	walk->at += n;
	return bytes;
}

static void write_number(struct record_walk *walk, uint64_t number)
{
	unsigned char bytes[NUMBER_BYTES];

	for (size_t i = 0; i < NUMBER_BYTES; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	write_bytes(walk, bytes, sizeof(bytes));
}

static bool read_number(struct record_walk *walk, uint64_t *number, const char *what)
{
	const unsigned char *bytes = read_bytes(walk, NUMBER_BYTES, what);

	if (bytes == NULL)
		return false;
	*number = 0;
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		*number |= (uint64_t)bytes[i] << (8 * i);
	return true;
}

void record_walk_u64(
    struct record_walk *walk, uint64_t *number, uint64_t most, const char *what)
{
	uint64_t read;

	if (walk->in == NULL)
		write_number(walk, *number);
	else if (read_number(walk, &read, what)) {
		if (read > most)
			record_walk_refuse(walk, what);
		else
			*number = read;
	}
}

void record_walk_u32(
    struct record_walk *walk, uint32_t *number, uint32_t most, const char *what)
{
	uint64_t wide = *number;

	record_walk_u64(walk, &wide, most, what);
	*number = (uint32_t)wide;
}

void record_walk_i64(struct record_walk *walk, int64_t *number, const char *what)
{
	uint64_t bits = (uint64_t)*number;

	record_walk_u64(walk, &bits, UINT64_MAX, what);
	*number = (int64_t)bits;
}

void record_walk_bool(struct record_walk *walk, bool *value, const char *what)
{
	uint64_t wide = *value;

	record_walk_u64(walk, &wide, 1, what);
	*value = wide != 0;
}

void record_walk_double(struct record_walk *walk, double *number, const char *what)
{
	uint64_t bits;
	double read;

	memcpy(&bits, number, sizeof(bits));
	record_walk_u64(walk, &bits, UINT64_MAX, what);
	memcpy(&read, &bits, sizeof(read));
	if (isnan(read))
		record_walk_refuse(walk, what);
	else
		*number = read;
}

void record_walk_bytes(
    struct record_walk *walk, const unsigned char **data, size_t *len, const char *what)
{
	uint64_t n = *len;

	record_walk_u64(walk, &n, SIZE_MAX / 2, what);
	if (walk->refused != NULL)
		return;
	if (walk->in == NULL) {
		write_bytes(walk, *data, *len);
		return;
	}
	*data = read_bytes(walk, (size_t)n, what);
	*len = *data != NULL ? (size_t)n : 0;
}

void record_walk_text(struct record_walk *walk, char *text, size_t size, const char *what)
{
	const unsigned char *data = (const unsigned char *)text;
	size_t len = strnlen(text, size);

	record_walk_bytes(walk, &data, &len, what);
	if (walk->in == NULL || walk->refused != NULL)
		return;
	if (len >= size || memchr(data, '\0', len) != NULL) {
		record_walk_refuse(walk, what);
		return;
	}
	memcpy(text, data, len);
	text[len] = '\0';
}

void record_walk_done(struct record_walk *walk)
{
	free(walk->out);
	*walk = (struct record_walk) { .in = NULL };
}

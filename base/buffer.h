/*
 * A growing run of bytes with a cap; going over it is an error that the caller
 * turns into a status.
 *
 *     data        start              end           size
 *      |  consumed  |   live bytes    |    room      |
 *
 * 0 <= start <= end <= size <= cap, and data is NULL only while size is 0.
 *
 * Ownership  embedded; buffer_done() frees the bytes. A recycled buffer keeps
 *            its memory (buffer_reset), so that a steady state allocates nothing.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/slice.h"

struct buffer {
	char *data;
	size_t start;
	size_t end;
	size_t size;
	size_t cap;
	char *lent; /* memory of the owner's to begin with; NULL: none */
	size_t lent_size;
};

void buffer_init(struct buffer *buffer, size_t cap);
void buffer_done(struct buffer *buffer);

/*
 * Memory that the owner has anyway, used as long as it suffices. For a new buffer;
 * it must outlive the buffer's use.
 */
void buffer_lend(struct buffer *buffer, char *memory, size_t size);

static inline size_t buffer_len(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

static inline struct slice buffer_slice(const struct buffer *buffer)
{
	return (struct slice) { buffer->data + buffer->start, buffer->end - buffer->start };
}

/* Whether these bytes are its first live ones, in place. */
static inline bool buffer_holds(const struct buffer *buffer, struct slice bytes)
{
	return buffer->data != NULL && bytes.data == buffer->data + buffer->start;
}

/*
 * Room for n more bytes at the end, moving or growing what is there; slices of
 * the buffer are void afterwards. False when over the cap or out of memory:
 * nothing has changed.
 */
__attribute__((warn_unused_result)) bool buffer_reserve(struct buffer *buffer, size_t n);

/* As buffer_reserve(), but never drops the bytes before start. */
__attribute__((warn_unused_result)) bool buffer_reserve_keeping(
    struct buffer *buffer, size_t n);

/* False as buffer_reserve(); nothing is appended then. */
__attribute__((warn_unused_result)) bool buffer_append(
    struct buffer *buffer, const void *bytes, size_t n);
__attribute__((warn_unused_result)) bool buffer_append_slice(
    struct buffer *buffer, struct slice s);
__attribute__((warn_unused_result, format(printf, 2, 3))) bool buffer_printf(
    struct buffer *buffer, const char *format, ...);

/* n bytes were written into the room behind end. */
void buffer_added(struct buffer *buffer, size_t n);

/* n live bytes are not needed any more. */
void buffer_consume(struct buffer *buffer, size_t n);

/* Empties it; memory beyond keep_bytes is given back. */
void buffer_reset(struct buffer *buffer, size_t keep_bytes);

#endif

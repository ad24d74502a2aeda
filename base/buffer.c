#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SMALLEST = 512
};

static void check(const struct buffer *b)
{
	assert(b->start <= b->end && b->end <= b->size && b->size <= b->cap);
	assert((b->data == NULL) == (b->size == 0));
	(void)b;
}

void buffer_init(struct buffer *buffer, size_t cap)
{
	*buffer = (struct buffer) { .cap = cap };
}

void buffer_lend(struct buffer *buffer, char *memory, size_t size)
{
	assert(buffer->data == NULL && size <= buffer->cap);
	buffer->lent = buffer->data = memory;
	buffer->lent_size = buffer->size = size;
}

/* Back to what it began with. */
static void release(struct buffer *b)
{
	if (b->data != b->lent)
		free(b->data);
	b->data = b->lent;
	b->size = b->lent_size;
	b->start = b->end = 0;
}

void buffer_done(struct buffer *buffer)
{
	release(buffer);
	buffer_init(buffer, buffer->cap);
}

static bool grow(struct buffer *b, size_t needed)
{
	size_t size = b->size > 0 ? b->size : SMALLEST;
	char *data;

	while (size < needed)
		size *= 2;
	if (size > b->cap)
		size = b->cap;
	data = realloc(b->data != b->lent ? b->data : NULL, size);
	if (data == NULL)
		return false;
	if (b->data == b->lent && b->end > 0)
		memcpy(data, b->data, b->end);
	b->data = data;
	b->size = size;
	return true;
}

bool buffer_reserve_keeping(struct buffer *b, size_t n)
{
	check(b);
	if (n <= b->size - b->end)
		return true;
	if (n > b->cap - b->end)
		return false;
	return grow(b, b->end + n);
}

bool buffer_reserve(struct buffer *b, size_t n)
{
	size_t len = buffer_len(b);

	check(b);
	if (n <= b->size - b->end)
		return true;
	if (n > b->cap - len)
		return false;
	if (b->start > 0) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = len;
	}
	return n <= b->size - b->end || grow(b, len + n);
}

bool buffer_append(struct buffer *b, const void *bytes, size_t n)
{
	if (n == 0)
		return true;
	if (!buffer_reserve(b, n))
		return false;
	memcpy(b->data + b->end, bytes, n);
	b->end += n;
	return true;
}

bool buffer_append_slice(struct buffer *b, struct slice s)
{
	return buffer_append(b, s.data, s.len);
}

bool buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !buffer_reserve(b, (size_t)n + 1))
		return false;
	va_start(args, format);
	vsnprintf(b->data + b->end, (size_t)n + 1, format, args);
	va_end(args);
	b->end += (size_t)n;
	return true;
}

void buffer_added(struct buffer *b, size_t n)
{
	assert(n <= b->size - b->end);
	b->end += n;
}

void buffer_consume(struct buffer *b, size_t n)
{
	assert(n <= buffer_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void buffer_reset(struct buffer *b, size_t keep_bytes)
{
	b->start = b->end = 0;
	if (b->size > keep_bytes && b->data != b->lent)
		release(b);
	check(b);
}

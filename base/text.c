#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_say(struct text *text, const char *format, ...)
{
	va_list args;
	int written;

	va_start(args, format);
	written = vsnprintf(text->data + text->len, text->size - text->len, format, args);
	va_end(args);
	if (written > 0)
		text->len += (size_t)written;
	if (text->len >= text->size)
		text->len = text->size - 1;
}

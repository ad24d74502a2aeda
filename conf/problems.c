#include "conf/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void problems_init(struct problems *problems, const char *path)
{
	*problems = (struct problems) { .path = path };
}

bool problems_any(const struct problems *problems)
{
	return problems->n + problems->n_dropped > 0;
}

bool problems_would_keep(const struct problems *problems, uint32_t line)
{
	return problems->n < PROBLEMS_KEPT || line < problems->items[problems->n - 1].line;
}

static void insert(struct problems *problems, uint32_t line, char *text)
{
	size_t at;

	if (problems->n == PROBLEMS_KEPT) {
		free(problems->items[--problems->n].text);
		problems->n_dropped++;
	}
	at = problems->n++;
	for (; at > 0 && problems->items[at - 1].line > line; at--)
		problems->items[at] = problems->items[at - 1];
	problems->items[at] = (struct problem) { .line = line, .text = text };
}

void problems_add(struct problems *problems, uint32_t line, const char *format, ...)
{
	char *text;
	va_list args;
	int len;

	if (!problems_would_keep(problems, line)) {
		problems->n_dropped++;
		return;
	}
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		problems->n_dropped++; /* out of memory: still counted, so still an error */
	else
		insert(problems, line, text);
}

static char *format_problem(const char *path, const struct problem *problem)
{
	char *text;
	int len;

	if (problem->line > 0)
		len = asprintf(&text, "%s:%u: %s", path, problem->line, problem->text);
	else
		len = asprintf(&text, "%s: %s", path, problem->text);
	return len < 0 ? NULL : text;
}

void problems_finish(struct problems *problems, struct conf_problems *out)
{
	char *more;

	*out = (struct conf_problems) { 0 };
	if (!problems_any(problems))
		return;
	out->lines = calloc(problems->n + 1, sizeof(*out->lines));
	for (size_t i = 0; i < problems->n; i++) {
		char *text = out->lines != NULL
				 ? format_problem(problems->path, &problems->items[i])
				 : NULL;

		if (text != NULL)
			out->lines[out->n++] = text;
		free(problems->items[i].text);
	}
	if (problems->n_dropped > 0 && out->lines != NULL &&
	    asprintf(&more, "%s: and %zu more", problems->path, problems->n_dropped) >= 0)
		out->lines[out->n++] = more;
	problems_init(problems, problems->path);
}

void conf_problems_done(struct conf_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		free(problems->lines[i]);
	free(problems->lines);
	*problems = (struct conf_problems) { 0 };
}

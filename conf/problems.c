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
	return problems->refused.n + problems->refused.n_dropped > 0;
}

static bool would_keep(const struct problem_list *list, uint32_t line)
{
	return list->n < PROBLEMS_KEPT || line < list->items[list->n - 1].line;
}

bool problems_would_keep(const struct problems *problems, uint32_t line)
{
	return would_keep(&problems->refused, line);
}

static void insert(struct problem_list *list, uint32_t line, char *text)
{
	size_t at;

	if (list->n == PROBLEMS_KEPT) {
		free(list->items[--list->n].text);
		list->n_dropped++;
	}
	at = list->n++;
	for (; at > 0 && list->items[at - 1].line > line; at--)
		list->items[at] = list->items[at - 1];
	list->items[at] = (struct problem) { .line = line, .text = text };
}

__attribute__((format(printf, 3, 0))) static void add(
    struct problem_list *list, uint32_t line, const char *format, va_list args)
{
	char *text;

	if (!would_keep(list, line) || vasprintf(&text, format, args) < 0)
		list->n_dropped++; /* out of memory: still counted, so still an error */
	else
		insert(list, line, text);
}

void problems_add(struct problems *problems, uint32_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->refused, line, format, args);
	va_end(args);
}

void problems_warn(struct problems *problems, uint32_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->warned, line, format, args);
	va_end(args);
}

static char *format_problem(
    const char *path, const char *severity, const struct problem *problem)
{
	char *text;
	int len;

	if (problem->line > 0)
		len = asprintf(
		    &text, "%s:%u: %s%s", path, problem->line, severity, problem->text);
	else
		len = asprintf(&text, "%s: %s%s", path, severity, problem->text);
	return len < 0 ? NULL : text;
}

/* Returns how many lines there are, and leaves the list empty. */
static size_t finish(
    struct problem_list *list, const char *path, const char *severity, char ***lines)
{
	char *more;
	size_t n = 0;

	*lines = NULL;
	if (list->n + list->n_dropped > 0)
		*lines = calloc(list->n + 1, sizeof(**lines));
	for (size_t i = 0; i < list->n; i++) {
		char *text =
		    *lines != NULL ? format_problem(path, severity, &list->items[i]) : NULL;

		if (text != NULL)
			(*lines)[n++] = text;
		free(list->items[i].text);
	}
	if (list->n_dropped > 0 && *lines != NULL &&
	    asprintf(&more, "%s: %sand %zu more", path, severity, list->n_dropped) >= 0)
		(*lines)[n++] = more;
	*list = (struct problem_list) { 0 };
	return n;
}

void problems_finish(struct problems *problems, struct conf_problems *out)
{
	out->n = finish(&problems->refused, problems->path, "", &out->lines);
	out->n_warnings =
	    finish(&problems->warned, problems->path, "warning: ", &out->warnings);
}

static void free_lines(char **lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	free(lines);
}

void conf_problems_done(struct conf_problems *problems)
{
	free_lines(problems->lines, problems->n);
	free_lines(problems->warnings, problems->n_warnings);
	*problems = (struct conf_problems) { 0 };
}

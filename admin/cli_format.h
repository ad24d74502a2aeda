/*
 * Values of /status as a person reads them: short, aligned, harmless to a terminal.
 */
#ifndef ADMIN_CLI_FORMAT_H
#define ADMIN_CLI_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	CLI_CELL_SIZE = 32,
	CLI_LINE_WIDTH = 100, /* columns */
};

typedef void cli_format_number(double number, char text[CLI_CELL_SIZE]);

/* "0.42ms", "3.2ms", "250ms", "1.5s". */
void cli_format_ms(double ms, char text[CLI_CELL_SIZE]);

/* All digits where they fit, else "123.4M". */
void cli_format_count(double n, char text[CLI_CELL_SIZE]);

/* "2 d 3 h", "4 min 5 s": the two largest units. */
void cli_format_age(double seconds, char text[CLI_CELL_SIZE]);

/* Of 0..1: "0%", "<0.01%", "0.35%", "12.5%", "100%". */
void cli_format_share(double share, char text[CLI_CELL_SIZE]);

/* Of a budget left, whole percents: "97%", "-40%", "<-999%". */
void cli_format_left(double share, char text[CLI_CELL_SIZE]);

/* How far E is on its way: "<1%", "52%", ">999%". */
void cli_format_way(double share, char text[CLI_CELL_SIZE]);

/* Nothing that a terminal would obey: C0 and C1 controls (U+0080 to U+009F) go. */
void cli_clean(char *text);

/* A member's text, or "-"; clean, and cut at the size. False: "-". */
bool cli_member_text(const json_t *object, const char *member, char *text, size_t size);

/* A member's number as `format` has it, or "-". */
void cli_member_number(const json_t *object, const char *member, cli_format_number *format,
    char text[CLI_CELL_SIZE]);

/* The whole part of a member's number, within ±2^53; 0 where it is none. */
json_int_t cli_member_whole(const json_t *object, const char *member);

/* "2/5", or "-" outside a plan's stages. */
void cli_format_stage(const json_t *route, char text[CLI_CELL_SIZE]);

/*
 * Words from `column` on, broken before the line's end; the lines after the first
 * begin at `indent`.
 */
void cli_print_words(const char *words, size_t column, size_t indent, FILE *out);

/* "label       words", the words broken likewise, in a column of their own. */
void cli_print_labelled(const char *label, size_t width, const char *words, FILE *out);

#endif

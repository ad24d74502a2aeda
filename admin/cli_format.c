#include "admin/cli_format.h"

#include <math.h>
#include <string.h>

void cli_clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
	}
}

bool cli_member_text(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));
	bool found = value != NULL && value[0] != '\0';

	snprintf(text, size, "%s", found ? value : "-");
	cli_clean(text);
	return found;
}

void cli_format_ms(double ms, char text[CLI_CELL_SIZE])
{
	if (ms < 0.995)
		snprintf(text, CLI_CELL_SIZE, "%.2fms", ms);
	else if (ms < 9.95)
		snprintf(text, CLI_CELL_SIZE, "%.1fms", ms);
	else if (ms < 999.5)
		snprintf(text, CLI_CELL_SIZE, "%.0fms", ms);
	else
		snprintf(text, CLI_CELL_SIZE, ms < 99950 ? "%.1fs" : "%.0fs", ms / 1000);
}

void cli_format_count(double n, char text[CLI_CELL_SIZE])
{
	static const char *const units[] = { "M", "G", "T" };
	size_t unit = 0;

	if (n < 1e7) {
		snprintf(text, CLI_CELL_SIZE, "%.0f", n);
		return;
	}
	for (n /= 1e6; n >= 9999.5 && unit < 2; n /= 1000)
		unit++;
	snprintf(text, CLI_CELL_SIZE, "%.1f%s", n, units[unit]);
}

void cli_format_age(double seconds, char text[CLI_CELL_SIZE])
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t unit = 0;
	double whole;

	while (unit < 3 && seconds < units[unit].seconds)
		unit++;
	whole = floor(seconds / units[unit].seconds);
	if (unit == 3)
		snprintf(text, CLI_CELL_SIZE, "%.0f s", whole);
	else
		snprintf(text, CLI_CELL_SIZE, "%.0f %s %.0f %s", whole, units[unit].name,
		    floor((seconds - whole * units[unit].seconds) / units[unit + 1].seconds),
		    units[unit + 1].name);
}

void cli_format_share(double share, char text[CLI_CELL_SIZE])
{
	double percent = share * 100;

	if (percent <= 0)
		snprintf(text, CLI_CELL_SIZE, "0%%");
	else if (percent < 0.01)
		snprintf(text, CLI_CELL_SIZE, "<0.01%%");
	else if (percent < 9.995)
		snprintf(text, CLI_CELL_SIZE, "%.2f%%", percent);
	else if (percent < 99.95)
		snprintf(text, CLI_CELL_SIZE, "%.1f%%", percent);
	else
		snprintf(text, CLI_CELL_SIZE, "100%%");
}

void cli_format_left(double share, char text[CLI_CELL_SIZE])
{
	/* Downwards: what is not wholly left is not shown as 100%, nor a spent one as 0. */
	double percent = floor(share * 100);

	if (percent < -999)
		snprintf(text, CLI_CELL_SIZE, "<-999%%");
	else
		snprintf(text, CLI_CELL_SIZE, "%.0f%%", percent + 0.0);
}

void cli_format_way(double share, char text[CLI_CELL_SIZE])
{
	double percent = share * 100;

	if (percent < 1)
		snprintf(text, CLI_CELL_SIZE, "<1%%");
	else if (percent > 999)
		snprintf(text, CLI_CELL_SIZE, ">999%%");
	else
		snprintf(text, CLI_CELL_SIZE, "%.0f%%", floor(percent));
}

void cli_member_number(const json_t *object, const char *member, cli_format_number *format,
    char text[CLI_CELL_SIZE])
{
	const json_t *value = json_object_get(object, member);

	if (json_is_number(value))
		format(json_number_value(value), text);
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

json_int_t cli_member_whole(const json_t *object, const char *member)
{
	static const double most = 9007199254740992.0;
	double value = json_number_value(json_object_get(object, member));

	return fabs(value) <= most ? (json_int_t)value : 0;
}

void cli_format_stage(const json_t *route, char text[CLI_CELL_SIZE])
{
	json_int_t stage = cli_member_whole(route, "stage");

	if (stage > 0)
		snprintf(text, CLI_CELL_SIZE, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		    stage, cli_member_whole(route, "stages"));
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

void cli_print_words(const char *words, size_t column, size_t indent, FILE *out)
{
	bool line_is_new = true;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (len > 0 && !line_is_new && column + 1 + len > CLI_LINE_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (len > 0 && !line_is_new) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, words);
		column += len;
		line_is_new = line_is_new && len == 0;
		words += len + (words[len] == ' ');
	}
	fputc('\n', out);
}

void cli_print_labelled(const char *label, size_t width, const char *words, FILE *out)
{
	fprintf(out, "%-*s", (int)width, label);
	cli_print_words(words, width, width, out);
}

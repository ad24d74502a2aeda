#include "admin/journal_export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A column with a count of each arm, or of legacy alone. */
struct count_column {
	const char *before; /* "slow_", the arm, "_q50" */
	const char *after;
	size_t offset;
	bool legacy_only;
};

#define AT(member) offsetof(struct evidence_counts, member)

static const struct count_column plain_columns[] = {
	{ "n_", "", AT(n), false },
	{ "bad_", "", AT(bad), false },
	{ "failed_", "", AT(failed), false },
	{ "over_", "", AT(over), false },
	{ "over_all_", "", AT(over_all), false },
	{ "units_", "", AT(units), false },
};

#define PAST(after, threshold)                                                                 \
	{ "slow_", after, AT(slow[threshold]), false },                                        \
	    { "good_", after, AT(good[threshold]), false },                                    \
	    { "half1_", after, AT(half_slow[0][threshold]), true },                            \
	{                                                                                      \
		"half2_", after, AT(half_slow[1][threshold]), true                             \
	}

static const struct count_column latency_columns[] = {
	PAST("_q50", THRESHOLD_Q50),
	PAST("_q90", THRESHOLD_Q90),
	PAST("_q99", THRESHOLD_Q99),
	PAST("_far", THRESHOLD_FAR),
	{ "half1_", "", AT(half_n[0]), true },
	{ "half2_", "", AT(half_n[1]), true },
};

enum {
	N_PLAIN = sizeof(plain_columns) / sizeof(plain_columns[0]),
	N_LATENCY = sizeof(latency_columns) / sizeof(latency_columns[0]),
};

static void print_names(const struct count_column *columns, size_t n, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		for (int arm = ARMS - 1; arm >= 0; arm--) {
			if (arm != ARM_LEGACY && columns[i].legacy_only)
				continue;
			fprintf(out, "\t%s%s%s", columns[i].before, arm_name((enum arm)arm),
			    columns[i].after);
		}
	}
}

/* filled: else the cells are empty. */
static void print_counts(const struct count_column *columns, size_t n, bool filled,
    const struct evidence_counts *arms, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		for (int arm = ARMS - 1; arm >= 0; arm--) {
			uint32_t count;

			if (arm != ARM_LEGACY && columns[i].legacy_only)
				continue;
			memcpy(&count, (const char *)&arms[arm] + columns[i].offset,
			    sizeof(count));
			if (filled)
				fprintf(out, "\t%" PRIu32, count);
			else
				fputc('\t', out);
		}
	}
}

/* A path class may have any name; the table's own signs it may not have. */
static void print_path(const char *path, FILE *out)
{
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

static void print_row(const struct store_evidence *row, bool has_latency, FILE *out)
{
	fprintf(out, "%.9g\t%.9g\t", row->dt_s, row->weight);
	print_path(row->path, out);
	fprintf(out, "\t%" PRIu32, row->stage);
	print_counts(plain_columns, N_PLAIN, true, row->arms, out);
	if (has_latency)
		print_counts(latency_columns, N_LATENCY, row->has_latency, row->arms, out);
	fputc('\n', out);
}

static bool print_page(struct store_db *db, const struct evidence_range *range, int64_t *after,
    unsigned *n, FILE *page)
{
	sqlite3_stmt *statement = store_evidence_page(db, range, *after);
	enum store_row got;

	*n = 0;
	if (statement == NULL)
		return false;
	while ((got = store_db_next(db, statement)) == STORE_ROW) {
		struct stored_evidence stored;

		if (!store_evidence_row(statement, &stored)) {
			store_db_leave(statement);
			store_db_blame(db, STORE_FAULT_DAMAGED, "recorded evidence is damaged");
			return false;
		}
		print_row(&stored.row, range->has_latency, page);
		*after = stored.seq;
		(*n)++;
	}
	return got == STORE_ROW_NONE;
}

bool journal_export(struct store_db *db, const struct evidence_range *range, FILE *out)
{
	int64_t after = INT64_MIN;
	unsigned n;

	fputs("dt\tw\tpath\tstage", out);
	print_names(plain_columns, N_PLAIN, out);
	if (range->has_latency)
		print_names(latency_columns, N_LATENCY, out);
	fputc('\n', out);
	do {
		char *text = NULL;
		size_t len = 0;
		FILE *page = open_memstream(&text, &len);
		bool ok;

		if (page == NULL) {
			store_db_blame(db, STORE_FAULT_DISK, "out of memory");
			return false;
		}
		ok = print_page(db, range, &after, &n, page);
		if (fclose(page) == 0)
			fwrite(text, 1, len, out);
		free(text);
		if (!ok)
			return false;
	} while (n == EVIDENCE_PAGE && !ferror(out));
	return true;
}

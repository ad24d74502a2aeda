#include "metrics/evidence.h"

void evidence_counts_add(struct evidence_counts *sum, const struct evidence_counts *more)
{
	sum->n += more->n;
	sum->failed += more->failed;
	sum->bad += more->bad;
	for (unsigned i = 0; i < LATENCY_THRESHOLDS; i++) {
		sum->slow[i] += more->slow[i];
		sum->good[i] += more->good[i];
		for (unsigned half = 0; half < 2; half++)
			sum->half_slow[half][i] += more->half_slow[half][i];
	}
	for (unsigned half = 0; half < 2; half++)
		sum->half_n[half] += more->half_n[half];
	sum->over += more->over;
	sum->over_all += more->over_all;
	sum->units += more->units;
}

/*
 * How long the requests of one run took: a log-linear histogram, 128 steps to
 * each power of two, so that a percentile is at most 0.4% off.
 *
 * Thread     one.
 * Time       nanoseconds in, microseconds out.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

void latency_reset(void);

void latency_record(uint64_t ns);

/* The time within which that share of the requests was answered; 0 without any. */
double latency_at(double share);

double latency_most(void);

#endif

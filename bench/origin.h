/*
 * An upstream that costs as little as one can, so that the proxy is what a benchmark
 * measures: it answers each request head with the same bytes. Requests have no bodies.
 *
 * Thread     that of bench/loop.h.
 */
#ifndef BENCH_ORIGIN_H
#define BENCH_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Listens on that port of 127.0.0.1 and of the addresses after it, and answers with that
 * many bytes, and its name as X-Arm. For the life of the program.
 */
void origin_listen(uint16_t port, const char *name, size_t body_bytes, unsigned addresses);

#endif

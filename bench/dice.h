/*
 * Random numbers for simulations: the same seed gives the same run everywhere.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef BENCH_DICE_H
#define BENCH_DICE_H

#include <stdint.h>

struct dice {
	uint64_t state;
};

/* Independent for different seeds, however close. */
struct dice dice_of(uint64_t seed);

uint64_t dice_bits(struct dice *dice);

/* [0, 1) */
double dice_share(struct dice *dice);

/* 0 to n - 1 */
uint64_t dice_below(struct dice *dice, uint64_t n);

/* How many events of a Poisson process there are, where `mean` are expected. */
uint64_t dice_poisson(struct dice *dice, double mean);

/* A well mixed hash of a number: who somebody is does not depend on the dice. */
uint64_t hash_of(uint64_t number);

#endif

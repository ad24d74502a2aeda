#include "bench/dice.h"

#include <math.h>

static const double large_mean = 10;

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t hash_of(uint64_t number)
{
	uint64_t z = number + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed)
{
	return (struct dice) { .state = hash_of(hash_of(seed)) };
}

uint64_t dice_bits(struct dice *dice)
{
	uint64_t bits = hash_of(dice->state);

	dice->state += UINT64_C(0x9e3779b97f4a7c15);
	return bits;
}

double dice_share(struct dice *dice)
{
	return (double)(dice_bits(dice) >> 11) * 0x1p-53;
}

uint64_t dice_below(struct dice *dice, uint64_t n)
{
	return (uint64_t)(dice_share(dice) * (double)n);
}

/* Products of uniforms (Knuth): as many draws as events. */
static uint64_t poisson_small(struct dice *dice, double mean)
{
	double left = exp(-mean), product = dice_share(dice);
	uint64_t n = 0;

	for (; product > left; n++)
		product *= dice_share(dice);
	return n;
}

/* Transformed rejection, PTRS (Hoermann 1993): exact, in about one try. */
static uint64_t poisson_large(struct dice *dice, double mean)
{
	double b = 0.931 + 2.53 * sqrt(mean);
	double a = -0.059 + 0.02483 * b;
	double v_r = 0.9277 - 3.6224 / (b - 2);
	double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);

	for (;;) {
		double u = dice_share(dice) - 0.5, v = dice_share(dice);
		double us = 0.5 - fabs(u);
		double k = floor((2 * a / us + b) * u + mean + 0.43);

		if (us >= 0.07 && v <= v_r)
			return (uint64_t)k;
		if (k < 0 || (us < 0.013 && v > us))
			continue;
		if (log(v * inverse_alpha / (a / (us * us) + b)) <=
		    k * log(mean) - mean - lgamma(k + 1))
			return (uint64_t)k;
	}
}

uint64_t dice_poisson(struct dice *dice, double mean)
{
	if (mean <= 0)
		return 0;
	return mean < large_mean ? poisson_small(dice, mean) : poisson_large(dice, mean);
}

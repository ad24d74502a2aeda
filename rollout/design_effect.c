#include "rollout/design_effect.h"

#include <math.h>

static const double prior = 20; /* slow requests' worth of independence */
static const double first_block_s = 1;

enum {
	LEAST_BLOCKS = 4 /* fewer say nothing: one squared difference may be anything */
};

void design_effect_init(struct design_effect *design)
{
	*design = (struct design_effect) { .block_s = first_block_s, .d = 1 };
}

static double ratio(double squared, double sum)
{
	return (squared + prior) / (sum + prior);
}

static double square(double x)
{
	return x * x;
}

static void update(struct design_effect *design)
{
	double d = ratio(design->reads_squared, design->reads_sum);
	double squared = 0, sum = 0, apart = 0;

	for (unsigned i = 0; i <= design->n_blocks; i++) {
		double difference = design->blocks[i][0] - design->blocks[i][1];

		apart += difference;
		if (i == design->n_blocks)
			break;
		squared += square(difference);
		sum += design->blocks[i][0] + design->blocks[i][1];
	}
	if (design->n_blocks >= LEAST_BLOCKS)
		d = fmax(d, ratio(squared, sum));
	d = fmax(d, ratio(square(apart), design->reads_sum));
	design->d = fmin(DESIGN_MAX, fmax(1, d));
}

static void join_in_pairs(struct design_effect *design)
{
	for (unsigned i = 0; i < DESIGN_BLOCKS; i++) {
		for (unsigned half = 0; half < 2; half++) {
			double joined =
			    i < DESIGN_BLOCKS / 2
				? design->blocks[2 * i][half] + design->blocks[2 * i + 1][half]
				: 0;

			design->blocks[i][half] = joined;
		}
	}
	design->n_blocks = DESIGN_BLOCKS / 2;
	design->block_s *= 2;
}

void design_effect_pass(struct design_effect *design, double dt_s)
{
	const double *open = design->blocks[design->n_blocks];

	design->open_s += dt_s;
	if (design->open_s < design->block_s)
		return;
	design->open_s = 0;
	/* A block without anything slow in it goes on: it says nothing. */
	if (open[0] + open[1] <= 0)
		return;
	if (++design->n_blocks == DESIGN_BLOCKS)
		join_in_pairs(design);
	update(design);
}

void design_effect_observe(struct design_effect *design, double h1, double h2)
{
	design_effect_observe_reads(design, h1, h2, design_effect_square(h1, h2));
}

void design_effect_observe_reads(
    struct design_effect *design, double h1, double h2, double squared)
{
	double *open = design->blocks[design->n_blocks];

	if (h1 + h2 <= 0)
		return;
	design->reads_squared += squared;
	design->reads_sum += h1 + h2;
	open[0] += h1;
	open[1] += h2;
	update(design);
}

#include "rollout/design_effect.h"

static const double prior = 20; /* slow requests' worth of independence */
static const double first_block_s = 1;

enum {
	LEAST_BLOCKS = 4 /* fewer say nothing: one squared difference may be anything */
};

void design_effect_init(struct design_effect *design)
{
	*design = (struct design_effect) {
		.block_s = first_block_s,
		.blocks_d = 1,
		.d = 1,
	};
}

static double ratio(double squared, double sum)
{
	return (squared + prior) / (sum + prior);
}

/* fmax() is a call. */
static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double square(double x)
{
	return x * x;
}

static void update(struct design_effect *design)
{
	double d = design->blocks_d;

	d = larger(d, ratio(design->reads_squared, design->reads_sum));
	d = larger(d, ratio(square(design->apart), design->reads_sum));
	design->d = d < DESIGN_MAX ? d : DESIGN_MAX;
}

/* The blocks change rarely. */
static void take_blocks(struct design_effect *design)
{
	double squared = 0, sum = 0;

	for (unsigned i = 0; i < design->n_blocks; i++) {
		squared += square(design->blocks[i][0] - design->blocks[i][1]);
		sum += design->blocks[i][0] + design->blocks[i][1];
	}
	design->blocks_d =
	    design->n_blocks >= LEAST_BLOCKS ? larger(1, ratio(squared, sum)) : 1;
	update(design);
}

void design_effect_derive(struct design_effect *design)
{
	design->apart = 0;
	for (unsigned i = 0; i <= design->n_blocks; i++)
		design->apart += design->blocks[i][0] - design->blocks[i][1];
	take_blocks(design);
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
	take_blocks(design);
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
	design->apart += h1 - h2;
	open[0] += h1;
	open[1] += h2;
	update(design);
}

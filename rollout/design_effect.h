/*
 * How much less slow requests say than their number suggests, because they come in
 * clusters: D, from legacy alone (docs/policy.md, 5). Its slow requests are split in two
 * halves by a hash of the key; were they independent, the squared difference of the
 * halves would be on average what they add up to.
 *
 * Taken from read to read, which shows bursts, over blocks of time that grow with the
 * age of the release, and over all of it, which shows users who are always slow: the
 * largest counts.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_DESIGN_EFFECT_H
#define ROLLOUT_DESIGN_EFFECT_H

#define DESIGN_MAX 50.0

enum {
	DESIGN_BLOCKS = 8 /* when all are full, they are joined in pairs */
};

struct design_effect {
	double reads_squared;            /* sum over reads of (h1 - h2)^2 */
	double reads_sum;                /* and of h1 + h2 */
	double apart;                    /* and of h1 - h2 */
	double blocks_d;                 /* of the blocks that are over; 1: too few */
	double block_s;                  /* how long each lasts */
	double open_s;                   /* how long the open one has lasted */
	double d;                        /* as it stands, 1 to DESIGN_MAX */
	unsigned n_blocks;               /* those that are over; blocks[n_blocks] is open */
	double blocks[DESIGN_BLOCKS][2]; /* the halves */
};

void design_effect_init(struct design_effect *design);

/* Its reads, blocks and times were written: the rest of it follows from those. */
void design_effect_derive(struct design_effect *design);
void design_effect_pass(struct design_effect *design, double dt_s);

/* So many slow requests of legacy were newly counted in each half. */
void design_effect_observe(struct design_effect *design, double h1, double h2);

/* The same in several reads; `squared` is the sum of their design_effect_square(). */
void design_effect_observe_reads(
    struct design_effect *design, double h1, double h2, double squared);

static inline double design_effect_square(double h1, double h2)
{
	return (h1 - h2) * (h1 - h2);
}

#endif

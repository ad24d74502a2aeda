/*
 * What one half of legacy's users has over the other of quick requests. Users are shared
 * out by the weight, and their requests with them, unless a few make most of them: then
 * that legacy has many quick requests says who asks, not how slow the canary is, and no
 * design effect makes up for it. One user is in one of the two halves (design_effect.h).
 * So what that half has over the other, beyond chance, is left out as it is counted
 * (docs/policy.md, 5). Each quick request of legacy's speaks against the canary: fewer of
 * them make a bet worth less and never more, so that its bound stays what it was.
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_LATENCY_SURPLUS_H
#define ROLLOUT_LATENCY_SURPLUS_H

struct latency_surplus {
	double
	    ahead[2]; /* each half, of the other: what was not left out, as far as it lasts */
};

void latency_surplus_init(struct latency_surplus *surplus);

/*
 * How far a half may be ahead by chance, where a quick request of legacy's adds `gain` to
 * the logarithm of the boldest bet. Times the design effect.
 */
double latency_surplus_room(double gain);

/* So many quick requests of each half were newly counted. How many of them to leave out. */
double latency_surplus_take(struct latency_surplus *surplus, double h1, double h2, double room);

#endif

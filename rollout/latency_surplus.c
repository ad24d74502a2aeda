#include "rollout/latency_surplus.h"

/*
 * A half that has a tenth more than the other is let pass: with as much more for good, a
 * twentieth of all, not even the mildest bet gains, which is on odds of 1.25.
 */
static const double tolerated = 1.1;
static const double free_gain = 1;  /* of the boldest bet, before a half's lead is left out */
static const double least_room = 8; /* requests: fewer may be ahead by chance alone */

void latency_surplus_init(struct latency_surplus *surplus)
{
	*surplus = (struct latency_surplus) { .ahead = { 0, 0 } };
}

double latency_surplus_room(double gain)
{
	double room = free_gain / gain;

	return room > least_room ? room : least_room;
}

/* Ahead by so many more. What does not fit is left out. */
static double advance(double *ahead, double by, double room)
{
	double now = *ahead + by;

	*ahead = now < 0 ? 0 : now < room ? now : room;
	return now > room ? now - room : 0;
}

double latency_surplus_take(struct latency_surplus *surplus, double h1, double h2, double room)
{
	double first = advance(&surplus->ahead[0], h1 - tolerated * h2, room);
	double second = advance(&surplus->ahead[1], h2 - tolerated * h1, room);

	/* Where the room has become less, more may be over than was counted now. */
	return first + second < h1 + h2 ? first + second : h1 + h2;
}

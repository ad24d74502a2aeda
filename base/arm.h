/* The two roles an upstream can play on a route. */
#ifndef BASE_ARM_H
#define BASE_ARM_H

enum arm {
	ARM_LEGACY,
	ARM_CANARY,
	ARMS, /* how many */
};

static inline const char *arm_name(enum arm arm)
{
	return arm == ARM_CANARY ? "canary" : "legacy";
}

#endif

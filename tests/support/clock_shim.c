/*
 * For LD_PRELOAD: shifts the clocks that a process reads by what a file says, at once
 * and while it runs (tests/support/clock.py writes it):
 *
 *     WEIR_TEST_CLOCK=FILE    two int64_t: nanoseconds added to the wall clock, and to the
 *                             monotonic one
 *
 * Only who asks for the time is told another one: timers that already run in the kernel
 * do not notice, as they do not when a person sets the clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	NS = 1000000000
};

struct shifts {
	_Atomic int64_t wall_ns;
	_Atomic int64_t monotonic_ns;
};

typedef int gettime_fn(clockid_t, struct timespec *);
typedef int timedwait_fn(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static struct shifts none;
static struct shifts *shifts = &none;
static gettime_fn *real_gettime;
static timedwait_fn *real_timedwait;

__attribute__((constructor)) static void open_shifts(void)
{
	const char *path = getenv("WEIR_TEST_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *found = MAP_FAILED;

	*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	/* libc has an older one as well; TSan's, which must see it, has no version. */
	if (dlsym(RTLD_DEFAULT, "__tsan_init") == NULL)
		*(void **)&real_timedwait =
		    dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	if (real_timedwait == NULL)
		*(void **)&real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	if (fd >= 0) {
		found = mmap(NULL, sizeof(struct shifts), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (found != MAP_FAILED)
		shifts = found;
}

static void shift(struct timespec *t, int64_t ns)
{
	int64_t sum = (int64_t)t->tv_nsec + ns % NS;

	t->tv_sec += ns / NS + (sum >= NS) - (sum < 0);
	t->tv_nsec = sum >= NS ? sum - NS : sum < 0 ? sum + NS : sum;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int result;

	if (real_gettime == NULL) /* a sanitizer's, before the constructor */
		open_shifts();
	result = real_gettime(id, t);
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		shift(t, shifts->wall_ns);
	else if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME)
		shift(t, shifts->monotonic_ns);
	return result;
}

int gettimeofday(struct timeval *t, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}

/* All of weir's are by the monotonic clock; the kernel knows nothing of its shift. */
int pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	struct timespec real = *until;

	shift(&real, -shifts->monotonic_ns);
	return real_timedwait(condition, mutex, &real);
}

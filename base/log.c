#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static atomic_int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* A line break inside a message would let its text pose as another line. */
static void keep_on_one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
}

/*
 * A pipe that nobody reads would stop whoever logs, and with the control thread
 * the guard. A line is shorter than PIPE_BUF: where there is room, there is for it.
 */
static bool has_room(void)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1;
}

static void write_line(const char *line, size_t len)
{
	static atomic_uint n_lost;
	char words[64];
	unsigned lost;
	int n;

	if (!has_room()) {
		atomic_fetch_add_explicit(&n_lost, 1, memory_order_relaxed);
		return;
	}
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* Nowhere is left to say so. */
	lost = atomic_exchange_explicit(&n_lost, 0, memory_order_relaxed);
	if (lost == 0 || !has_room())
		return;
	n = snprintf(words, sizeof(words), "log: %u lines were lost before this\n", lost);
	if (write(STDERR_FILENO, words, (size_t)n) < 0)
		return;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char line[1024];
	struct timespec now;
	struct tm utc;
	size_t len, start;
	va_list args;
	int n;

	if (!log_enabled(level))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	start = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
	n = snprintf(line + start, sizeof(line) - start, ".%03ldZ %s ", now.tv_nsec / 1000000,
	    names[level]);
	start += (size_t)n;
	va_start(args, format);
	n = vsnprintf(line + start, sizeof(line) - start - 1, format, args);
	va_end(args);
	len = start + (n > 0 ? (size_t)n : 0);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	keep_on_one_line(line + start, len - start);
	line[len++] = '\n';
	write_line(line, len);
}

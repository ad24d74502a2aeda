/*
 * Quantities as people write them, with their unit: 250ms, 16k, 0.01%.
 *
 * Exact: integers all the way, so what is written is what is kept; what does
 * not fit is an error, never rounded and never wrapped.
 */
#ifndef CONF_UNITS_H
#define CONF_UNITS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for any units_format_*(), its end included. */
enum {
	UNITS_TEXT_SIZE = 32
};

/* A whole number with us, ms, s, m, h or d; a bare 0 is 0. Kept in microseconds. */
__attribute__((warn_unused_result)) bool units_parse_duration(
    struct slice text, uint64_t *us, struct error *err);

/* Bytes, or a whole number with k, m or g (1024 each). */
__attribute__((warn_unused_result)) bool units_parse_size(
    struct slice text, uint64_t *bytes, struct error *err);

/* 0% to 100%, with at most four decimals. Kept in ppm. */
__attribute__((warn_unused_result)) bool units_parse_share(
    struct slice text, uint32_t *ppm, struct error *err);

/* A plain decimal from 0 to 1, as in 0.01, with at most six decimals. Kept in ppm. */
__attribute__((warn_unused_result)) bool units_parse_fraction(
    struct slice text, uint32_t *ppm, struct error *err);

/* In the largest unit that keeps it whole: "90s", "10m", "32k", "0.01%", "0.2". */
void units_format_duration(uint64_t us, char text[UNITS_TEXT_SIZE]);
void units_format_size(uint64_t bytes, char text[UNITS_TEXT_SIZE]);
void units_format_share(uint32_t ppm, char text[UNITS_TEXT_SIZE]);
void units_format_fraction(uint32_t ppm, char text[UNITS_TEXT_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do at most, as far as hal itself reaches it: bytes a second of a copy within its memory, operations a
 * second of a large product in each dtype. Measured now, or read from what an earlier run told. */
#ifndef HAL_BENCH_LIMITS_H
#define HAL_BENCH_LIMITS_H

#include <stdio.h>

#include "tools/hal-bench/bench.h"

enum { LIMITS_MOST_DTYPES = 8 };

/* value 0: not known, and `how` says why; else where it comes from. */
typedef struct limit {
    char dtype[16]; /* "" for the copy */
    double value, ci95;
    int64_t when;
    uint64_t runs;
    char how[200];
} limit;

typedef struct limits {
    char device[64], name[96]; /* alias, and what people call it */
    bool emulated;
    limit copy, peaks[LIMITS_MOST_DTYPES];
    uint32_t n_peaks;
} limits;

/* Asks for the peak of a dtype, which is not known yet; no more than once each. */
void limits_want(limits *l, const char *dtype);
/* Measures the copy and every peak that is wanted on the device called l->device. A figure that cannot be had is no failure. */
int limits_measure(limits *l, const bench_options *options, hal_instance *instance, tool_error *err);
/* Takes them from the lines that limits_print wrote, whatever other lines stand there. TOOL_NOT_FOUND: none is of the device. */
int limits_read(limits *l, const char *path, tool_error *err);
/* A line of JSON each. */
void limits_print(const limits *l, FILE *out);
/* That of a dtype, or NULL where it is not known. */
const limit *limits_peak(const limits *l, const char *dtype);

#endif

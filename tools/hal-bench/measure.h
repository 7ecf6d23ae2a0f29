/* SPDX-License-Identifier: Apache-2.0 */
/* What `mem` and `link` have in common: sizes, effort, and how a measurement is told. */
#ifndef HAL_BENCH_MEASURE_H
#define HAL_BENCH_MEASURE_H

#include <hal/topology.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-bench/sample.h"

/* One measured way. */
typedef struct measurement {
    const char *kind;           /* "link", "read", "write", "copy", "chase" */
    const char *from, *to;      /* aliases of devices, "host", or a memory */
    uint64_t bytes;             /* of one run */
    bench_summary rate, delay;  /* times of a large and of a small run; runs 0: not measured */
    double duplex;              /* both ways at once relative to one; 0 not measured */
    bool verified;              /* every byte arrived */
    bool paired;                /* both ends are devices whose memory the host does not reach: copies may go two ways */
    char staged[256];           /* why such copies go through host memory, or "" */
    char failure[256];          /* why there is no figure, or "" */
} measurement;

/* Bytes of a large run: what was asked for, else 64 MiB. */
uint64_t measure_bytes(const bench_options *options);
/* How many blocks of that size take turns, so that the last cache has lost one before it is used again: 3 to `most`. */
unsigned measure_blocks(uint64_t bytes, unsigned most);
/* At least ten runs and a second a figure; --quick makes it a tenth of that. */
bench_effort measure_effort(const bench_options *options);
/* A line on standard error that tells what is being measured, where there is a terminal. */
void measure_progress(const bench_options *options, const measurement *m);
/* How bytes go between its ends, where both are such devices. */
hal_copy_mode measure_mode(const measurement *m);
/* A line of text, or a JSON object. */
void measure_print(const bench_options *options, const measurement *m);

#endif

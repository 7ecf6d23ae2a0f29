/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a traced run went: what HAL_TRACE wrote, added up by device, operator and dtype. */
#ifndef HAL_BENCH_PROFILE_H
#define HAL_BENCH_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

/* All calls of an operator in one dtype. Calls that the trace tells neither operator nor work of have a row of their own,
 * whose `op` is "". */
typedef struct profile_row {
    char op[48], dtype[16];
    uint64_t calls;
    double seconds, flops, bytes;
} profile_row;

/* Spans of one kind. */
typedef struct profile_spans {
    uint64_t count;
    double seconds;
} profile_spans;

/* A device of the trace: its track's name. `ops` are all rows together; `span` is from the first beginning to the last end, of
 * each trace. */
typedef struct profile_device {
    char name[64];
    profile_row *rows;
    uint32_t n_rows;
    profile_spans ops, programs, copies;
    double span;
} profile_device;

enum { PROFILE_MOST_DEVICES = 32 };

/* Zero-initialise before the first profile_add. */
typedef struct profile {
    profile_device devices[PROFILE_MOST_DEVICES];
    uint32_t n_devices;
    uint64_t dropped; /* events that the trace had no room for */
} profile;

/* Adds the trace of a file. TOOL_BAD_INPUT: no JSON, no trace, or one without ops; the profile is then only good for
 * profile_clear. */
int profile_add(profile *p, const char *path, tool_error *err);
/* Puts rows in order; after the last trace. */
void profile_sort(profile *p);
void profile_clear(profile *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurements as text: what is kept, and what recorded trees hold in /hal/measurements. The first line is
 *
 *     hal-measurements 1
 *
 * then one a line, its words between tabs: KIND FROM TO BYTES BANDWIDTH LATENCY DUPLEX. A figure is VALUE:CI95:RUNS:WHEN, or -
 * when it was not measured. All numbers are whole: bytes per second, picoseconds, millionths, seconds since 1970.
 */
#ifndef HAL_DISCOVERY_MEASUREMENTS_H
#define HAL_DISCOVERY_MEASUREMENTS_H

#include "hal/discovery/files.h"
#include "hal/topology/build.h"

/* Rows, which the caller frees with the allocator. */
typedef struct hal_measurements {
    hal_measurement *rows;
    uint32_t n, room;
} hal_measurements;

/* INVALID_ARGUMENT names the line that is not of this form, with nothing kept; OUT_OF_MEMORY. */
hal_status hal_measurements_read(const hal_allocator *allocator, const char *origin, const char *text, size_t bytes,
                                 hal_measurements *out);
/* False when the stream failed. */
bool hal_measurements_print(const hal_measurements *m, FILE *out);
/* Those of the machine of `files`. NOT_FOUND when there are none or, of this machine, none to be trusted; errors of reading for
   a recorded one. */
hal_status hal_measurements_recall(const hal_allocator *allocator, const hal_files *files, hal_measurements *out);
/* Puts them into the draft. */
hal_status hal_scan_measurements(const hal_allocator *allocator, const hal_files *files, hal_draft *draft);

#endif

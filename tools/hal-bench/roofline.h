/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of a traced run beside the limits of the device they ran on.
 *
 * An operator that does `flops` on `bytes` cannot take less than either alone at the device's limits; the share of that time in
 * the time it took is how near it came. Bytes count each operand once, as if caches were perfect. Source: Williams, Waterman and
 * Patterson, Roofline, CACM 52 (2009).
 */
#ifndef HAL_BENCH_ROOFLINE_H
#define HAL_BENCH_ROOFLINE_H

#include <stdio.h>

#include "tools/hal-bench/limits.h"
#include "tools/hal-bench/profile.h"

typedef enum roofline_bound { ROOFLINE_UNKNOWN, ROOFLINE_MEMORY, ROOFLINE_COMPUTE } roofline_bound;

/* Of one row. Rates and the share of the limit are 0 where they are not known; `spare` is seconds beyond the limit. */
typedef struct roofline_point {
    double share, flop_rate, byte_rate, intensity, of_limit, spare;
    roofline_bound bound;
} roofline_point;

/* Devices of a profile, and of each its limits. */
typedef struct roofline {
    const profile *profile;
    limits limits[PROFILE_MOST_DEVICES];
    const char *only; /* the device to look at, or NULL: all */
    char **paths;     /* of the traces */
    int n_paths;
} roofline;

roofline_point roofline_judge(const profile_device *device, const limits *l, const profile_row *row);
const char *roofline_bound_name(roofline_bound bound);
bool roofline_shows(const roofline *r, uint32_t device);

/* roofline_page.c: all of it as one page that works from a disk, without scripts. */
void roofline_page_print(const roofline *r, FILE *out);
/* roofline_picture.c: a device's points under its roofs, as SVG within a page. */
void roofline_picture_print(const profile_device *device, const limits *l, FILE *out);

#endif

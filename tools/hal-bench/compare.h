/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements beside those of an earlier run. */
#ifndef HAL_BENCH_COMPARE_H
#define HAL_BENCH_COMPARE_H

#include <jansson.h>

#include "tools/hal-bench/measure.h"

/* Reads the lines that `mem --json` or `link --json` wrote; NULL without --compare. The caller's, json_decref. */
int compare_open(const bench_options *options, json_t **earlier, tool_error *err);
/* A line about a measurement, if it has a figure: how many times as fast as it was, and whether that is more than chance. */
void compare_print(const bench_options *options, const json_t *earlier, const measurement *m);

#endif

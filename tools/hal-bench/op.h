/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a device multiplies matrices, for who measures something else by it. */
#ifndef HAL_BENCH_OP_H
#define HAL_BENCH_OP_H

#include "tools/hal-bench/bench.h"

/* Times of one product of two n x n matrices of a dtype. */
hal_status op_square(hal_device *device, hal_dtype dtype, int64_t n, const bench_effort *effort, bench_summary *summary);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The workers of the cpu backend. A run is a list of steps; a step's chunks are claimed one by one, so a
   worker that lost its
 * core delays nobody unless it holds a chunk. */
#ifndef HAL_BACKENDS_CPU_POOL_H
#define HAL_BACKENDS_CPU_POOL_H

#include <ops/cpu/cpu.h>

typedef struct hal_cpu_pool hal_cpu_pool;

/* Chunks [0, chunks) of one phase of a call; chunks > 0. */
typedef struct hal_cpu_step { const hal_cpu_call *call; hal_cpu_run_fn *run; int64_t chunks; } hal_cpu_step;

/* Scratch of worker i begins at scratch + i * stride. */
typedef struct hal_cpu_run {
    const hal_cpu_step *steps;
    int64_t n_steps;
    char *scratch;
    size_t stride;
    int64_t *times;                      /* NULL, or room for n_steps + 1: when each step began and the last ended */
} hal_cpu_run;

/* `workers` counts the thread that calls hal_cpu_pool_run. The others call `settle`, unless it is NULL, with their number
   when they begin. NULL when memory or threads are not to be had. */
hal_cpu_pool *hal_cpu_pool_create(int64_t workers, void (*settle)(const void *context, int64_t worker), const void *context);
void hal_cpu_pool_destroy(hal_cpu_pool *pool);
int64_t hal_cpu_pool_workers(const hal_cpu_pool *pool);
/* Runs the steps in order and returns when all are done. One caller at a time. */
void hal_cpu_pool_run(hal_cpu_pool *pool, const hal_cpu_run *run);

#endif

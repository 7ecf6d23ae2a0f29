/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_BACKENDS_OPENCL_CLOCK_H
#define HAL_BACKENDS_OPENCL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of the clock that deadlines are told in. */
static inline int64_t hal_opencl_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

#endif

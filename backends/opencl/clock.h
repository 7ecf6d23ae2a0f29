/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_BACKENDS_OPENCL_CLOCK_H
#define HAL_BACKENDS_OPENCL_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds of the clock that deadlines are told in. */
static inline int64_t hal_opencl_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* A condition whose waits end by that clock. */
static inline void hal_opencl_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &clock);
    pthread_condattr_destroy(&clock);
}

/* Waits for a signal; false: the deadline came first. */
static inline bool hal_opencl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline) {
    const struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

#endif

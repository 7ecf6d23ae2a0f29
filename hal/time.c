/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <time.h>

int64_t hal_time_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t hal_deadline_ms(int64_t milliseconds)
{
    int64_t ahead, deadline;
    /* A deadline beyond the clock's end is the clock's end, not one in the past. */
    if (__builtin_mul_overflow(milliseconds, (int64_t)1000000, &ahead))
        return milliseconds < 0 ? 0 : INT64_MAX;
    if (__builtin_add_overflow(hal_time_now(), ahead, &deadline))
        return INT64_MAX;
    return deadline < 0 ? 0 : deadline;
}

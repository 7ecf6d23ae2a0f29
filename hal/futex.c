/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool hal_futex_wait(hal_futex *word, uint32_t seen, int64_t deadline)
{
    struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    if (deadline <= 0)
        return false;
    /* WAIT_BITSET is the form that takes an absolute CLOCK_MONOTONIC time. */
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, &until, NULL, FUTEX_BITSET_MATCH_ANY);
    return rc == 0 || errno != ETIMEDOUT;
}

void hal_futex_wake(hal_futex *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

bool hal_turn_take_by(hal_turn *turn, int64_t deadline)
{
    uint32_t free_state = 0;
    if (atomic_compare_exchange_strong_explicit(&turn->state, &free_state, 1, memory_order_acquire,
                                                memory_order_relaxed))
        return true;
    while (atomic_exchange_explicit(&turn->state, 2, memory_order_acquire) != 0)
        if (!hal_futex_wait(&turn->state, 2, deadline))
            return false;
    return true;
}

void hal_turn_take(hal_turn *turn)
{
    hal_turn_take_by(turn, INT64_MAX);
}

void hal_turn_give(hal_turn *turn)
{
    if (atomic_exchange_explicit(&turn->state, 0, memory_order_release) == 2)
        hal_futex_wake(&turn->state);
}

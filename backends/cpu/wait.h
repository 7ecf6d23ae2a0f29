/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a word to change: spin for a while, then sleep in the kernel. */
#ifndef HAL_BACKENDS_CPU_WAIT_H
#define HAL_BACKENDS_CPU_WAIT_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HAL_SPIN_MAX_NS 40000
#define HAL_SPIN_MIN_NS 1000

static inline int64_t hal_wait_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void hal_wait_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* True when the word changed within `*budget` ns. A wait in vain halves the budget: either there is nothing
   to do, or
   somebody else needs the core. */
static inline bool hal_wait_spin(const _Atomic uint32_t *word, uint32_t seen, int64_t *budget) {
    int64_t end = 0;
    for (int i = 0;; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) {
            *budget = *budget * 2 > HAL_SPIN_MAX_NS ? HAL_SPIN_MAX_NS : *budget * 2;
            return true;
        }
        hal_wait_pause();
        if (i % 16 != 0) continue;
        int64_t now = hal_wait_now();
        if (end == 0) end = now + *budget;
        if (now >= end) break;
    }
    *budget = *budget / 2 < HAL_SPIN_MIN_NS ? HAL_SPIN_MIN_NS : *budget / 2;
    return false;
}

static inline void hal_wait_sleep(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static inline void hal_wait_wake(_Atomic uint32_t *word, int n) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

#endif

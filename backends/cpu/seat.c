/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out where workers run and where pages lie. Both are hints: a system that refuses them runs the same
   programs, slower. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#ifdef HAL_HAVE_NUMA
#include <numaif.h>
#endif

#include "place.h"

bool hal_cpu_seats_create(int64_t wanted, hal_cpu_seats *seats) {
    hal_cpu_seats s = {0};
    if (!hal_cpu_machine_here(&s.machine)) return false;
    if (!hal_cpu_place(&s.machine, wanted, &s.placement)) {
        free(s.machine.units);
        return false;
    }
    *seats = s;
    return true;
}

void hal_cpu_seats_free(hal_cpu_seats *seats) {
    free(seats->machine.units);
    free(seats->placement.actions);
}

static bool allowed(const hal_cpu_unit *unit, const hal_cpu_action *action) {
    return action->kind == HAL_CPU_BIND_UNIT ? unit->unit == action->target : unit->node == action->target;
}

static void bind(const hal_cpu_machine *m, const hal_cpu_action *action) {
    size_t most = 0;
    for (int64_t i = 0; i < m->n; i++)
        if ((size_t)m->units[i].unit > most) most = (size_t)m->units[i].unit;
    cpu_set_t *set = CPU_ALLOC(most + 1);
    size_t bytes = CPU_ALLOC_SIZE(most + 1);
    if (!set) return;
    CPU_ZERO_S(bytes, set);
    for (int64_t i = 0; i < m->n; i++)
        if (allowed(&m->units[i], action)) CPU_SET_S((size_t)m->units[i].unit, bytes, set);
    pthread_setaffinity_np(pthread_self(), bytes, set);
    CPU_FREE(set);
}

void hal_cpu_seats_take(const hal_cpu_seats *seats, int64_t worker) {
    for (int64_t i = 0; i < seats->placement.n; i++) {
        const hal_cpu_action *a = &seats->placement.actions[i];
        if ((a->kind == HAL_CPU_BIND_UNIT || a->kind == HAL_CPU_BIND_NODE) && a->worker == worker) bind(&seats->machine, a);
    }
}

#ifdef HAL_HAVE_NUMA
enum { MOST_NODES = 1024, WORD = 8 * sizeof(unsigned long) };

/* mbind and not libnuma's wrappers, which print what they do not like. One node is a preference, not a limit. */
void hal_cpu_seats_pages(const hal_cpu_seats *seats, void *address, uint64_t bytes) {
    unsigned long nodes[MOST_NODES / WORD] = {0};
    int n = 0;
    for (int64_t i = 0; i < seats->placement.n; i++) {
        const hal_cpu_action *a = &seats->placement.actions[i];
        if (a->kind != HAL_CPU_PAGES || a->target < 0 || a->target >= MOST_NODES) continue;
        nodes[(size_t)a->target / WORD] |= 1ul << ((size_t)a->target % WORD);
        n++;
    }
    if (n > 0) mbind(address, bytes, n > 1 ? MPOL_INTERLEAVE : MPOL_PREFERRED, nodes, MOST_NODES, 0);
}
#else
void hal_cpu_seats_pages(const hal_cpu_seats *seats, void *address, uint64_t bytes) {
    (void)seats;
    (void)address;
    (void)bytes;
}
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How many workers there are, where they run and where large memory lies: a function from what the machine allows
   to a list of actions, so that machines that are not here can be tried. */
#ifndef HAL_BACKENDS_CPU_PLACE_H
#define HAL_BACKENDS_CPU_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#define HAL_CPU_MOST_WORKERS 1024

/* A hardware thread of the affinity mask: the system's number, its core, the NUMA node next to it. */
typedef struct hal_cpu_unit { int32_t unit, core, node; } hal_cpu_unit;
/* `quota`: cores' worth of time that the cgroups grant, 0 for no limit. */
typedef struct hal_cpu_machine { hal_cpu_unit *units; int64_t n, quota; } hal_cpu_machine;

typedef enum hal_cpu_action_kind {
    HAL_CPU_START,                       /* a worker; worker 0 is the thread that runs programs */
    HAL_CPU_BIND_UNIT,                   /* a worker to a hardware thread */
    HAL_CPU_BIND_NODE,                   /* a worker to those of a node that are in the mask */
    HAL_CPU_PAGES                        /* large memory to a node; several: in turn over all of them */
} hal_cpu_action_kind;
typedef struct hal_cpu_action { hal_cpu_action_kind kind; int64_t worker; int32_t target; } hal_cpu_action;
typedef struct hal_cpu_placement { hal_cpu_action *actions; int64_t n; } hal_cpu_placement;

/* `wanted` 0: a worker a core, cut to the quota. False when there is no memory. */
bool hal_cpu_place(const hal_cpu_machine *machine, int64_t wanted, hal_cpu_placement *placement);
int64_t hal_cpu_placement_workers(const hal_cpu_placement *placement);

/* --- machine.c: this machine, and the topology of any */
struct hwloc_topology;
struct hwloc_bitmap_s;
/* The units of `mask` as hwloc sees them. False when there is no memory or none is in the mask. */
bool hal_cpu_machine_read(struct hwloc_topology *topology, const struct hwloc_bitmap_s *mask, hal_cpu_machine *machine);
/* This thread's mask on this machine, with the quota of its cgroups. */
bool hal_cpu_machine_here(hal_cpu_machine *machine);

/* --- count.c: cores' worth of time granted by the cgroup of this process and those above it, rounded up; 0: no limit. */
int64_t hal_cpu_quota(void);

/* --- seat.c: carries the actions out; what the system refuses is left as it is. */
typedef struct hal_cpu_seats { hal_cpu_machine machine; hal_cpu_placement placement; } hal_cpu_seats;
bool hal_cpu_seats_create(int64_t wanted, hal_cpu_seats *seats);
void hal_cpu_seats_free(hal_cpu_seats *seats);
/* Binds the calling thread as that worker. */
void hal_cpu_seats_take(const hal_cpu_seats *seats, int64_t worker);
/* Says where pages not yet touched shall lie. */
void hal_cpu_seats_pages(const hal_cpu_seats *seats, void *address, uint64_t bytes);

#endif

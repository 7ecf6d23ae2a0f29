/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker a core, first one thread of each core, then the siblings. Few workers keep to the smallest node that
 * holds them all, more fill the largest nodes first. A pool that has the whole mask binds each worker to a thread
 * of its own. One that has less of it shares the cores with others, who would choose the same ones: it keeps to
 * its nodes and leaves the choice of core to the system.
 */
#include "place.h"

#include <stdlib.h>

/* A place to run: `round` counts siblings of a core, `rank` orders nodes. */
typedef struct seat { hal_cpu_unit at; int64_t round, rank; } seat;

static int64_t siblings_before(const hal_cpu_machine *m, int64_t i) {
    int64_t n = 0;
    for (int64_t j = 0; j < i; j++) n += m->units[j].core == m->units[i].core;
    return n;
}

/* Cores of a node, or of all nodes when it is negative. */
static int64_t cores(const seat *seats, int64_t n, int32_t node) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += seats[i].round == 0 && (node < 0 || seats[i].at.node == node);
    return count;
}

static bool several_nodes(const seat *seats, int64_t n) {
    for (int64_t i = 1; i < n; i++)
        if (seats[i].at.node != seats[0].at.node) return true;
    return false;
}

/* The smallest node with room for all workers comes first, then larger before smaller. */
static void rank_nodes(seat *seats, int64_t n, int64_t workers) {
    int32_t best = -1;
    int64_t room = INT64_MAX;
    for (int64_t i = 0; i < n; i++) {
        int64_t have = cores(seats, n, seats[i].at.node);
        seats[i].rank = -have;
        if (have < workers || have > room || (have == room && seats[i].at.node >= best)) continue;
        best = seats[i].at.node;
        room = have;
    }
    for (int64_t i = 0; i < n; i++)
        if (seats[i].at.node == best) seats[i].rank = INT64_MIN;
}

static int in_order(const void *left, const void *right) {
    const seat *a = left, *b = right;
    const int64_t x[] = {a->round, a->rank, a->at.node, a->at.core, a->at.unit};
    const int64_t y[] = {b->round, b->rank, b->at.node, b->at.core, b->at.unit};
    for (int i = 0; i < 5; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

static void add(hal_cpu_placement *p, hal_cpu_action_kind kind, int64_t worker, int32_t target) {
    p->actions[p->n++] = (hal_cpu_action){kind, worker, target};
}

static void add_pages(hal_cpu_placement *p, const seat *seats, int64_t used) {
    for (int64_t i = 0; i < used; i++) {
        bool known = false;
        for (int64_t j = 0; j < i; j++) known = known || seats[j].at.node == seats[i].at.node;
        if (!known) add(p, HAL_CPU_PAGES, 0, seats[i].at.node);
    }
}

static void fill(const hal_cpu_machine *m, const seat *seats, int64_t workers, hal_cpu_placement *p) {
    const int64_t all = cores(seats, m->n, -1);
    const bool whole = workers >= all && workers <= m->n && (m->quota == 0 || m->quota >= all);
    const bool nodes = several_nodes(seats, m->n);
    for (int64_t w = 0; w < workers; w++) add(p, HAL_CPU_START, w, 0);
    for (int64_t w = 0; w < workers && (whole || nodes); w++) {
        const hal_cpu_unit *at = &seats[w % m->n].at;
        add(p, whole ? HAL_CPU_BIND_UNIT : HAL_CPU_BIND_NODE, w, whole ? at->unit : at->node);
    }
    if (nodes) add_pages(p, seats, workers < m->n ? workers : m->n);
}

static int64_t worker_count(const hal_cpu_machine *m, const seat *seats, int64_t wanted) {
    int64_t n = wanted > 0 ? wanted : cores(seats, m->n, -1);
    if (wanted <= 0 && m->quota > 0 && m->quota < n) n = m->quota;
    return n > HAL_CPU_MOST_WORKERS ? HAL_CPU_MOST_WORKERS : n;
}

bool hal_cpu_place(const hal_cpu_machine *m, int64_t wanted, hal_cpu_placement *placement) {
    seat *seats = calloc((size_t)m->n, sizeof *seats);
    if (!seats) return false;
    for (int64_t i = 0; i < m->n; i++) seats[i] = (seat){m->units[i], siblings_before(m, i), 0};
    int64_t workers = worker_count(m, seats, wanted);
    rank_nodes(seats, m->n, workers);
    qsort(seats, (size_t)m->n, sizeof *seats, in_order);
    hal_cpu_placement p = {calloc((size_t)(3 * workers), sizeof *p.actions), 0};
    if (p.actions) fill(m, seats, workers, &p);
    free(seats);
    if (!p.actions) return false;
    *placement = p;
    return true;
}

int64_t hal_cpu_placement_workers(const hal_cpu_placement *placement) {
    int64_t n = 0;
    for (int64_t i = 0; i < placement->n; i++) n += placement->actions[i].kind == HAL_CPU_START;
    return n;
}

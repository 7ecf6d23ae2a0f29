/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mix.h"

/* Entries that PoCL may have before it drops any, less some for kernels that others in the process launch. */
enum { MOST_ENTRIES = 112, SOUND_SINCE = 7 };

/* What makes PoCL add an entry: a kernel with this mark in a grid wider than that. */
typedef struct known { uint64_t mark; size_t width; } known;

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Programs under way in all queues, and those that are not known; visitors who wait to start one of these. */
    uint32_t under_way, first, waiting;
    known known[MOST_ENTRIES];
    uint32_t n_known, n_entries;
    bool crowded;
} gate = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

bool hal_opencl_gate_guards(const char *platform, const char *driver) {
    return strcmp(platform, "Portable Computing Language") == 0 && strtol(driver, NULL, 10) < SOUND_SINCE;
}

/* -------------------------------------------------------------------------------------------- what is known -- */

static uint64_t mark_of(const hal_opencl_program *p, uint32_t step) {
    const hal_opencl_launch *l = &p->launches[step];
    uint64_t mark = hal_opencl_binary_mark(l->binary);
    mark = hal_opencl_mix(mark, &p->device->id, sizeof p->device->id);
    mark = hal_opencl_mix(mark, l->entry, strlen(l->entry));
    return hal_opencl_mix(mark, p->chain->steps[step].group, sizeof p->chain->steps[step].group);
}

/* As PoCL has it: the third dimension does not count. */
static size_t width_of(const hal_opencl_program *p, uint32_t step) {
    const size_t *global = p->chain->steps[step].global;
    return global[0] > global[1] ? global[0] : global[1];
}

/* NULL: never met. */
static known *find(uint64_t mark) {
    for (uint32_t i = 0; i < gate.n_known; i++)
        if (gate.known[i].mark == mark) return &gate.known[i];
    return NULL;
}

static bool knows(const hal_opencl_program *p) {
    for (uint32_t i = 0; i < p->chain->n_steps; i++) {
        const known *k = find(mark_of(p, i));
        if (!k || k->width < width_of(p, i)) return false;
    }
    return true;
}

bool hal_opencl_gate_knows(const hal_opencl_program *program) {
    pthread_mutex_lock(&gate.lock);
    const bool all = !gate.crowded && knows(program);
    pthread_mutex_unlock(&gate.lock);
    return all;
}

static void learn(const hal_opencl_program *p, uint32_t step) {
    const uint64_t mark = mark_of(p, step);
    known *k = find(mark);
    if (k && k->width >= width_of(p, step)) return;
    if (++gate.n_entries > MOST_ENTRIES) {
        gate.crowded = true;
        return;
    }
    if (!k) k = &gate.known[gate.n_known++];
    *k = (known){mark, width_of(p, step)};
}

void hal_opencl_gate_learn(const hal_opencl_program *program) {
    pthread_mutex_lock(&gate.lock);
    for (uint32_t i = 0; i < program->chain->n_steps && !gate.crowded; i++) learn(program, i);
    pthread_mutex_unlock(&gate.lock);
}

void hal_opencl_gate_crowd(void) {
    pthread_mutex_lock(&gate.lock);
    gate.crowded = true;
    pthread_mutex_unlock(&gate.lock);
}

/* ---------------------------------------------------------------------------------------- entering and leaving -- */

static void make_condition(void) { hal_opencl_condition_init(&gate.changed); }

/* Known programs let those go first that wait for the others to end, or these would wait for ever. */
static bool may(const hal_opencl_visitor *v, bool first) {
    if (first) return gate.under_way == v->under_way;
    return gate.first == v->first && gate.waiting == 0;
}

static bool wait_until(const hal_opencl_visitor *v, bool *first, int64_t deadline) {
    const bool was_first = *first;
    bool late = false;
    gate.waiting += was_first;
    while (!may(v, *first) && !late) {
        late = !hal_opencl_condition_wait(&gate.changed, &gate.lock, deadline);
        *first = was_first || gate.crowded;
    }
    gate.waiting -= was_first;
    if (was_first) pthread_cond_broadcast(&gate.changed);
    return may(v, *first);
}

bool hal_opencl_gate_enter(hal_opencl_visitor *v, bool *first, int64_t deadline) {
    pthread_once(&gate.once, make_condition);
    pthread_mutex_lock(&gate.lock);
    *first = *first || gate.crowded;
    const bool in = may(v, *first) || wait_until(v, first, deadline);
    if (in) {
        gate.under_way++;
        v->under_way++;
        gate.first += *first;
        v->first += *first;
    }
    pthread_mutex_unlock(&gate.lock);
    return in;
}

void hal_opencl_gate_leave(hal_opencl_visitor *v, bool first) {
    pthread_mutex_lock(&gate.lock);
    gate.under_way--;
    v->under_way--;
    gate.first -= first;
    v->first -= first;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

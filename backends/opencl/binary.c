/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binaries: what is compiled of one text. Programs of a device that need the same text share it, so a whole model needs
 * few of them.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "clock.h"
#include "mix.h"

/* What a process may be kept at its end, and what is too little to tell dear from cheap by. */
#define STORE_NS (INT64_C(2) * 1000000000)
#define DEAR_NS  INT64_C(20000000)

struct hal_opencl_binary {
    hal_portable_binary base;
    cl_program program;
    uint64_t mark;
    /* What it took to get, in nanoseconds. */
    int64_t took;
    /* It came from the host's cache, or is there by now. */
    bool stored;
};

cl_program hal_opencl_binary_program(const hal_opencl_binary *binary) { return binary->program; }

uint64_t hal_opencl_binary_mark(const hal_opencl_binary *binary) { return binary->mark; }

static void binary_free(const hal_opencl_device *d, hal_opencl_binary *b) {
    if (!b) return;
    if (b->program) d->cl.clReleaseProgram(b->program);
    hal_portable_binary_free(&b->base);
}

static hal_status add(hal_opencl_device *d, const hal_portable_program *p, hal_opencl_binary **out) {
    hal_opencl_binary *b = hal_portable_binary_create(sizeof *b, p);
    char *source = b ? hal_portable_source(p) : NULL;
    const uint64_t mark = source ? hal_opencl_mix(HAL_OPENCL_MIX_BEGIN, source, strlen(source)) : 0;
    const int64_t begin = hal_opencl_now();
    hal_status status = source ? hal_opencl_build(d, source, p->file, &b->program, &b->stored)
        : hal_opencl_no_memory(d->host, "the text of kernels");
    free(source);
    if (status != HAL_OK) {
        binary_free(d, b);
        return status;
    }
    b->took = hal_opencl_now() - begin;
    b->mark = mark;
    b->base.next = d->binaries;
    d->binaries = &b->base;
    *out = b;
    return HAL_OK;
}

/* One text is built at a time, so that two programs never build the same one. */
hal_status hal_opencl_binary_get(hal_opencl_device *d, const hal_portable_program *p, hal_opencl_binary **out) {
    hal_status status = HAL_OK;
    pthread_mutex_lock(&d->build);
    hal_opencl_binary *b = (hal_opencl_binary *)hal_portable_binary_find(d->binaries, p);
    if (!b) status = add(d, p, &b);
    if (status == HAL_OK) {
        b->base.users++;
        *out = b;
    }
    pthread_mutex_unlock(&d->build);
    return status;
}

void hal_opencl_binary_put(hal_opencl_device *d, hal_opencl_binary *binary) {
    if (!binary) return;
    pthread_mutex_lock(&d->build);
    binary->base.users--;
    pthread_mutex_unlock(&d->build);
}

void hal_opencl_binaries_trim(hal_opencl_device *d) {
    pthread_mutex_lock(&d->build);
    for (hal_portable_binary *b; (b = hal_portable_binary_take_unused(&d->binaries));)
        binary_free(d, (hal_opencl_binary *)b);
    pthread_mutex_unlock(&d->build);
}

/* Nanoseconds that the driver took to give it. */
static int64_t store(const hal_opencl_device *d, hal_opencl_binary *b) {
    char *source = hal_portable_source(&b->base.what);
    const int64_t took = source ? hal_opencl_build_store(d, b->program, source) : 0;
    free(source);
    b->stored = true;
    return took;
}

/* Of those that are not stored, the one that took least. NULL: all are. */
static hal_opencl_binary *cheapest(const hal_opencl_device *d) {
    hal_opencl_binary *best = NULL;
    for (hal_portable_binary *at = d->binaries; at; at = at->next) {
        hal_opencl_binary *b = (hal_opencl_binary *)at;
        if (!b->stored && (!best || b->took < best->took)) best = b;
    }
    return best;
}

/*
 * A driver that takes longer to give a binary than it took to build it compiles for that, and keeps what it compiles for
 * the next process by itself, as PoCL does: it is asked once, for the cheapest, and a note spares it later processes. What
 * is not stored in time is built again by the next process, which then stores it.
 */
void hal_opencl_binaries_store(hal_opencl_device *d) {
    const hal_opencl_keep keep = d->state->keep;
    const int64_t deadline = hal_opencl_now() + STORE_NS;
    hal_opencl_binary *b = keep == HAL_OPENCL_KEEP_NONE ? NULL : cheapest(d);
    if (b && keep == HAL_OPENCL_KEEP_CHEAP && hal_opencl_build_is_noted(d)) return;
    for (; b && (keep == HAL_OPENCL_KEEP_ALL || hal_opencl_now() < deadline); b = cheapest(d)) {
        const int64_t took = store(d, b);
        if (keep == HAL_OPENCL_KEEP_ALL || took <= DEAR_NS || took <= b->took) continue;
        hal_opencl_build_note(d);
        return;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: a description becomes launches. Sizes that hang on symbols are worked out again when a symbol changes, which
 * compiles nothing as long as the planner chooses the same variants; scratch memory grows then, never during a run.
 */
#include <stdlib.h>

#include "kernel.h"
#include "tune.h"

/* ------------------------------------------------------------------------------------------- planning -- */

/* Kernels keep what they use, so the memory that is replaced may still be in use by work that runs. */
static hal_status grow_scratch(hal_opencl_program *p, uint64_t bytes) {
    cl_mem bigger = NULL;
    if (bytes <= p->scratch_bytes) return HAL_OK;
    HAL_TRY(hal_opencl_buffer_create(p->device, bytes, &bigger));
    hal_opencl_buffer_free(p->device, p->scratch, p->scratch_bytes);
    p->scratch = bigger;
    p->scratch_bytes = bytes;
    return HAL_OK;
}

static hal_status plan(hal_opencl_program *p, const int64_t *symbols, int64_t deadline) {
    HAL_TRY(hal_portable_chain_plan(p->chain, symbols, deadline));
    HAL_TRY(grow_scratch(p, p->chain->scratch_bytes));
    return hal_opencl_kernels_set(p);
}

hal_status hal_opencl_program_plan(hal_opencl_program *p, const int64_t *symbols, int64_t deadline) {
    if (hal_portable_chain_stands(p->chain, symbols)) return HAL_OK;
    p->known = false;
    for (uint32_t i = 0; i < p->chain->description->n_bindings; i++) p->places[i].stale = true;
    const hal_status status = plan(p, symbols, deadline);
    p->chain->planned = status == HAL_OK;
    return status;
}

/* -------------------------------------------------------------------------------------------- compiling -- */

void hal_opencl_program_free(void *device, void *compiled) {
    hal_opencl_program *p = compiled;
    hal_opencl_device *d = device;
    hal_opencl_kernels_free(p);
    hal_opencl_buffer_free(d, p->scratch, p->scratch_bytes);
    if (p->last) d->cl.clReleaseEvent(p->last);
    pthread_mutex_destroy(&p->lock);
    hal_portable_chain_free(p->chain);
    free(p->places);
    free(p->extents);
    free(p);
}

static hal_opencl_program *create(hal_opencl_device *device, const hal_description *d, bool small_tiles) {
    hal_portable_traits traits = device->traits;
    hal_opencl_program *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    const hal_portable_driver driver = {.host = device->host, .who = device->who, .prepare = hal_opencl_kernel_prepare, .context = p};
    p->device = device;
    traits.small_tiles = small_tiles;
    pthread_mutex_init(&p->lock, NULL);
    p->chain = hal_portable_chain_create(&driver, d, &traits);
    p->places = calloc((size_t)d->n_bindings + 1, sizeof *p->places);
    p->extents = calloc((size_t)d->n_bindings + 1, sizeof *p->extents);
    if (p->chain && p->places && p->extents) return p;
    hal_opencl_program_free(device, p);
    return NULL;
}

/* Plans for the largest sizes, so that submissions seldom take memory and seldom meet a text that is not compiled. */
hal_status hal_opencl_program_make(hal_opencl_device *device, const hal_description *d, bool small_tiles, int64_t deadline,
                                   hal_opencl_program **made) {
    hal_opencl_program *p = create(device, d, small_tiles);
    int64_t *largest = p ? calloc((size_t)d->n_symbols + 1, sizeof *largest) : NULL;
    if (!largest) {
        if (p) hal_opencl_program_free(device, p);
        return hal_opencl_no_memory(device->host, "a program");
    }
    for (uint32_t i = 0; i < d->n_symbols; i++) largest[i] = hal_description_symbols(d)[i].max;
    hal_status status = hal_opencl_program_plan(p, largest, deadline);
    free(largest);
    if (status != HAL_OK) hal_opencl_program_free(device, p);
    else *made = p;
    return status;
}

hal_status hal_opencl_compile(void *opaque, const hal_description *d, int64_t deadline, void **compiled) {
    hal_opencl_device *device = opaque;
    const hal_portable_driver driver = {.host = device->host, .who = device->who};
    hal_opencl_program *p = NULL;
    HAL_TRY(hal_portable_check(&driver, &device->traits, device->state->primitives_only, d));
    hal_opencl_tune(device, d, deadline);
    HAL_TRY(hal_opencl_program_make(device, d, device->small_tiles, deadline, &p));
    device->programs++;
    *compiled = p;
    return HAL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: a description becomes launches. Sizes that hang on symbols are worked out again when a symbol changes, which
 * compiles nothing as long as the planner chooses the same variants; scratch memory grows then, never during a run.
 */
#include <stdlib.h>

#include "graph.h"
#include "kernel.h"
#include "taken.h"

/* The memory that is replaced may still be in use by work that runs, which `done` ends. */
static hal_status grow_scratch(hal_cuda_program *p, uint64_t bytes) {
    hal_cuda_device *d = p->device;
    CUdeviceptr bigger = 0;
    if (bytes <= p->scratch_bytes) return HAL_OK;
    CUresult e = p->done ? CUDA_SUCCESS : d->cu.cuEventCreate(&p->done, CU_EVENT_DISABLE_TIMING);
    if (e == CUDA_SUCCESS) e = hal_cuda_take(d, bytes, d->stream, &bigger);
    if (e == CUDA_SUCCESS) e = d->cu.cuStreamSynchronize(d->stream);
    if (e == CUDA_SUCCESS && p->last_queue) e = d->cu.cuStreamWaitEvent(d->stream, p->done, 0);
    if (e != CUDA_SUCCESS) {
        hal_cuda_give(d, bigger, bytes, d->stream);
        return hal_cuda_fail(d, e, "scratch memory of %llu bytes (hal has given %llu of %llu; use a smaller batch)",
            (unsigned long long)bytes, (unsigned long long)d->given, (unsigned long long)d->memory_bytes);
    }
    hal_cuda_give(d, p->scratch, p->scratch_bytes, d->stream);
    p->scratch = bigger;
    p->scratch_bytes = bytes;
    return HAL_OK;
}

static uint64_t bytes_of(const hal_cuda_program *p) {
    const hal_description *d = p->chain->description;
    uint64_t bytes = p->scratch_bytes;
    for (uint32_t i = 0; i < d->n_bindings; i++) bytes += hal_description_bindings(d)[i].bytes;
    return bytes;
}

/* The grid's second and third side are shorter than what a planner may ask for. */
static hal_status check_grid(const hal_cuda_program *p) {
    const hal_cuda_device *d = p->device;
    for (uint32_t i = 0; i < p->chain->n_steps; i++) {
        const hal_portable_step *s = &p->chain->steps[i];
        const size_t x = s->global[0] / s->group[0], y = s->global[1] / s->group[1], z = s->global[2] / s->group[2];
        if (x <= INT32_MAX && y <= UINT16_MAX && z <= UINT16_MAX) continue;
        return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "%s: kernel \"%s\" would run in %zu x %zu x %zu groups, CUDA allows 2147483647 x 65535 x 65535; run the op on "
            "another device, or split it", d->who, p->launches[i].entry, x, y, z);
    }
    return HAL_OK;
}

hal_status hal_cuda_program_plan(hal_cuda_program *p, const int64_t *symbols, int64_t deadline) {
    if (hal_portable_chain_stands(p->chain, symbols)) return HAL_OK;
    hal_cuda_graph_drop(p);
    p->runs = 0;
    hal_status status = hal_portable_chain_plan(p->chain, symbols, deadline);
    if (status == HAL_OK) status = check_grid(p);
    if (status == HAL_OK) status = grow_scratch(p, p->chain->scratch_bytes);
    if (status == HAL_OK) status = hal_cuda_kernels_set(p);
    p->chain->planned = status == HAL_OK;
    p->bytes = bytes_of(p);
    return status;
}

/* -------------------------------------------------------------------------------------------- compiling -- */

/* Under the context. */
static void program_free(hal_cuda_program *p) {
    hal_cuda_device *d = p->device;
    hal_cuda_graph_drop(p);
    hal_cuda_kernels_free(p);
    hal_cuda_give(d, p->scratch, p->scratch_bytes, d->stream);
    if (p->done) d->cu.cuEventDestroy(p->done);
    pthread_mutex_destroy(&p->lock);
    hal_portable_chain_free(p->chain);
    free(p->places);
    free(p);
}

void hal_cuda_program_free(void *device, void *compiled) {
    hal_cuda_device *d = device;
    const bool current = hal_cuda_return(d);
    program_free(compiled);
    if (current) hal_cuda_leave(d);
}

static hal_cuda_program *create(hal_cuda_device *device, const hal_description *d) {
    hal_cuda_program *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    const hal_portable_driver driver = {device->host, device->who, hal_cuda_kernel_prepare, p, hal_cuda_taken_ask};
    p->device = device;
    pthread_mutex_init(&p->lock, NULL);
    p->chain = hal_portable_chain_create(&driver, d, &device->traits);
    p->places = calloc((size_t)d->n_bindings + 1, sizeof *p->places);
    p->graphless = device->state->traced || device->state->ranged || !device->state->graphs;
    if (p->chain && p->places) return p;
    program_free(p);
    return NULL;
}

/* Plans for the largest sizes, so that submissions seldom take memory and seldom meet a text that is not compiled. */
static hal_status make(hal_cuda_device *device, const hal_description *d, int64_t deadline, hal_cuda_program **made) {
    hal_cuda_program *p = create(device, d);
    int64_t *largest = calloc((size_t)d->n_symbols + 1, sizeof *largest);
    hal_status status = HAL_OK;
    for (uint32_t i = 0; largest && i < d->n_symbols; i++) largest[i] = hal_description_symbols(d)[i].max;
    if (p && largest) status = hal_cuda_program_plan(p, largest, deadline);
    else status = hal_cuda_no_memory(device->host, "a program");
    free(largest);
    if (status == HAL_OK) *made = p;
    else if (p) program_free(p);
    return status;
}

hal_status hal_cuda_compile(void *opaque, const hal_description *d, int64_t deadline, void **compiled) {
    hal_cuda_device *device = opaque;
    const hal_portable_driver driver = {.host = device->host, .who = device->who};
    hal_cuda_program *p = NULL;
    HAL_TRY(hal_portable_check(&driver, &device->traits, device->state->primitives_only, d));
    HAL_TRY(hal_cuda_enter(device));
    const hal_status status = make(device, d, deadline, &p);
    hal_cuda_leave(device);
    if (status != HAL_OK) return status;
    device->programs++;
    *compiled = p;
    return HAL_OK;
}

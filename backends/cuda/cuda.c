/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA backend: the table that the core loads, and what is asked of a device without running anything. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static bool option_set(const hal_host *host, const char *name) {
    const char *text = host->option(host->context, name);
    return text && *text && strcmp(text, "0") != 0;
}

static hal_cuda_blas_use blas_use(const char *text) {
    if (!text) return HAL_CUDA_BLAS_LARGE;
    return strcmp(text, "off") == 0 ? HAL_CUDA_BLAS_OFF : strcmp(text, "all") == 0 ? HAL_CUDA_BLAS_ALL : HAL_CUDA_BLAS_LARGE;
}

/* NVTX finds its listener by this variable, which profilers set for what they start. */
static bool ranges_wanted(const char *text) {
    return text ? strcmp(text, "on") == 0 : secure_getenv("NVTX_INJECTION64_PATH") != NULL;
}

static bool dnn_wanted(const char *text) { return text && strcmp(text, "cudnn") == 0; }

static hal_status cuda_open(const hal_host *host, void **out) {
    hal_cuda_state *state = calloc(1, sizeof *state);
    if (!state) return hal_cuda_no_memory(host, "starting");
    const char *graphs = secure_getenv("HAL_CUDA_GRAPHS");
    state->host = host;
    state->primitives_only = option_set(host, "primitives_only");
    state->graphs = !graphs || strcmp(graphs, "off") != 0;
    state->blas = blas_use(secure_getenv("HAL_CUDA_BLAS"));
    state->ranged = ranges_wanted(secure_getenv("HAL_CUDA_RANGES"));
    state->dnn = dnn_wanted(secure_getenv("HAL_CUDA_ATTENTION"));
    /* a host older than the hook has a shorter table */
    state->traced = host->size >= offsetof(hal_host, trace_op) + sizeof host->trace_op && host->trace_op;
    hal_claims_open(&state->claims, "cuda", hal_cuda_claim_same);
    *out = state;
    return HAL_OK;
}

static void cuda_close(void *opaque) {
    hal_cuda_state *state = opaque;
    hal_claims_close(&state->claims);
    free(state);
}

static hal_status cuda_support(void *device, const hal_description *program, hal_support_answer *answers) {
    const hal_cuda_device *d = device;
    hal_portable_support(d->host, &d->traits, d->state->primitives_only, program, answers);
    return HAL_OK;
}

static hal_status cuda_cost(void *device, const hal_description *program, hal_cost *cost) {
    (void)device;
    *cost = hal_portable_cost(program, 1e12, 3e-6);
    return HAL_OK;
}

static uint64_t cuda_counter(void *opaque, const char *name) {
    const hal_cuda_device *d = opaque;
    if (strcmp(name, "ops") == 0) return d->ops;
    if (strcmp(name, "programs") == 0) return d->programs;
    if (strcmp(name, "kernels") == 0) return d->kernels;
    if (strcmp(name, "graphs") == 0) return d->graphs;
    if (strcmp(name, "products") == 0) return d->products;
    if (strcmp(name, "products left") == 0) return d->products_left;
    if (strcmp(name, "host bytes") == 0) return d->host_bytes;
    if (strcmp(name, "peer bytes") == 0) return d->peer_bytes;
    if (strcmp(name, "attentions") == 0) return d->attentions;
    if (strcmp(name, "attentions left") == 0) return d->attentions_left;
    return strcmp(name, "binaries") == 0 ? d->loaded : 0;
}

static const hal_backend cuda_backend = {
    HAL_HEAD(hal_backend), .abi = HAL_BACKEND_ABI, .sanitizer = HAL_BACKEND_SANITIZER,
    .features = HAL_FEATURE_DYNAMIC | HAL_FEATURE_IN_PLACE, .name = "cuda", .description = "devices with NVIDIA's driver",
    .build_id = "cuda-1", .open = cuda_open, .close = cuda_close, .claim = hal_cuda_claim,
    .device_open = hal_cuda_device_open, .device_close = hal_cuda_device_close, .alloc = hal_cuda_alloc,
    .free = hal_cuda_free, .support = cuda_support, .cost = cuda_cost, .compile = hal_cuda_compile,
    .program_free = hal_cuda_program_free, .queue_create = hal_cuda_queue_create,
    .queue_destroy = hal_cuda_queue_destroy, .submit = hal_cuda_submit, .copy = hal_cuda_copy,
    .counter = cuda_counter, .vendors = "cuda", .driver = hal_cuda_claim_driver, .peer = hal_cuda_peer,
};

HAL_BACKEND_EXPORT(cuda_backend, "cuda", "cuda-1")

/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL backend: the table that the core loads, and what devices there are. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "opencl.h"

static bool option_set(const hal_host *host, const char *name) {
    const char *text = host->option(host->context, name);
    return text && *text && strcmp(text, "0") != 0;
}

static hal_opencl_keep read_keep(void) {
    const char *text = secure_getenv("HAL_OPENCL_BINARIES");
    if (!text) return HAL_OPENCL_KEEP_CHEAP;
    return strcmp(text, "all") == 0 ? HAL_OPENCL_KEEP_ALL : strcmp(text, "none") == 0 ? HAL_OPENCL_KEEP_NONE
        : HAL_OPENCL_KEEP_CHEAP;
}

static hal_opencl_tuning read_tuning(void) {
    const char *text = secure_getenv("HAL_OPENCL_TUNE");
    if (!text) return HAL_OPENCL_TUNE_MEASURE;
    return strcmp(text, "off") == 0 ? HAL_OPENCL_TUNE_OFF : strcmp(text, "small") == 0 ? HAL_OPENCL_TUNE_SMALL
        : HAL_OPENCL_TUNE_MEASURE;
}

static hal_status opencl_open(const hal_host *host, void **out) {
    hal_opencl_state *state = calloc(1, sizeof *state);
    if (!state) return hal_opencl_no_memory(host, "starting");
    state->host = host;
    state->primitives_only = option_set(host, "primitives_only");
    state->variant = secure_getenv("HAL_OPENCL_VARIANT");
    const char *memory = secure_getenv("HAL_OPENCL_MEMORY");
    const char *queue = secure_getenv("HAL_OPENCL_QUEUE");
    state->unordered = queue && strcmp(queue, "out-of-order") == 0;
    state->own_memory = memory && strcmp(memory, "device") == 0;
    state->keep = read_keep();
    state->tuning = read_tuning();
    /* a host older than the hook has a shorter table */
    state->traced = host->size >= offsetof(hal_host, trace_op) + sizeof host->trace_op && host->trace_op;
    hal_claims_open(&state->claims, "opencl", hal_opencl_claim_same);
    *out = state;
    return HAL_OK;
}

static void opencl_close(void *opaque) {
    hal_opencl_state *state = opaque;
    hal_claims_close(&state->claims);
    free(state);
}

static hal_status opencl_support(void *device, const hal_description *program, hal_support_answer *answers) {
    const hal_opencl_device *d = device;
    hal_portable_support(d->host, &d->traits, d->state->primitives_only, program, answers);
    return HAL_OK;
}

static hal_status opencl_cost(void *device, const hal_description *program, hal_cost *cost) {
    (void)device;
    *cost = hal_portable_cost(program, 1e10, 5e-6);
    return HAL_OK;
}

static uint64_t opencl_counter(void *opaque, const char *name) {
    const hal_opencl_device *d = opaque;
    if (strcmp(name, "ops") == 0) return d->ops;
    if (strcmp(name, "programs") == 0) return d->programs;
    if (strcmp(name, "kernels") == 0) return d->kernels;
    return strcmp(name, "binaries") == 0 ? d->loaded : 0;
}

static const hal_backend opencl_backend = {
    HAL_HEAD(hal_backend), .abi = HAL_BACKEND_ABI, .sanitizer = HAL_BACKEND_SANITIZER,
    .features = HAL_FEATURE_DYNAMIC | HAL_FEATURE_IN_PLACE, .name = "opencl", .description = "devices with an OpenCL driver",
    .build_id = "opencl-1", .open = opencl_open, .close = opencl_close, .claim = hal_opencl_claim,
    .device_open = hal_opencl_device_open, .device_close = hal_opencl_device_close, .alloc = hal_opencl_alloc,
    .free = hal_opencl_free, .support = opencl_support, .cost = opencl_cost, .compile = hal_opencl_compile,
    .program_free = hal_opencl_program_free, .queue_create = hal_opencl_queue_create,
    .queue_destroy = hal_opencl_queue_destroy, .submit = hal_opencl_submit, .copy = hal_opencl_copy,
    .counter = opencl_counter, .vendors = "opencl", .driver = hal_opencl_claim_driver,
};

HAL_BACKEND_EXPORT(opencl_backend, "opencl", "opencl-1")

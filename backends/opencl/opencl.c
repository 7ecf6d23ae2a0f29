/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL backend: the table that the core loads, and what devices there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl.h"

static bool option_set(const hal_host *host, const char *name) {
    const char *text = host->option(host->context, name);
    return text && *text && strcmp(text, "0") != 0;
}

/* --- TEMPORARY enumeration */
static void enumerate(hal_opencl_state *s) {
    hal_opencl_api cl;
    char why[300];
    cl_platform_id platforms[8];
    cl_uint n = 0;
    if (!hal_opencl_api_load(&cl, why, sizeof why) || cl.clGetPlatformIDs(8, platforms, &n) != CL_SUCCESS) return;
    for (cl_uint i = 0; i < n && i < 8; i++) {
        cl_device_id ids[16];
        cl_uint m = 0;
        if (cl.clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 16, ids, &m) != CL_SUCCESS) continue;
        for (cl_uint k = 0; k < m && k < 16; k++) {
            hal_opencl_claim *c = &s->claim[s->n_claims++];
            cl_ulong memory = 0;
            c->index = k;
            cl.clGetPlatformInfo(platforms[i], CL_PLATFORM_NAME, sizeof c->platform, c->platform, NULL);
            cl.clGetDeviceInfo(ids[k], CL_DEVICE_NAME, sizeof c->name, c->name, NULL);
            cl.clGetDeviceInfo(ids[k], CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
            c->memory = memory;
        }
    }
}

static hal_status opencl_open(const hal_host *host, void **out) {
    hal_opencl_state *state = calloc(1, sizeof *state);
    if (!state) return hal_opencl_no_memory(host, "starting");
    state->host = host;
    state->primitives_only = option_set(host, "primitives_only");
    state->variant = getenv("HAL_OPENCL_VARIANT");
    enumerate(state);
    *out = state;
    return HAL_OK;
}

static void opencl_close(void *state) { free(state); }

static hal_status opencl_claim(void *opaque, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    const hal_opencl_state *state = opaque;
    for (uint32_t i = 0; i < state->n_claims && i < capacity; i++) {
        const hal_opencl_claim *c = &state->claim[i];
        hal_device_record *r = &records[i];
        *r = (hal_device_record){.alias = "opencl", .memory_bytes = c->memory, .compute_group = i};
        snprintf(r->name, sizeof r->name, "%.95s", c->name);
        snprintf(r->memory, sizeof r->memory, "opencl%u", i);
    }
    *count = state->n_claims;
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
    .build_id = "opencl-1", .open = opencl_open, .close = opencl_close, .claim = opencl_claim,
    .device_open = hal_opencl_device_open, .device_close = hal_opencl_device_close, .alloc = hal_opencl_alloc,
    .free = hal_opencl_free, .support = hal_opencl_support, .cost = hal_opencl_cost, .compile = hal_opencl_compile,
    .program_free = hal_opencl_program_free, .queue_create = hal_opencl_queue_create,
    .queue_destroy = hal_opencl_queue_destroy, .submit = hal_opencl_submit, .copy = hal_opencl_copy,
    .counter = opencl_counter,
};

HAL_BACKEND_EXPORT(opencl_backend, "opencl", "opencl-1")

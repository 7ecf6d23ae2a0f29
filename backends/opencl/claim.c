/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices there are: those that the core's children were told of when OpenCL was last asked. Nothing of OpenCL is
 * loaded for it. The list only grows, so that numbers given out once keep their meaning.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl.h"

enum { KIND_CPU = 0 };                   /* hal_vendor_device.kind */

static bool same(const hal_vendor_device *a, const hal_vendor_device *b) {
    return a->index == b->index && a->platform == b->platform && strcmp(a->name, b->name) == 0 &&
        strcmp(a->platform_name, b->platform_name) == 0 && strcmp(a->library, b->library) == 0;
}

static void add(hal_opencl_state *state, const hal_vendor_device *told) {
    for (uint32_t i = 0; i < state->n_claims; i++) {
        if (!same(&state->claim[i], told)) continue;
        state->claim[i] = *told;         /* a driver may have been updated meanwhile */
        return;
    }
    if (state->n_claims < HAL_OPENCL_MOST_DEVICES) state->claim[state->n_claims++] = *told;
}

/* Asks the host again; one that is older than the question knows of none. */
static hal_status refresh(hal_opencl_state *state) {
    const hal_host *host = state->host;
    if (host->size < offsetof(hal_host, vendor_devices) + sizeof host->vendor_devices) return HAL_OK;
    hal_vendor_device *told = calloc(HAL_OPENCL_MOST_DEVICES, sizeof *told);
    if (!told) return hal_opencl_no_memory(host, "the list of devices");
    const uint32_t n = host->vendor_devices(host->context, "opencl", HAL_OPENCL_MOST_DEVICES, told);
    for (uint32_t i = 0; i < n && i < HAL_OPENCL_MOST_DEVICES; i++) add(state, &told[i]);
    free(told);
    return HAL_OK;
}

static bool has_feature(const hal_vendor_device *told, const char *name) {
    const size_t n = strlen(name);
    for (const char *p = told->features; (p = strstr(p, name)) != NULL; p += n)
        if ((p == told->features || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) return true;
    return false;
}

/* A device that computes on the host's processors, and whose driver lets host and kernels use the same addresses. */
bool hal_opencl_claim_shares(const hal_opencl_state *state, const hal_vendor_device *claim) {
    return claim->kind == KIND_CPU && has_feature(claim, "svm-fine") && !state->own_memory;
}

static void describe(const hal_opencl_state *state, uint32_t index, hal_device_record *r) {
    const hal_vendor_device *told = &state->claim[index];
    *r = (hal_device_record){.alias = "opencl", .memory_bytes = told->memory, .compute_group = index};
    snprintf(r->name, sizeof r->name, "%.95s", told->name);
    snprintf(r->memory, sizeof r->memory, "opencl%u", index);
    snprintf(r->address, sizeof r->address, "%s", told->address);
    if (told->kind == KIND_CPU) r->compute_group = HAL_COMPUTE_GROUP_HOST;
    if (!hal_opencl_claim_shares(state, told)) return;
    r->host_access = 1;
    snprintf(r->memory, sizeof r->memory, "host"); /* as the cpu backend calls it: nothing is copied between the two */
}

hal_status hal_opencl_claim(void *opaque, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    hal_opencl_state *state = opaque;
    pthread_mutex_lock(&state->lock);
    const hal_status status = refresh(state);
    for (uint32_t i = 0; i < state->n_claims && i < capacity; i++) describe(state, i, &records[i]);
    const uint32_t n = state->n_claims;
    pthread_mutex_unlock(&state->lock);
    if (status == HAL_OK) *count = n;
    return status;
}

/* Of a driver that was updated since it was asked this is the old version; such a device is not opened. */
void hal_opencl_claim_driver(void *opaque, uint32_t index, char *text, size_t size) {
    hal_vendor_device told;
    if (hal_opencl_claim_get(opaque, index, &told))
        snprintf(text, size, "%s%s%s", told.platform_name, told.platform_name[0] ? " " : "", told.driver);
}

bool hal_opencl_claim_get(hal_opencl_state *state, uint32_t index, hal_vendor_device *claim) {
    pthread_mutex_lock(&state->lock);
    const bool there = index < state->n_claims;
    if (there) *claim = state->claim[index];
    pthread_mutex_unlock(&state->lock);
    return there;
}

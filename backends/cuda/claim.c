/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices there are: those that the core's child was told of when the CUDA driver was last asked. Nothing of CUDA is
 * loaded for it. The list only grows, so that numbers given out once keep their meaning.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/* One board, or one part of a divided one, is one device, whatever number the driver gives it. */
static bool same(const hal_vendor_device *a, const hal_vendor_device *b) {
    if (a->uuid[0] && b->uuid[0]) return strcmp(a->uuid, b->uuid) == 0;
    return strcmp(a->address, b->address) == 0 && strcmp(a->name, b->name) == 0 && a->index == b->index;
}

static void add(hal_cuda_state *state, const hal_vendor_device *told) {
    for (uint32_t i = 0; i < state->n_claims; i++) {
        if (!same(&state->claim[i], told)) continue;
        state->claim[i] = *told;         /* a driver may have been updated meanwhile */
        return;
    }
    if (state->n_claims < HAL_CUDA_MOST_DEVICES) state->claim[state->n_claims++] = *told;
}

/* Asks the host again; one that is older than the question knows of none. */
static hal_status refresh(hal_cuda_state *state) {
    const hal_host *host = state->host;
    if (host->size < offsetof(hal_host, vendor_devices) + sizeof host->vendor_devices) return HAL_OK;
    hal_vendor_device *told = calloc(HAL_CUDA_MOST_DEVICES, sizeof *told);
    if (!told) return hal_cuda_no_memory(host, "the list of devices");
    const uint32_t n = host->vendor_devices(host->context, "cuda", HAL_CUDA_MOST_DEVICES, told);
    for (uint32_t i = 0; i < n && i < HAL_CUDA_MOST_DEVICES; i++) add(state, &told[i]);
    free(told);
    return HAL_OK;
}

static bool has_feature(const hal_vendor_device *told, const char *name) {
    const size_t n = strlen(name);
    for (const char *p = told->features; (p = strstr(p, name)) != NULL; p += n)
        if ((p == told->features || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) return true;
    return false;
}

bool hal_cuda_claim_is_emulated(const hal_vendor_device *claim) { return has_feature(claim, "emulated"); }

static void describe(const hal_cuda_state *state, uint32_t index, hal_device_record *r) {
    const hal_vendor_device *told = &state->claim[index];
    *r = (hal_device_record){.alias = "gpu", .memory_bytes = told->memory, .compute_group = index,
        .emulated = hal_cuda_claim_is_emulated(told)};
    snprintf(r->name, sizeof r->name, "%.95s", told->name);
    snprintf(r->memory, sizeof r->memory, "cuda%u", index);
    snprintf(r->address, sizeof r->address, "%s", told->address);
}

hal_status hal_cuda_claim(void *opaque, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    hal_cuda_state *state = opaque;
    pthread_mutex_lock(&state->lock);
    const hal_status status = refresh(state);
    for (uint32_t i = 0; i < state->n_claims && i < capacity; i++) describe(state, i, &records[i]);
    const uint32_t n = state->n_claims;
    pthread_mutex_unlock(&state->lock);
    if (status == HAL_OK) *count = n;
    return status;
}

void hal_cuda_claim_driver(void *opaque, uint32_t index, char *text, size_t size) {
    hal_vendor_device told;
    if (hal_cuda_claim_get(opaque, index, &told))
        snprintf(text, size, "%s%s", told.driver[0] ? told.driver : "CUDA", hal_cuda_claim_is_emulated(&told) ? ", emulated" : "");
}

bool hal_cuda_claim_get(hal_cuda_state *state, uint32_t index, hal_vendor_device *claim) {
    pthread_mutex_lock(&state->lock);
    const bool there = index < state->n_claims;
    if (there) *claim = state->claim[index];
    pthread_mutex_unlock(&state->lock);
    return there;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What devices there are. */
#include <stdio.h>
#include <string.h>

#include "driver.h"

bool hal_cuda_claim_same(const hal_vendor_device *a, const hal_vendor_device *b) {
    if (a->uuid[0] && b->uuid[0]) return strcmp(a->uuid, b->uuid) == 0;
    return strcmp(a->address, b->address) == 0 && strcmp(a->name, b->name) == 0 && a->index == b->index;
}

bool hal_cuda_claim_is_emulated(const hal_vendor_device *told) { return hal_claims_has(told, "emulated"); }

static void describe(const hal_vendor_device *told, uint32_t index, hal_device_record *r) {
    *r = (hal_device_record){.alias = "gpu", .memory_bytes = told->memory, .compute_group = index,
        .emulated = hal_cuda_claim_is_emulated(told)};
    snprintf(r->name, sizeof r->name, "%.95s", told->name);
    snprintf(r->memory, sizeof r->memory, "cuda%u", index);
    snprintf(r->address, sizeof r->address, "%s", told->address);
}

hal_status hal_cuda_claim(void *opaque, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    hal_cuda_state *state = opaque;
    hal_vendor_device told;
    uint32_t n;
    HAL_TRY(hal_claims_ask(&state->claims, state->host, &n));
    for (uint32_t i = 0; i < capacity && hal_claims_get(&state->claims, i, &told); i++) describe(&told, i, &records[i]);
    *count = n;
    return HAL_OK;
}

void hal_cuda_claim_driver(void *opaque, uint32_t index, char *text, size_t size) {
    hal_cuda_state *state = opaque;
    hal_vendor_device told;
    if (hal_claims_get(&state->claims, index, &told))
        snprintf(text, size, "%s%s", told.driver[0] ? told.driver : "CUDA", hal_cuda_claim_is_emulated(&told) ? ", emulated" : "");
}

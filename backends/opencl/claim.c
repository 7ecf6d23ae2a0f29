/* SPDX-License-Identifier: Apache-2.0 */
/* What devices there are. */
#include <stdio.h>
#include <string.h>

#include "opencl.h"

enum { KIND_CPU = 0 };                   /* hal_vendor_device.kind */

bool hal_opencl_claim_same(const hal_vendor_device *a, const hal_vendor_device *b) {
    return a->index == b->index && a->platform == b->platform && strcmp(a->name, b->name) == 0 &&
        strcmp(a->platform_name, b->platform_name) == 0 && strcmp(a->library, b->library) == 0;
}

/* A device that computes on the host's processors, and whose driver lets host and kernels use the same addresses. */
bool hal_opencl_claim_shares(const hal_opencl_state *state, const hal_vendor_device *told) {
    return told->kind == KIND_CPU && hal_claims_has(told, "svm-fine") && !state->own_memory;
}

static void describe(const hal_opencl_state *state, const hal_vendor_device *told, uint32_t index, hal_device_record *r) {
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
    hal_vendor_device told;
    uint32_t n;
    HAL_TRY(hal_claims_ask(&state->claims, state->host, &n));
    for (uint32_t i = 0; i < capacity && hal_claims_get(&state->claims, i, &told); i++) describe(state, &told, i, &records[i]);
    *count = n;
    return HAL_OK;
}

/* Of a driver that was updated since it was asked this is the old version; such a device is not opened. */
void hal_opencl_claim_driver(void *opaque, uint32_t index, char *text, size_t size) {
    hal_opencl_state *state = opaque;
    hal_vendor_device told;
    if (hal_claims_get(&state->claims, index, &told))
        snprintf(text, size, "%s%s%s", told.platform_name, told.platform_name[0] ? " " : "", told.driver);
}

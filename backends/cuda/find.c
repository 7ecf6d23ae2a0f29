/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device that a claim means. The driver numbers what CUDA_VISIBLE_DEVICES shows it, which may be something else by now;
 * a UUID or an address says which it is.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "driver.h"

/* 16 bytes in five groups, as nvidia-smi writes them. */
static void print_uuid(const CUuuid *uuid, char *text, size_t size) {
    size_t n = 0;
    for (int i = 0; i < 16 && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
            (unsigned)(unsigned char)uuid->bytes[i]);
}

/* "GPU-..." or "MIG-...", as the driver was asked for the claim. */
static bool has_uuid(const hal_cuda_api *cu, CUdevice id, const char *wanted) {
    char text[48] = "";
    CUuuid uuid;
    if (!cu->cuDeviceGetUuid || cu->cuDeviceGetUuid(&uuid, id) != CUDA_SUCCESS) return false;
    print_uuid(&uuid, text, sizeof text);
    return strlen(wanted) > 4 && strcasecmp(wanted + 4, text) == 0;
}

/* The driver may write more digits of the domain than the kernel does. */
static bool has_address(const hal_cuda_api *cu, CUdevice id, const char *wanted) {
    char text[32] = "";
    unsigned a[3], b[3];
    if (cu->cuDeviceGetPCIBusId(text, sizeof text, id) != CUDA_SUCCESS) return false;
    return sscanf(text, "%x:%x:%x", &a[0], &a[1], &a[2]) == 3 && sscanf(wanted, "%x:%x:%x", &b[0], &b[1], &b[2]) == 3 &&
        memcmp(a, b, sizeof a) == 0;
}

static bool is_meant(const hal_cuda_api *cu, CUdevice id, const hal_vendor_device *claim) {
    char name[256] = "";
    if (claim->uuid[0]) return has_uuid(cu, id, claim->uuid);
    if (claim->address[0]) return has_address(cu, id, claim->address);
    return cu->cuDeviceGetName(name, sizeof name - 1, id) == CUDA_SUCCESS && strcmp(name, claim->name) == 0;
}

/* Its number is tried first: two devices may be alike in all that they tell. */
static bool search(const hal_cuda_api *cu, const hal_vendor_device *claim, CUdevice *found) {
    int n = 0;
    if (cu->cuDeviceGetCount(&n) != CUDA_SUCCESS) return false;
    if ((int)claim->index < n && cu->cuDeviceGet(found, (int)claim->index) == CUDA_SUCCESS && is_meant(cu, *found, claim))
        return true;
    for (int i = 0; i < n && i < HAL_CLAIMS_MOST; i++)
        if (cu->cuDeviceGet(found, i) == CUDA_SUCCESS && is_meant(cu, *found, claim)) return true;
    return false;
}

hal_status hal_cuda_find(const hal_host *host, const hal_vendor_device *claim, hal_cuda_api *api, CUdevice *id) {
    char why[600];
    CUresult code;
    if (!hal_cuda_api_load(api, &code, why, sizeof why))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), code, "cuda: %s: %s", claim->name,
            why);
    if ((api->emulated != NULL) != hal_cuda_claim_is_emulated(claim))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), 0,
            "cuda: %s: the driver was %s when it was last asked and is %s now; ask again with hal-info --probe", claim->name,
            api->emulated ? "hardware's" : "emulated", api->emulated ? "emulated" : "hardware's");
    if (!search(api, claim, id))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0,
            "cuda: \"%s\" (%s) was device %u when the driver was last asked, and is not there now: CUDA_VISIBLE_DEVICES or the "
            "machine has changed; ask again with hal-info --probe", claim->name,
            claim->uuid[0] ? claim->uuid : claim->address, claim->index);
    return HAL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a device as it was told of to the device itself. */
#include <stdio.h>
#include <string.h>

#include "opencl.h"

enum { MOST_PLATFORMS = 32 };

/* The device `claim` means among those of one platform; NULL: it is not there. */
static cl_device_id match(const hal_opencl_api *cl, cl_platform_id platform, const hal_opencl_claim *claim) {
    cl_device_id devices[HAL_OPENCL_MOST_DEVICES];
    char name[sizeof claim->name] = "";
    cl_uint n = 0;
    if (cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL) != CL_SUCCESS ||
        strncmp(name, claim->platform, sizeof claim->platform - 1) != 0) return NULL;
    if (cl->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, HAL_OPENCL_MOST_DEVICES, devices, &n) != CL_SUCCESS ||
        claim->index >= n || claim->index >= HAL_OPENCL_MOST_DEVICES) return NULL;
    return devices[claim->index];
}

static cl_device_id search(const hal_opencl_api *cl, const hal_opencl_claim *claim) {
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_device_id found = NULL;
    cl_uint n = 0;
    if (cl->clGetPlatformIDs(MOST_PLATFORMS, platforms, &n) != CL_SUCCESS) return NULL;
    for (cl_uint i = 0; i < n && i < MOST_PLATFORMS && !found; i++) found = match(cl, platforms[i], claim);
    return found;
}

hal_status hal_opencl_find(const hal_host *host, const hal_opencl_claim *claim, hal_opencl_api *api, cl_device_id *id) {
    hal_opencl_api cl;
    char why[320];
    if (!hal_opencl_api_load(&cl, why, sizeof why))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), 0, "opencl: %s: %s",
            claim->name, why);
    cl_device_id found = search(&cl, claim);
    if (!found)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0,
            "opencl: device %u of the platform \"%s\" was %s when it was last asked and is not there now; ask again "
            "(hal-info --refresh)", claim->index, claim->platform, claim->name);
    *api = cl;
    *id = found;
    return HAL_OK;
}

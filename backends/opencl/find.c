/* SPDX-License-Identifier: Apache-2.0 */
/* From a device as it was told of to the device itself. */
#include <stdio.h>
#include <string.h>

#include "opencl.h"

enum { MOST_PLATFORMS = 32 };

/* ------------------------------------------------------------------------------------------ the library -- */

/* The loader where all it would load is sound, or where nothing is known of the driver's own library. */
static bool load(hal_opencl_state *state, const hal_vendor_device *claim, hal_opencl_api *api, char *why, size_t size) {
    char silent[512];
    const bool has_manifest = claim->manifest[0] != '\0' && claim->library[0] != '\0';
    if (!has_manifest || hal_opencl_neighbours_sound(state, silent, sizeof silent))
        return hal_opencl_api_load(api, why, size);
    if (hal_opencl_api_load_driver(api, claim->library, why, size)) return true;
    const size_t n = strlen(why);
    snprintf(why + n, size - n, " (the loader was not used: %s told of no device and might do harm)", silent);
    return false;
}

/* ------------------------------------------------------------------------------------------- the device -- */

/* Text of a device: the name that a driver gives a board is preferred, as it was when the device was asked. */
static bool is_called(const hal_opencl_api *cl, cl_device_id id, const char *name) {
    static const cl_device_info ways[] = {0x4038 /* CL_DEVICE_BOARD_NAME_AMD */, CL_DEVICE_NAME};
    const size_t most = sizeof ((hal_vendor_device *)0)->name - 1;
    for (int i = 0; i < 2; i++) {
        char text[512] = "";
        if (cl->clGetDeviceInfo(id, ways[i], sizeof text - 1, text, NULL) != CL_SUCCESS) continue;
        const char *begin = text + strspn(text, " \t");
        if (strncmp(begin, name, strlen(name)) == 0 || strncmp(text, name, most) == 0) return true;
    }
    return false;
}

/* The device among those of one platform; NULL: it is not there. */
static cl_device_id match(const hal_opencl_api *cl, cl_platform_id platform, const hal_vendor_device *claim) {
    cl_device_id devices[HAL_CLAIMS_MOST];
    char name[256] = "";
    cl_uint n = 0;
    if (cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL) != CL_SUCCESS ||
        strncmp(name, claim->platform_name, sizeof claim->platform_name - 1) != 0) return NULL;
    if (cl->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, HAL_CLAIMS_MOST, devices, &n) != CL_SUCCESS ||
        claim->index >= n || claim->index >= HAL_CLAIMS_MOST) return NULL;
    return is_called(cl, devices[claim->index], claim->name) ? devices[claim->index] : NULL;
}

static cl_device_id search(const hal_opencl_api *cl, const hal_vendor_device *claim) {
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_device_id found = NULL;
    cl_uint n = 0;
    if (cl->clGetPlatformIDs(MOST_PLATFORMS, platforms, &n) != CL_SUCCESS) return NULL;
    for (cl_uint i = 0; i < n && i < MOST_PLATFORMS && !found; i++) found = match(cl, platforms[i], claim);
    return found;
}

hal_status hal_opencl_find(hal_opencl_state *state, const hal_vendor_device *claim, hal_opencl_api *api, cl_device_id *id) {
    const hal_host *host = state->host;
    hal_opencl_api cl;
    char why[600];
    if (!load(state, claim, &cl, why, sizeof why))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), 0, "opencl: %s: %s",
            claim->name, why);
    cl_device_id found = search(&cl, claim);
    if (!found)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0,
            "opencl: \"%s\" was device %u of the platform \"%s\" when that was last asked, and is not there now: the driver or "
            "a variable like POCL_DEVICES has changed; ask again with hal-info --probe", claim->name, claim->index,
            claim->platform_name);
    *api = cl;
    *id = found;
    return HAL_OK;
}

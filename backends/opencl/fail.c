/* SPDX-License-Identifier: Apache-2.0 */
/* From error codes to statuses and sentences. */
#include <stdarg.h>
#include <stdio.h>

#include "opencl.h"

bool hal_opencl_code_is_memory(cl_int code) {
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY || code == CL_OUT_OF_RESOURCES ||
        code == CL_INVALID_BUFFER_SIZE;
}

static hal_code meaning(cl_int code) {
    if (hal_opencl_code_is_memory(code)) return HAL_CODE_OUT_OF_MEMORY;
    switch (code) {
    case CL_DEVICE_NOT_AVAILABLE: return HAL_CODE_DEVICE_LOST;
    case CL_DEVICE_NOT_FOUND: return HAL_CODE_NOT_FOUND;
    case CL_COMPILER_NOT_AVAILABLE: return HAL_CODE_UNSUPPORTED;
    default: return HAL_CODE_INTERNAL;
    }
}

hal_status hal_opencl_status(cl_int code, hal_damage damage) {
    return HAL_STATUS(damage, meaning(code));
}

hal_status hal_opencl_fail(hal_opencl_device *device, cl_int code, const char *format, ...) {
    char text[384];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return device->host->fail(device->host->context, hal_opencl_status(code, HAL_DAMAGE_CALL), code,
        "opencl: %s: %s: %s (%d)", device->name, text, hal_opencl_code_name(code), code);
}

hal_status hal_opencl_no_memory(const hal_host *host, const char *what) {
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "opencl: no host memory for %s; free memory and try again", what);
}

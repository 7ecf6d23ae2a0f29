/* SPDX-License-Identifier: Apache-2.0 */
/* From the driver's codes to statuses and sentences. What the codes mean: CUDA Driver API, CUresult. */
#include <stdarg.h>
#include <stdio.h>

#include "driver.h"

/* Those of which the reference says that the process has to be ended before the device can be used again, and those after
   which there is no device. Numbers stand for names that only later headers have. */
bool hal_cuda_code_is_sticky(CUresult code) {
    switch ((int)code) {
    case CUDA_ERROR_ECC_UNCORRECTABLE: case CUDA_ERROR_NVLINK_UNCORRECTABLE: case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT: case CUDA_ERROR_CONTEXT_IS_DESTROYED: case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR: case CUDA_ERROR_ILLEGAL_INSTRUCTION: case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE: case CUDA_ERROR_INVALID_PC: case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_DEINITIALIZED: case CUDA_ERROR_MPS_CLIENT_TERMINATED:
    case 226 /* CUDA_ERROR_CONTAINED */: case 721 /* CUDA_ERROR_TENSOR_MEMORY_LEAK */: return true;
    default: return false;
    }
}

static hal_code meaning(CUresult code) {
    if (hal_cuda_code_is_sticky(code)) return HAL_CODE_DEVICE_LOST;
    switch (code) {
    case CUDA_ERROR_OUT_OF_MEMORY: return HAL_CODE_OUT_OF_MEMORY;
    case CUDA_ERROR_NO_DEVICE: case CUDA_ERROR_INVALID_DEVICE: return HAL_CODE_NOT_FOUND;
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
    case CUDA_ERROR_SYSTEM_NOT_READY: case CUDA_ERROR_DEVICE_UNAVAILABLE: return HAL_CODE_UNAVAILABLE;
    case CUDA_ERROR_NO_BINARY_FOR_GPU: case CUDA_ERROR_UNSUPPORTED_PTX_VERSION: case CUDA_ERROR_NOT_SUPPORTED:
        return HAL_CODE_UNSUPPORTED;
    default: return HAL_CODE_INTERNAL;
    }
}

hal_status hal_cuda_status(CUresult code, hal_damage damage) {
    const hal_code m = meaning(code);
    return HAL_STATUS(m == HAL_CODE_DEVICE_LOST ? HAL_DAMAGE_DEVICE : damage, m);
}

hal_status hal_cuda_fail(hal_cuda_device *d, CUresult code, const char *format, ...) {
    char what[384], text[700];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(text, sizeof text, "%s: %s: %s (%d): %s", d->who, what, hal_cuda_code_name(&d->cu, code), code,
        hal_cuda_code_text(&d->cu, code));
    hal_cuda_device_suspect(d, code, text);
    return d->host->fail(d->host->context, hal_cuda_status(code, HAL_DAMAGE_CALL), code, "%s", text);
}

hal_status hal_cuda_no_memory(const hal_host *host, const char *what) {
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "cuda: no host memory for %s; free memory and try again", what);
}

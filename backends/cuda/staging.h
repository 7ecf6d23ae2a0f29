/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned memory, which the device reads and writes by itself: what is copied between it and memory of the host goes through
 * one of these, in pieces where it is large. Kept by the device for the next copy.
 */
#ifndef HAL_BACKENDS_CUDA_STAGING_H
#define HAL_BACKENDS_CUDA_STAGING_H

#include "driver.h"

enum { HAL_CUDA_STAGING_LEAST = 64 << 10, HAL_CUDA_STAGING_MOST = 4 << 20 };

struct hal_cuda_staging {
    struct hal_cuda_staging *next;
    char *address;
    uint64_t bytes;
    bool taken;
};

/* One that has `bytes`, or the most that there is; NULL: there is no memory to be pinned. Under the context. */
hal_cuda_staging *hal_cuda_staging_take(hal_cuda_device *device, uint64_t bytes);
/* Accepts NULL. */
void hal_cuda_staging_give(hal_cuda_device *device, hal_cuda_staging *staging);
/* Frees those that nothing uses. */
void hal_cuda_staging_trim(hal_cuda_device *device);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned memory of a device: a few blocks that the driver allocated for the host (CL_MEM_ALLOC_HOST_PTR) and that stay
 * mapped, as every vendor's guide recommends for copies. Not for devices that are the host: they would copy twice.
 */
#ifndef HAL_BACKENDS_OPENCL_STAGING_H
#define HAL_BACKENDS_OPENCL_STAGING_H

#include "job.h"

/* A block for the copy `job`, which gives it back when it is freed; NULL when it is too large or none is free. */
char *hal_opencl_staging_take(hal_opencl_job *job);
char *hal_opencl_staging_address(const hal_opencl_job *job);
void hal_opencl_staging_give(hal_opencl_job *job);
/* Frees blocks that nobody has. */
void hal_opencl_staging_trim(hal_opencl_device *device);

#endif

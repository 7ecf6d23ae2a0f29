/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a device on disk, by the host: under what it is, the device, its driver, and a text. */
#ifndef HAL_BACKENDS_OPENCL_CACHE_H
#define HAL_BACKENDS_OPENCL_CACHE_H

#include "opencl.h"

/* Whether the host keeps anything. */
bool hal_opencl_cache_is_there(const hal_opencl_device *device);
/* A block for the host's release; NULL: there is none. */
void *hal_opencl_cache_load(const hal_opencl_device *device, const char *what, const char *text, size_t *bytes);
void hal_opencl_cache_store(const hal_opencl_device *device, const char *what, const char *text, const void *data,
                            size_t bytes);

#endif

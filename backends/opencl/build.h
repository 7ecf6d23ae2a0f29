/* SPDX-License-Identifier: Apache-2.0 */
/* From a text of kernels to a program of OpenCL, and to the host's cache. */
#ifndef HAL_BACKENDS_OPENCL_BUILD_H
#define HAL_BACKENDS_OPENCL_BUILD_H

#include "opencl.h"

/* `loaded`: it came from the cache; `file` is what errors call it. */
hal_status hal_opencl_build(hal_opencl_device *device, const char *source, const char *file, cl_program *program,
                            bool *loaded);
/* Stores the binary, and returns how many nanoseconds the driver took to give it. */
int64_t hal_opencl_build_store(const hal_opencl_device *device, cl_program program, const char *source);
/* Whether it was found on this device that asking for a binary is dearer than compiling, and the note that says so. */
bool hal_opencl_build_is_noted(const hal_opencl_device *device);
void hal_opencl_build_note(const hal_opencl_device *device);

#endif

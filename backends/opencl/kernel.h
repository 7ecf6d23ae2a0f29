/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of a program: created while it is planned, their arguments set once, buffers bound when they change. */
#ifndef HAL_BACKENDS_OPENCL_KERNEL_H
#define HAL_BACKENDS_OPENCL_KERNEL_H

#include "opencl.h"

/* Gets the kernel object of step `step` of the chain: hal_portable_driver.prepare. `program` is a hal_opencl_program. */
hal_status hal_opencl_kernel_prepare(void *program, uint32_t step, const hal_portable_program *text, const char *entry,
                                     size_t *most);
/* Sets all arguments but operands, which bindings decide. */
hal_status hal_opencl_kernels_set(hal_opencl_program *program);
void hal_opencl_kernels_free(hal_opencl_program *program);

#endif

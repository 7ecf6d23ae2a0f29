/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of a program: created while it is planned, their arguments set once, buffers bound when they change. */
#ifndef HAL_BACKENDS_OPENCL_KERNEL_H
#define HAL_BACKENDS_OPENCL_KERNEL_H

#include "opencl.h"

/* Forgets the launches, but keeps kernel objects for launches that turn out the same. */
void hal_opencl_kernels_begin(hal_opencl_program *program);
/* Appends the launches that the plan of op `op` asks for. */
hal_status hal_opencl_kernels_add(hal_opencl_program *program, uint32_t op);
/* Sets all arguments but operands, which bindings decide. */
hal_status hal_opencl_kernels_set(hal_opencl_program *program);
void hal_opencl_kernels_free(hal_opencl_program *program);

#endif

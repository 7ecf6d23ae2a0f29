/* SPDX-License-Identifier: Apache-2.0 */
/* Launches of a program: functions found while it is planned, parameters set once, bindings put in when they change. */
#ifndef HAL_BACKENDS_CUDA_KERNEL_H
#define HAL_BACKENDS_CUDA_KERNEL_H

#include "driver.h"

/* Finds the function of step `step` of the chain: hal_portable_driver.prepare. `program` is a hal_cuda_program. */
hal_status hal_cuda_kernel_prepare(void *program, uint32_t step, const hal_portable_program *text, const char *entry,
                                   size_t *most);
/* The launch of a step; NULL: no host memory for it. */
hal_cuda_launch *hal_cuda_kernel_at(hal_cuda_program *program, uint32_t step);
/* What the launch had is given back; it is a library's from now on, or nothing yet (NULL). */
void hal_cuda_kernel_become(hal_cuda_device *device, hal_cuda_launch *launch, hal_cuda_taken *taken);
/* Sets all parameters but operands, which bindings decide. */
hal_status hal_cuda_kernels_set(hal_cuda_program *program);
void hal_cuda_kernels_free(hal_cuda_program *program);
/* Puts the bindings that differ from those of the last submission into the parameters, and into the graph. */
CUresult hal_cuda_kernels_bind(hal_cuda_program *program, const hal_backend_binding *bindings);

#endif

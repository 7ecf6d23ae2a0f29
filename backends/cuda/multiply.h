/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a program that cuBLASLt does: products of matrices that are large enough. Built with its header or without
 * (multiply_none.c), with which no step is one.
 */
#ifndef HAL_BACKENDS_CUDA_MULTIPLY_H
#define HAL_BACKENDS_CUDA_MULTIPLY_H

#include "driver.h"

/* hal_portable_driver.take of a matmul. `program` is a hal_cuda_program. */
hal_status hal_cuda_multiply_take(void *program, uint32_t step, hal_portable_call *call, bool *taken);
/* Before the device is closed. Under the context. */
void hal_cuda_multiply_close(hal_cuda_device *device);

#endif

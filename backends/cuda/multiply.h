/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a program that cuBLASLt does: products of matrices that are large enough. Built with its header or without
 * (multiply_none.c), with which no step is one.
 */
#ifndef HAL_BACKENDS_CUDA_MULTIPLY_H
#define HAL_BACKENDS_CUDA_MULTIPLY_H

#include "driver.h"

/* hal_portable_driver.take. `program` is a hal_cuda_program. */
hal_status hal_cuda_multiply_take(void *program, uint32_t step, hal_portable_call *call, bool *taken);
void hal_cuda_multiply_free(hal_cuda_multiply *multiply);
/*
 * Enqueues it. The parameters of its launch are a base and an offset each of operand 0, operand 1, scratch memory, and the
 * output where the product is that. What failed is kept for _fail; a code of the library that the driver has none for is
 * CUDA_ERROR_UNKNOWN.
 */
CUresult hal_cuda_multiply_run(const hal_cuda_launch *launch, CUstream stream);
/* Whether its product is an output of the op. */
bool hal_cuda_multiply_is_whole(const hal_cuda_multiply *multiply);
/* The failure of a step, with the library's code; the driver is asked whether the device is lost. */
hal_status hal_cuda_multiply_fail(hal_cuda_device *device, const hal_cuda_launch *launch, CUstream stream, CUresult code);
/* Before the device is closed. Under the context. */
void hal_cuda_multiply_close(hal_cuda_device *device);

#endif

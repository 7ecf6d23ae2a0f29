/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a program that cuDNN does: attention, where HAL_CUDA_ATTENTION asks for that. Built with its header or without
 * (attend_none.c), with which no step is one.
 */
#ifndef HAL_BACKENDS_CUDA_ATTEND_H
#define HAL_BACKENDS_CUDA_ATTEND_H

#include "driver.h"

/* hal_portable_driver.take of an attention. `program` is a hal_cuda_program. */
hal_status hal_cuda_attend_take(void *program, uint32_t step, hal_portable_call *call, bool *taken);
/* Before the device is closed. Under the context. */
void hal_cuda_attend_close(hal_cuda_device *device);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program as a CUDA graph: its launches are handed to the driver once, and started with one call. What the driver will not
 * make a graph of is launched one by one.
 */
#ifndef HAL_BACKENDS_CUDA_GRAPH_H
#define HAL_BACKENDS_CUDA_GRAPH_H

#include "driver.h"

/* Makes the graph of a program that was bound; leaves it without one where that fails or is not worth it. A code that is
   not CUDA_SUCCESS means that the device is lost. */
CUresult hal_cuda_graph_make(hal_cuda_program *program);
/* Takes over the parameters of a step, for the next run. */
CUresult hal_cuda_graph_update(hal_cuda_program *program, uint32_t step);
CUresult hal_cuda_graph_launch(hal_cuda_program *program, CUstream stream);
/* Accepts that there is none. */
void hal_cuda_graph_drop(hal_cuda_program *program);

#endif

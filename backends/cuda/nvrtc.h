/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVRTC, the compiler that a process can load: for texts that were not compiled with hal. Optional; its declarations are our
 * own, from the NVRTC reference (docs.nvidia.com/cuda/nvrtc), as its header comes apart from that of the driver.
 */
#ifndef HAL_BACKENDS_CUDA_NVRTC_H
#define HAL_BACKENDS_CUDA_NVRTC_H

#include <stdbool.h>
#include <stddef.h>

/* Compiles `text` for devices of compute capability `capability` (90). On success *image, which the caller frees, has *bytes
   and a NUL behind them; otherwise `why` says what is wrong, `missing` whether there is no compiler. Any thread. */
bool hal_cuda_nvrtc_compile(const char *text, int capability, char **image, size_t *bytes, bool *missing, char *why,
                            size_t size);

#endif

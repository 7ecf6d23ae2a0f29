/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of kernels to a module: what was compiled with hal, what the host kept, or what NVRTC makes of it. */
#ifndef HAL_BACKENDS_CUDA_BUILD_H
#define HAL_BACKENDS_CUDA_BUILD_H

#include "driver.h"

/* `file` names it to people. Under the context. */
hal_status hal_cuda_build(hal_cuda_device *device, const char *text, const char *file, CUmodule *module);

#endif

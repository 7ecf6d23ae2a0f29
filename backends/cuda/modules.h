/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that were compiled with hal, by nvcc: modules.c is made by modules.sh, and has none where there was no nvcc. */
#ifndef HAL_BACKENDS_CUDA_MODULES_H
#define HAL_BACKENDS_CUDA_MODULES_H

#include "ops/portable/hash.h"

/* What was made of the text with this number: a fat binary with PTX and code for several devices. */
typedef struct hal_cuda_module { hal_portable_hash text; const unsigned char *image; } hal_cuda_module;
/* Ends with an image of NULL. */
extern const hal_cuda_module hal_cuda_modules[];

#endif

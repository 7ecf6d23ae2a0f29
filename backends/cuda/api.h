/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the functions of the CUDA driver as a table, filled when a device is opened. Nothing links a library of CUDA.
 * Members have the names of the header, where cuMemAlloc, say, is a macro: both sides of a -> are expanded alike.
 */
#ifndef HAL_BACKENDS_CUDA_API_H
#define HAL_BACKENDS_CUDA_API_H

#include <cuda.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct hal_cuda_api {
#define NEEDED(name, symbol) __typeof__(&name) name;
#define OPTIONAL(name, symbol, older) __typeof__(&name) name;
#include "api.def"
    /* What an emulated driver says that it computes on; NULL: hardware. */
    const char *emulated;
} hal_cuda_api;

/* Fills the table and starts the driver; false: `why` says what is wrong, `code` is the driver's, or 0. */
bool hal_cuda_api_load(hal_cuda_api *api, CUresult *code, char *why, size_t size);

/* "CUDA_ERROR_OUT_OF_MEMORY", and what the driver says of it. */
const char *hal_cuda_code_name(const hal_cuda_api *api, CUresult code);
const char *hal_cuda_code_text(const hal_cuda_api *api, CUresult code);

#endif

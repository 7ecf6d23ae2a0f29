/* SPDX-License-Identifier: Apache-2.0 */
/* attention.h - attention as cuDNN is told of it: four axes each, and at most one diagonal that masks. */
#ifndef HAL_BACKENDS_CUDA_ATTENTION_H
#define HAL_BACKENDS_CUDA_ATTENTION_H

#include "ops/portable/portable.h"

/* Elements. */
typedef struct hal_cuda_axes { int64_t size[4], stride[4]; } hal_cuda_axes;

typedef struct hal_cuda_attention {
    /* [b, hq, t, d], [b, hk, s, d], [b, hk, s, e], [b, hq, t, e] of `dtype`; [b, hq, t, 1] of f32. */
    hal_cuda_axes q, k, v, y, lse;
    uint32_t dtype;
    float scale;
    /* Query i sees keys up to i + shift; not masked: all. */
    int32_t masked, shift;
} hal_cuda_attention;

/* What addresses of q, k, v and y are multiples of; bytes. */
enum { HAL_CUDA_ATTENTION_ALIGNMENT = 16 };

/*
 * False where the library is not asked: other dtypes than one of 16 bits, a bias, a start that only the device knows, queries
 * that see no key, rows that are not dense or begin anywhere, a repeated axis. Equal calls make equal bytes.
 */
bool hal_cuda_attention_make(const hal_portable_call *call, hal_cuda_attention *attention);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as cuDNN describes it, on the host. */
#ifndef HAL_TESTS_EMULATED_ATTENTION_H
#define HAL_TESTS_EMULATED_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `type` is a hal_dtype; sizes and strides count elements: b, h, rows, columns. */
typedef struct emu_tensor { uint32_t type; int64_t size[4], stride[4]; } emu_tensor;
typedef struct emu_attention {
    emu_tensor q, k, v, y, stats;
    float scale, hidden;                  /* what a score is that is masked */
    bool masked;
    int64_t shift;                        /* row i keeps columns up to i + shift */
} emu_attention;

/* Bytes from the first element to behind the last. */
size_t emu_tensor_bytes(const emu_tensor *tensor);
/* Host addresses of q, k, v, y and stats. False when memory runs out. */
bool emu_attention_run(const emu_attention *attention, char *const at[5]);

#endif

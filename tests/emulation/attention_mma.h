/* SPDX-License-Identifier: Apache-2.0 */
/* ops/cuda/attention_mma.cu and attention_grad_mma.cu as C on emulated lanes, for one T, D and BIASED; KERNEL(name) names what
 * is made of them: functions that take an array of pointers to the arguments, as cuLaunchKernel does. */
#include <stdbool.h>

#define LANES_KERNEL 1
#include "tests/emulation/lanes.h"

#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#define BIAS F32
#define DY T
#define Y T
#include "ops/portable/prelude.cl"
#include "ops/kernel/functions.h"
#include "ops/cuda/mma.cuh"
#include "ops/portable/scores.cl"
#include "ops/cuda/tiles.cuh"
#include "ops/cuda/attention_mma.cu"

#define TENSOR(i) *(char **)a[i], *(long *)a[(i) + 1]
#define ROWS_OF(i) TENSOR(i), *(hal_strides *)a[(i) + 2]
#define SHAPE(i) *(attention *)a[i]

void KERNEL(attention)(void *arguments);
void KERNEL(attention)(void *arguments)
{
    void **a = arguments;
    attention_mma(ROWS_OF(0), ROWS_OF(3), ROWS_OF(6), ROWS_OF(9), TENSOR(12), ROWS_OF(14), ROWS_OF(17), SHAPE(20));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of ops/cuda as C on emulated lanes, for one T, D and BIASED, which the file that includes this defines: those of
 * attention_mma.cu, or with GRADIENT of attention_grad_mma.cu. KERNEL(name) names what is made of them: functions that take
 * an array of pointers to the arguments, as cuLaunchKernel does.
 */
#include <stdbool.h>

#define LANES_KERNEL 1
#include "tests/emulation/lanes.h"

#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#define BIAS T
#include "ops/portable/prelude.cl"
#include "ops/kernel/functions.h"
#include "ops/cuda/mma.cuh"
#include "ops/portable/scores.cl"
#include "ops/cuda/tiles.cuh"

#define PASS(i) *(char **)a[i], *(long *)a[(i) + 1]
#define PASS_ROWS(i) PASS(i), *(hal_strides *)a[(i) + 2]
#define PASS_SHAPE(i) *(attention *)a[i]
#define DEFINE(name, ...) \
    void KERNEL(name)(void *arguments); \
    void KERNEL(name)(void *arguments) { \
        void **a = arguments; \
        attention_##name##mma(__VA_ARGS__); \
    }

#ifdef GRADIENT
#include "ops/cuda/attention_grad_mma.cu"
#define PASS_INPUTS PASS_ROWS(0), PASS_ROWS(3), PASS_ROWS(6), PASS_ROWS(9), PASS_ROWS(12), PASS_ROWS(15), PASS(18), PASS(20)
DEFINE(delta_, PASS_ROWS(0), PASS_ROWS(3), PASS(6), PASS_SHAPE(8))
DEFINE(dq_, PASS_INPUTS, PASS_ROWS(22), PASS_SHAPE(25))
DEFINE(dkv_, PASS_INPUTS, PASS_ROWS(22), PASS_ROWS(25), PASS_SHAPE(28))
#else
#include "ops/cuda/attention_mma.cu"
DEFINE(, PASS_ROWS(0), PASS_ROWS(3), PASS_ROWS(6), PASS_ROWS(9), PASS(12), PASS_ROWS(14), PASS_ROWS(17), PASS_SHAPE(20))
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of ops/cuda on a processor: a group's lanes are coroutines of one thread, which change places where lanes meet, at
 * barriers and at the instructions of a warp that ops/cuda/mma.cuh names. Include before ops/portable/prelude.cl; the text
 * is then compiled as C, and the functions below stand in for what is CUDA's.
 *
 * A use that is undefined on the device stops the program with a sentence: lanes of a warp that come to different
 * instructions, or leave while others wait; rows that are not aligned to 16 bytes; copies that nobody waited for. A copy
 * arrives no earlier than its lane waits for it; until then its place holds NaN. Sums of products are rounded towards
 * zero, as tensor cores do that keep no more bits than they have to.
 *
 * Run a kernel in both orders: lanes that read what no barrier protects give other results in one of them.
 */
#ifndef HAL_TESTS_EMULATION_LANES_H
#define HAL_TESTS_EMULATION_LANES_H

#include <stdint.h>

/* ---- for tests */

typedef struct lanes_job {
    /* A call of the kernel; argument is the caller's. */
    void (*kernel)(void *argument);
    void *argument;
    /* Groups along the first axis; lanes in each, a multiple of 32. */
    uint32_t groups, lanes;
    /* Later warps, and later lanes, go first. */
    bool backwards;
} lanes_job;

void lanes_run(const lanes_job *job);
/* Times since the program began that lanes of one matrix asked for rows in the same banks. */
uint64_t lanes_conflicts(void);

/* ---- the language, as ops/portable/prelude.cl expects it of OpenCL C */

#ifdef LANES_KERNEL
#include <math.h>
#include <string.h>
#include <tgmath.h>

#include "ops/kernel/element.h"

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
#define __kernel static
#define __global
#define __local static
#define CLK_LOCAL_MEM_FENCE 0
#define CLK_GLOBAL_MEM_FENCE 0
#define atomic_max(p, v) (*(p) = *(p) > (v) ? *(p) : (v))
#define barrier(fence) lanes_barrier()
typedef ushort half;
#define vload_half(i, p) hal_f16_load((p)[i])
#define vstore_half_rte(v, i, p) ((p)[i] = hal_f16_round(v))
#define as_float(v) hal_float_of(v)
#define as_uint(v) hal_bits_of(v)
#define as_double(v) hal_double_of(v)
#define as_ulong(v) hal_bits_of_double(v)
/* element.h has functions of these names, the prelude macros */
#define HAL_BOUNDS(threads, groups)
#define HAL_ALIGNED(n) __attribute__((aligned(n)))
#define HAL_UNROLL
#define HAL_ROLLED
#endif

unsigned long get_local_id(int axis);
unsigned long get_group_id(int axis);
void lanes_barrier(void);

/* ---- the instructions */

void hal_mma_BF16(float *c, const unsigned int *a, const unsigned int *b);
void hal_mma_F16(float *c, const unsigned int *a, const unsigned int *b);
void hal_matrices(unsigned int *to, const unsigned short *at);
void hal_matrices_turned(unsigned int *to, const unsigned short *at);
void hal_copy_16(unsigned short *to, const char *from, int n);
void hal_copies_end(void);
float hal_exchange(float v, int mask);
float hal_exp2(float x);
unsigned int hal_pack_BF16(float x, float y);
unsigned int hal_pack_F16(float x, float y);

#endif

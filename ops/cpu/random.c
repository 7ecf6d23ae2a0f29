/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philox4x32-10 (Salmon et al., SC 2011): element e of the row-major output uses word e % 4 of the block with
 * counter words
 * (lo e/4, hi e/4, lo counter, hi counter) and the seed as key. uniform: (word >> 8) 2^-24; normal: Box and
 * Muller in double on
 * pairs of words. dropout: y = u >= p ? x / (1 - p) : 0. Reference: hal_op_reference_random, _dropout.
 */
#include <math.h>

#include "kernels.h"
#include "rows.h"

#define BLOCK 512                        /* a multiple of 4 */

static void philox(uint64_t block, uint64_t counter, uint64_t seed, uint32_t *word) {
    uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32), c = (uint32_t)counter, d =
        (uint32_t)(counter >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53u * a, q = (uint64_t)0xCD9E8D57u * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0;
        c = (uint32_t)(p >> 32) ^ d ^ k1;
        b = (uint32_t)q;
        d = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = a, word[1] = b, word[2] = c, word[3] = d;
}

static double unit(uint32_t word, double shift) { return ((double)(word >> 8) + shift) * 0x1p-24; }

static void normal_pair(const uint32_t *word, double *to) {
    double r = sqrt(-2.0 * log(unit(word[0], 0.5))), t = 6.28318530717958647693 * unit(word[1], 0.0);
    to[0] = r * cos(t);
    to[1] = r * sin(t);
}

/* Four numbers of the block that holds elements 4 block and after. */
static void draw(bool normal, uint64_t block, uint64_t counter, uint64_t seed, double *to) {
    uint32_t word[4];
    philox(block, counter, seed, word);
    if (normal) {
        normal_pair(word, to);
        normal_pair(word + 2, to + 2);
    } else {
        for (int i = 0; i < 4; i++) to[i] = unit(word[i], 0.0);
    }
}

static uint64_t counter_of(const hal_cpu_operand *o) { return (uint64_t)hal_load_index(o->dtype, o->data); }

static void run_random(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_random_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    uint64_t counter = counter_of(&call->operand[0]);
    int64_t end = hal_cpu_rows_end(call, chunk);
    double *number = scratch;
    for (int64_t at = chunk * call->grain; at < end; at += BLOCK) {
        int64_t n = hal_cpu_min(BLOCK, end - at);
        for (int64_t i = 0; i < n; i += 4) draw(attrs->kind == 1, (uint64_t)(at + i) / 4, counter,
            (uint64_t)attrs->seed, number + i);
        hal_rows_write_double(&y->flat, y->data, at, n, number);
    }
}

bool hal_prepare_random(hal_cpu_call *call) {
    call->scratch_bytes = BLOCK * sizeof(double);
    hal_cpu_rows(call, hal_cpu_out(call, 0)->n, 1, run_random);
    return true;
}

static void run_dropout(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_dropout_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    uint64_t counter = counter_of(&call->operand[1]);
    int64_t end = hal_cpu_rows_end(call, chunk);
    double *number = scratch, p = (double)(float)attrs->p;
    float *buffer = (float *)(number + BLOCK), keep = (float)(1.0 / (1.0 - attrs->p));
    for (int64_t at = chunk * call->grain; at < end; at += BLOCK) {
        int64_t n = hal_cpu_min(BLOCK, end - at);
        for (int64_t i = 0; i < n; i += 4) draw(false, (uint64_t)(at + i) / 4, counter,
            (uint64_t)attrs->seed, number + i);
        const float *from = hal_load(x, at, n, buffer);
        float *to = hal_target(y, at, n, buffer + BLOCK);
        for (int64_t i = 0; i < n; i++) to[i] = number[i] >= p ? from[i] * keep : 0.0f;
        hal_save(y, at, n, to, buffer + BLOCK);
    }
}

bool hal_prepare_dropout(hal_cpu_call *call) {
    call->scratch_bytes = BLOCK * (sizeof(double) + 2 * sizeof(float));
    hal_cpu_rows(call, call->operand[0].n, 1, run_dropout);
    return true;
}

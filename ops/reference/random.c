/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A round maps (x0, x1, x2, x3) to
 * (hi(M1 x2) ^ x1 ^ k0, lo(M1 x2), hi(M0 x0) ^ x3 ^ k1, lo(M0 x0)) and adds the Weyl constants to the key.
 *   uniform: (word >> 8) 2^-24; exact before the output's rounding
 *   normal:  r = sqrt(-2 ln(((w0 >> 8) + 0.5) 2^-24)), t = 2 pi (w1 >> 8) 2^-24, r cos t and r sin t; the
 *            angle's rounding moves the result by t u r, hence magnitude r (1 + t)
 *   dropout: u >= p ? x / (1 - p) : 0
 */
#include "array.h"

void hal_reference_philox(int64_t seed, int64_t counter, uint64_t block, uint32_t word[4]) {
    uint64_t s = (uint64_t)seed, c = (uint64_t)counter;
    uint32_t k0 = (uint32_t)s, k1 = (uint32_t)(s >> 32);
    uint32_t x[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)c, (uint32_t)(c >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x[0], p1 = (uint64_t)0xCD9E8D57u * x[2];
        uint32_t y[4] = {(uint32_t)(p1 >> 32) ^ x[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ x[3] ^ k1,
                         (uint32_t)p0};
        memcpy(x, y, sizeof x);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(word, x, sizeof x);
}

static double uniform_at(int64_t seed, int64_t counter, int64_t e) {
    uint32_t word[4];
    hal_reference_philox(seed, counter, (uint64_t)e / 4, word);
    return (double)(word[e % 4] >> 8) * 0x1p-24;
}

static double normal_at(int64_t seed, int64_t counter, int64_t e, double *magnitude) {
    uint32_t word[4];
    hal_reference_philox(seed, counter, (uint64_t)e / 4, word);
    const uint32_t *w = word + (e % 4 / 2) * 2;
    double r = sqrt(-2.0 * log(((double)(w[0] >> 8) + 0.5) * 0x1p-24));
    double t = 2.0 * M_PI * (double)(w[1] >> 8) * 0x1p-24;
    *magnitude = r * (1.0 + t);
    return e % 2 ? r * sin(t) : r * cos(t);
}

hal_status hal_op_reference_random(const hal_reference_call *call) {
    const hal_random_attrs *a = call->attrs;
    hal_array *y = call->out;
    int64_t counter = (int64_t)call->in[0].data[0];
    for (int64_t i = 0; i < y->n; i++) {
        double magnitude = 0.0;
        y->data[i] = a->kind ? normal_at(a->seed, counter, i, &magnitude) : uniform_at(a->seed, counter, i);
        if (y->scale) y->scale[i] = magnitude;
    }
    return HAL_OK;
}

hal_status hal_op_reference_dropout(const hal_reference_call *call) {
    const hal_dropout_attrs *a = call->attrs;
    int64_t counter = (int64_t)call->in[1].data[0];
    for (int64_t i = 0; i < call->out[0].n; i++) {
        double u = uniform_at(a->seed, counter, i);
        call->out[0].data[i] = u >= hal_round_to(HAL_F32, a->p) ? call->in[0].data[i] / (1.0 - a->p) : 0.0;
    }
    return HAL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philox4x32-10 (Salmon et al., SC 2011): element e of the row-major output uses word e % 4 of the block with counter
 * words (lo e/4, hi e/4, lo counter, hi counter) and the seed as key. A work-item makes `run` elements, a multiple of 4.
 *   uniform  (word >> 8) 2^-24, exact
 *   normal   Box and Muller on pairs of words, in double where there are doubles
 *   dropout  y = u >= p ? x keep : 0, keep = 1 / (1 - p)
 * T: dtype, IN: what dropout multiplies in. Reference: hal_op_reference_random, _dropout.
 */
#ifdef HAL_WIDE
#define BLOCKS 64                        /* of 4 elements each, that a loop of vectors makes */
#else
#define BLOCKS 1
#endif

typedef struct { uint w[4]; } words;
HAL_FUNCTION words philox(ulong block, ulong counter, ulong seed) {
    uint a = (uint)block, b = (uint)(block >> 32), c = (uint)counter, d = (uint)(counter >> 32);
    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
    for (int round_ = 0; round_ < 10; round_++) {
        const ulong p = (ulong)0xD2511F53u * a, q = (ulong)0xCD9E8D57u * c;
        a = (uint)(q >> 32) ^ b ^ k0;
        c = (uint)(p >> 32) ^ d ^ k1;
        b = (uint)q;
        d = (uint)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words w;
    w.w[0] = a;
    w.w[1] = b;
    w.w[2] = c;
    w.w[3] = d;
    return w;
}
/* Words of `n` blocks from `first` on, in the order of elements. */
HAL_FUNCTION void draw(ulong first, long n, ulong counter, ulong seed, uint *to) {
    HAL_VECTOR_LOOP
    for (long i = 0; i < n; i++) {
        const words w = philox(first + (ulong)i, counter, seed);
        to[4 * i] = w.w[0];
        to[4 * i + 1] = w.w[1];
        to[4 * i + 2] = w.w[2];
        to[4 * i + 3] = w.w[3];
    }
}

#ifdef HAL_DOUBLES
typedef double normal_real;
#define STORE_NORMAL(T) HAL_PASTE(hal_d_store_, T)
#else
typedef float normal_real;
#define STORE_NORMAL(T) HAL_PASTE(hal_f_store_, T)
#endif
HAL_FUNCTION normal_real normal(uint w0, uint w1, int odd) {
    const normal_real u = ((normal_real)(w0 >> 8) + (normal_real)0.5f) * (normal_real)0x1p-24f;
#ifdef HAL_DOUBLES
    const double r = sqrt(-2.0 * log(u)), t = 6.28318530717958647693 * ((double)(w1 >> 8) * 0x1p-24);
    return odd ? r * sin(t) : r * cos(t);
#else
    const float r = hal_sqrt(-2.0f * hal_f_log(u)), t = 6.28318531f * ((float)(w1 >> 8) * 0x1p-24f);
    return odd ? r * hal_f_sin(t) : r * hal_f_cos(t);
#endif
}

HAL_KERNEL void random_numbers(HAL_TENSOR(counter), HAL_TENSOR(y), hal_walk y_by, int is_normal, ulong seed, long run,
    long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    const ulong count = (ulong)load_I64(AT(counter), 0);
    uint w[4 * BLOCKS];
    for (long at = begin; at < end; at += 4 * BLOCKS) {
        const long n = end - at < 4 * BLOCKS ? end - at : 4 * BLOCKS;
        draw((ulong)at / 4, (n + 3) / 4, count, seed, w);
        for (long j = 0; j < n; j++) {
            const long to = hal_walk_at(&y_by, at + j);
            if (!is_normal) HAL_STORE(T)(AT(y), to, (HAL_REAL)(w[j] >> 8) * (HAL_REAL)0x1p-24f);
            else STORE_NORMAL(T)(AT(y), to, normal(w[j & ~1L], w[j | 1], (int)(j & 1)));
        }
    }
}

HAL_KERNEL void dropout(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(counter), HAL_TENSOR(y), hal_walk y_by, float p,
    HAL_REAL keep, ulong seed, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    const ulong count = (ulong)load_I64(AT(counter), 0);
    uint w[4 * BLOCKS];
    for (long at = begin; at < end; at += 4 * BLOCKS) {
        const long n = end - at < 4 * BLOCKS ? end - at : 4 * BLOCKS;
        draw((ulong)at / 4, (n + 3) / 4, count, seed, w);
        if (x_by.dense && y_by.dense) {
            HAL_VECTOR_LOOP
            for (long j = 0; j < n; j++) {
                const HAL_REAL v = HAL_LOAD(T)(AT(x), at + j) * keep;
                HAL_STORE(T)(AT(y), at + j, (float)(w[j] >> 8) * 0x1p-24f >= p ? v : (HAL_REAL)0);
            }
        } else {
            for (long j = 0; j < n; j++) {
                const HAL_REAL v = HAL_LOAD(T)(AT(x), hal_walk_at(&x_by, at + j)) * keep;
                HAL_STORE(T)(AT(y), hal_walk_at(&y_by, at + j), (float)(w[j] >> 8) * 0x1p-24f >= p ? v : (HAL_REAL)0);
            }
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philox4x32-10 (Salmon et al., SC 2011): element e of the row-major output uses word e % 4 of the block with counter
 * words (lo e/4, hi e/4, lo counter, hi counter) and the seed as key. A work-item makes `run` elements, a multiple of 4.
 *   uniform  (word >> 8) 2^-24, exact
 *   normal   Box and Muller on pairs of words, in double where there are doubles
 *   dropout  y = u >= p ? x keep : 0, keep = 1 / (1 - p)
 * T: dtype, IN: what dropout multiplies in. Reference: hal_op_reference_random, _dropout.
 */
#if defined(HAL_WIDE) && !defined(HAL_CUDA)
#define BLOCKS 64                        /* of 4 elements each, made before any is used */
#define TOGETHER 8                       /* that are made side by side */
typedef uint8 word;
typedef ulong8 long_word;
#define LENGTHEN(v) convert_ulong8(v)
#define SHORTEN(v) convert_uint8(v)
#define COUNT_UP (ulong8)(0, 1, 2, 3, 4, 5, 6, 7)
#else
#define BLOCKS 1
#define TOGETHER 1
typedef uint word;
typedef ulong long_word;
#define LENGTHEN(v) ((ulong)(v))
#define SHORTEN(v) ((uint)(v))
#define COUNT_UP 0ul
#endif

typedef struct { word w[4]; } words;
HAL_FUNCTION words philox(long_word block, ulong counter, ulong seed) {
    words w;
    word a = SHORTEN(block), b = SHORTEN(block >> 32), c = (word)((uint)counter), d = (word)((uint)(counter >> 32));
    uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
    for (int round_ = 0; round_ < 10; round_++) {
        const long_word p = LENGTHEN(a) * (ulong)0xD2511F53u, q = LENGTHEN(c) * (ulong)0xCD9E8D57u;
        a = SHORTEN(q >> 32) ^ b ^ k0;
        c = SHORTEN(p >> 32) ^ d ^ k1;
        b = SHORTEN(q);
        d = SHORTEN(p);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    w.w[0] = a;
    w.w[1] = b;
    w.w[2] = c;
    w.w[3] = d;
    return w;
}
#if defined(HAL_WIDE) && !defined(HAL_CUDA)
HAL_FUNCTION uint16 in_order(uint4 a, uint4 b, uint4 c, uint4 d) {
    return (uint16)(a.x, b.x, c.x, d.x, a.y, b.y, c.y, d.y, a.z, b.z, c.z, d.z, a.w, b.w, c.w, d.w);
}
HAL_FUNCTION void keep_words(words v, uint *to) {
    vstore16(in_order(v.w[0].lo, v.w[1].lo, v.w[2].lo, v.w[3].lo), 0, to);
    vstore16(in_order(v.w[0].hi, v.w[1].hi, v.w[2].hi, v.w[3].hi), 1, to);
}
#else
HAL_FUNCTION void keep_words(words v, uint *to) {
    for (int i = 0; i < 4; i++) to[i] = v.w[i];
}
#endif
/* Words of `n` blocks from `first` on, rounded up to TOGETHER, in the order of elements. */
HAL_FUNCTION void draw(ulong first, long n, ulong counter, ulong seed, uint *to) {
    for (long i = 0; i < n; i += TOGETHER) keep_words(philox(COUNT_UP + (first + (ulong)i), counter, seed), to + 4 * i);
}

#ifdef HAL_DOUBLES
typedef double normal_real;
#define STORE_NORMAL(T) HAL_PASTE(hal_d_store_, T)
#else
typedef float normal_real;
#define STORE_NORMAL(T) HAL_PASTE(hal_f_store_, T)
#endif
/* The logarithm of (k + 1/2) 2^-24. Near 1 that has more bits than a float, and what is missing there has not. */
HAL_FUNCTION normal_real log_of(uint k) {
#ifdef HAL_DOUBLES
    return log(((double)k + 0.5) * 0x1p-24);
#else
    return k < 0x800000u ? hal_f_log(((float)k + 0.5f) * 0x1p-24f) : log1p(((float)(0x1000000u - k) - 0.5f) * -0x1p-24f);
#endif
}
HAL_FUNCTION normal_real normal(uint w0, uint w1, int odd) {
#ifdef HAL_DOUBLES
    const double r = sqrt(-2.0 * log_of(w0 >> 8)), t = 6.28318530717958647693 * ((double)(w1 >> 8) * 0x1p-24);
    return odd ? r * sin(t) : r * cos(t);
#else
    const float r = hal_sqrt(-2.0f * log_of(w0 >> 8)), t = 6.28318531f * ((float)(w1 >> 8) * 0x1p-24f);
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

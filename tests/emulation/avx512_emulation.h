/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX-512 and AVX512-BF16 intrinsics that ops/cpu/gemm_avx512.[ch], gemm_bf16.c and gemm_amx.c use, in C,
 * for machines without them. Include before the kernel: it then believes that it is compiled for AVX-512.
 * Lanes that a mask excludes are neither read nor written. */
#ifndef HAL_TESTS_EMULATION_AVX512_EMULATION_H
#define HAL_TESTS_EMULATION_AVX512_EMULATION_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* Passing vectors this wide has no settled ABI without AVX-512: nothing is called. */
#define AVX512_INLINE static inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float avx512_f32 __attribute__((vector_size(64)));
typedef uint32_t avx512_u32 __attribute__((vector_size(64)));
typedef uint64_t avx512_u64 __attribute__((vector_size(64)));
typedef uint16_t avx512_half __attribute__((vector_size(32)));

#define AVX512_FOR(i, n) for (int i = 0; i < (n); i++)

/* ---- loads, stores, constants ---- */

AVX512_INLINE avx512_f32 avx512_load_f32(const void *p)
{
    avx512_f32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

AVX512_INLINE avx512_u32 avx512_load_u32(const void *p)
{
    avx512_u32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

AVX512_INLINE void avx512_store_f32(void *p, avx512_f32 v)
{
    memcpy(p, &v, sizeof v);
}

AVX512_INLINE void avx512_store_u32(void *p, avx512_u32 v)
{
    memcpy(p, &v, sizeof v);
}

AVX512_INLINE avx512_f32 avx512_mask_load_f32(uint16_t mask, const void *p)
{
    avx512_f32 v = {0};
    AVX512_FOR(i, 16) if (mask >> i & 1) memcpy((char *)&v + 4 * i, (const char *)p + 4 * i, 4);
    return v;
}

AVX512_INLINE void avx512_mask_store_f32(void *p, uint16_t mask, avx512_f32 v)
{
    AVX512_FOR(i, 16) if (mask >> i & 1) memcpy((char *)p + 4 * i, (const char *)&v + 4 * i, 4);
}

AVX512_INLINE avx512_u32 avx512_mask_load_u16(uint32_t mask, const void *p)
{
    avx512_u32 v = {0};
    AVX512_FOR(i, 32) if (mask >> i & 1) memcpy((char *)&v + 2 * i, (const char *)p + 2 * i, 2);
    return v;
}

AVX512_INLINE avx512_half avx512_mask_load_half(uint16_t mask, const void *p)
{
    avx512_half v = {0};
    AVX512_FOR(i, 16) if (mask >> i & 1) memcpy((char *)&v + 2 * i, (const char *)p + 2 * i, 2);
    return v;
}

AVX512_INLINE avx512_f32 avx512_zero_f32(void)
{
    return (avx512_f32){0};
}

AVX512_INLINE avx512_u32 avx512_zero_u32(void)
{
    return (avx512_u32){0};
}

AVX512_INLINE avx512_f32 avx512_all_f32(float x)
{
    return (avx512_f32){0} + x;
}

AVX512_INLINE avx512_u32 avx512_all_u32(int32_t x)
{
    return (avx512_u32){0} + (uint32_t)x;
}

/* ---- arithmetic ---- */

AVX512_INLINE avx512_f32 avx512_add(avx512_f32 a, avx512_f32 b)
{
    return a + b;
}

AVX512_INLINE avx512_f32 avx512_fma(avx512_f32 a, avx512_f32 b, avx512_f32 c)
{
    AVX512_FOR(i, 16) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
}

/* In halves, as the compilers' sequence of shuffles does. */
AVX512_INLINE float avx512_sum(avx512_f32 v)
{
    for (int half = 8; half > 0; half /= 2)
        AVX512_FOR(i, half) v[i] += v[i + half];
    return v[0];
}

AVX512_INLINE float avx512_flush(float x)
{
    return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : x;
}

AVX512_INLINE float avx512_float(uint32_t bits)
{
    const union { uint32_t bits; float value; } both = {bits};
    return both.value;
}

AVX512_INLINE float avx512_bf16(uint32_t bits)
{
    return avx512_flush(avx512_float(bits));
}

/* The odd element of a pair first; denormals count as zero on both sides, and each sum is rounded once. */
AVX512_INLINE avx512_f32 avx512_dot_bf16(avx512_f32 c, avx512_u32 a, avx512_u32 b)
{
    AVX512_FOR(i, 16)
    {
        float odd = avx512_flush(__builtin_fmaf(avx512_bf16(a[i] & 0xffff0000u), avx512_bf16(b[i] & 0xffff0000u),
                                                avx512_flush(c[i])));
        c[i] = avx512_flush(__builtin_fmaf(avx512_bf16(a[i] << 16), avx512_bf16(b[i] << 16), odd));
    }
    return c;
}

/* ---- bits and lanes ---- */

AVX512_INLINE avx512_f32 avx512_as_f32(avx512_u32 v)
{
    return (avx512_f32)v;
}

AVX512_INLINE avx512_u32 avx512_as_u32(avx512_f32 v)
{
    return (avx512_u32)v;
}

AVX512_INLINE avx512_u32 avx512_and(avx512_u32 a, avx512_u32 b)
{
    return a & b;
}

AVX512_INLINE avx512_u32 avx512_or(avx512_u32 a, avx512_u32 b)
{
    return a | b;
}

AVX512_INLINE avx512_u32 avx512_shift_left(avx512_u32 v, int bits)
{
    return v << (uint32_t)bits;
}

AVX512_INLINE avx512_u32 avx512_widen_u16(avx512_half v)
{
    avx512_u32 w;
    AVX512_FOR(i, 16) w[i] = v[i];
    return w;
}

AVX512_INLINE float avx512_f16(uint32_t half)
{
    uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
    uint32_t bits = exponent == 31 ? 0x7f800000u | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
    float x = exponent == 0 ? (float)fraction * 0x1p-24f : avx512_float(bits);
    return half >> 15 ? -x : x;
}

AVX512_INLINE avx512_f32 avx512_widen_f16(avx512_half v)
{
    avx512_f32 w;
    AVX512_FOR(i, 16) w[i] = avx512_f16(v[i]);
    return w;
}

/* Elements first and first + 1 of each 128 bits of a and b in turn. */
AVX512_INLINE avx512_u32 avx512_unpack32(avx512_u32 a, avx512_u32 b, int first)
{
    avx512_u32 v;
    AVX512_FOR(i, 16) v[i] = (i & 1 ? b : a)[i / 4 * 4 + first + i % 4 / 2];
    return v;
}

AVX512_INLINE avx512_u32 avx512_unpack64(avx512_u32 a, avx512_u32 b, int first)
{
    avx512_u64 x = (avx512_u64)a, y = (avx512_u64)b, v;
    AVX512_FOR(i, 8) v[i] = (i & 1 ? y : x)[i / 2 * 2 + first];
    return (avx512_u32)v;
}

/* Two blocks of 128 bits from a, then two from b, each named by two bits of `select`. */
AVX512_INLINE avx512_u32 avx512_shuffle(avx512_u32 a, avx512_u32 b, int select)
{
    avx512_u32 v;
    AVX512_FOR(i, 16) v[i] = (i < 8 ? a : b)[(select >> (i / 4 * 2) & 3) * 4 + i % 4];
    return v;
}

/* ---- the names kernels know ---- */

#undef _mm512_shuffle_i32x4
#undef _mm512_slli_epi32
#define __m512 avx512_f32
#define __m512i avx512_u32
#define __m512bh avx512_u32
#define __m256i avx512_half
#define __mmask16 uint16_t
#define __mmask32 uint32_t
#define _mm256_maskz_loadu_epi16 avx512_mask_load_half
#define _mm512_add_ps avx512_add
#define _mm512_and_si512 avx512_and
#define _mm512_castps_si512 avx512_as_u32
#define _mm512_castsi512_ps avx512_as_f32
#define _mm512_cvtepu16_epi32 avx512_widen_u16
#define _mm512_cvtph_ps avx512_widen_f16
#define _mm512_dpbf16_ps avx512_dot_bf16
#define _mm512_fmadd_ps avx512_fma
#define _mm512_loadu_ps avx512_load_f32
#define _mm512_loadu_si512 avx512_load_u32
#define _mm512_mask_storeu_ps avx512_mask_store_f32
#define _mm512_maskz_loadu_epi16 avx512_mask_load_u16
#define _mm512_maskz_loadu_ps avx512_mask_load_f32
#define _mm512_or_si512 avx512_or
#define _mm512_reduce_add_ps avx512_sum
#define _mm512_set1_epi32 avx512_all_u32
#define _mm512_set1_ps avx512_all_f32
#define _mm512_setzero_ps avx512_zero_f32
#define _mm512_setzero_si512 avx512_zero_u32
#define _mm512_shuffle_i32x4 avx512_shuffle
#define _mm512_slli_epi32 avx512_shift_left
#define _mm512_storeu_ps avx512_store_f32
#define _mm512_storeu_si512 avx512_store_u32
#define _mm512_unpackhi_epi32(a, b) avx512_unpack32(a, b, 2)
#define _mm512_unpackhi_epi64(a, b) avx512_unpack64(a, b, 1)
#define _mm512_unpacklo_epi32(a, b) avx512_unpack32(a, b, 0)
#define _mm512_unpacklo_epi64(a, b) avx512_unpack64(a, b, 0)

/* What the kernels ask the compiler for. */
#ifndef __AVX512F__
#define __AVX512F__ 1
#endif
#ifndef __AVX512BW__
#define __AVX512BW__ 1
#endif
#ifndef __AVX512DQ__
#define __AVX512DQ__ 1
#endif
#ifndef __AVX512VL__
#define __AVX512VL__ 1
#endif
#ifndef __AVX512BF16__
#define __AVX512BF16__ 1
#endif

#endif

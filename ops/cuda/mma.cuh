/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of small matrices by a warp of 32 lanes, in words of the dialect of ops/portable; for devices from sm_80 on.
 *
 *   hal_mma_BF16(c, a, b)        c (16 x 8, float) += a (16 x 16) b (16 x 8); hal_mma_F16 likewise. Each lane holds c[4],
 *                                a[4] and b[2] as PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type",
 *                                lays them out: with g = lane / 4 and u = lane % 4,
 *                                  c[0..1] row g, columns 2u and 2u + 1;  c[2..3] row g + 8
 *                                  a[0] row g, columns 2u, 2u + 1; a[1] row g + 8; a[2], a[3] the same, columns + 8
 *                                  b[0] rows 2u, 2u + 1 of column g; b[1] rows + 8      (two to a word, the first low)
 *   hal_matrices(to, at)         four 8 x 8 matrices from local memory; lane l gives the address of row l % 8 of matrix
 *                                l / 8, 16 bytes, aligned. to[m]: row g, columns 2u and 2u + 1 of matrix m (PTX ISA,
 *                                "Warp-level matrix load instruction: ldmatrix", .x4)
 *   hal_matrices_turned(to, at)  the same of the transposed matrices (.trans)
 *   hal_copy_16(to, from, n)     16 bytes into local memory, on their way until hal_copies_end(); n = 0: zeros, nothing
 *                                is read; n = 16: both aligned to 16 (PTX ISA, "cp.async")
 *   hal_copies_end()             waits for the copies of this lane; others see them after a barrier
 *   hal_exchange(v, mask)        v of the lane whose number differs in these bits
 *   hal_quad_max, hal_quad_sum   over lanes 4g ... 4g + 3; a NaN is no maximum where there is a number
 *   hal_pack_BF16(x, y)          rounded to nearest even, x low; hal_low_BF16, hal_high_BF16 give them back
 *   hal_exp2(x)                  2^x within 2 ulp; results below 2^-126 are 0
 *
 * All 32 lanes of a warp come to each of these together, but for copies, packing and hal_exp2. On processors
 * tests/emulation/lanes.h stands in for the instructions.
 */
#define HAL_LOG2_E 1.44269504f
#define HAL_LN_2 0.693147181f

#ifdef HAL_CUDA
#define HAL_BOUNDS(threads, groups) __launch_bounds__(threads, groups)
#define HAL_ALIGNED(n) __align__(n)
#define HAL_UNROLL _Pragma("unroll")
#define HAL_ROLLED _Pragma("unroll 1")

#define HAL_MMA(T, type) \
    HAL_FUNCTION void hal_mma_##T(float *c, const uint *a, const uint *b) { \
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 " \
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) \
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
    } \
    HAL_FUNCTION uint hal_pack_##T(float x, float y) { \
        uint both; \
        asm("cvt.rn." type "x2.f32 %0, %1, %2;" : "=r"(both) : "f"(y), "f"(x)); \
        return both; \
    }
HAL_MMA(BF16, "bf16")
HAL_MMA(F16, "f16")

HAL_FUNCTION uint hal_local_address(const void *p) { return (uint)__cvta_generic_to_shared(p); }
HAL_FUNCTION void hal_matrices(uint *to, const ushort *at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(hal_local_address(at)) : "memory");
}
HAL_FUNCTION void hal_matrices_turned(uint *to, const ushort *at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(hal_local_address(at)) : "memory");
}
HAL_FUNCTION void hal_copy_16(ushort *to, HAL_GLOBAL const char *from, int n) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
        :: "r"(hal_local_address(to)), "l"(__cvta_generic_to_global(from)), "r"(n) : "memory");
}
HAL_FUNCTION void hal_copies_end(void) { asm volatile("cp.async.wait_all;" ::: "memory"); }
HAL_FUNCTION float hal_exchange(float v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
HAL_FUNCTION float hal_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

/* What is moved at once. */
typedef struct HAL_ALIGNED(16) { uint of[4]; } hal_chunk;

HAL_FUNCTION float hal_quad_max(float v) {
    v = fmax(v, hal_exchange(v, 1));
    return fmax(v, hal_exchange(v, 2));
}
HAL_FUNCTION float hal_quad_sum(float v) {
    v += hal_exchange(v, 1);
    return v + hal_exchange(v, 2);
}
HAL_FUNCTION float hal_low_BF16(uint both) { return as_float(both << 16); }
HAL_FUNCTION float hal_high_BF16(uint both) { return as_float(both & 0xffff0000u); }
HAL_FUNCTION float hal_low_F16(uint both) { return hal_from_f16((ushort)(both & 0xffffu)); }
HAL_FUNCTION float hal_high_F16(uint both) { return hal_from_f16((ushort)(both >> 16)); }

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kernel file stands on: OpenCL C 1.2 without any extension taken for granted, or CUDA C++.
 *
 *   HAL_KERNEL void name(HAL_TENSOR(x), HAL_TENSOR(y), long n)
 *   {
 *       const long i = get_global_id(0);
 *       if (i < n) STORE(Y)(AT(y), i, LOAD(X)(AT(x), i));
 *   }
 *
 * HAL_TENSOR(x)   two parameters: a base pointer and an offset in bytes
 * AT(x)           the address of the tensor's first element
 * LOAD(T)(p, i)   element i of p, where T is F32, F16, BF16 (they give float), F64 (double) or an integer type (long)
 * STORE(T)(p, i, v)  v rounded to nearest even (floats), or as it is (integers hold what fits)
 * REAL(T)         the type LOAD(T) gives
 * hal_fma, hal_sqrt, hal_abs, hal_floor, hal_copysign: the functions of scalars that loops of vectors may use
 * HAL_VECTOR_LOOP before a `for` whose turns are independent
 * HAL_BARRIER()   of a group, for what it shares in local memory; HAL_BARRIER_GLOBAL() for global memory
 * RAW(w)          an unsigned integer of w bytes, for moving elements as they are
 *
 * Options of every program: HAL_FP64 where the device has doubles; HAL_WIDE where a work-item is a turn of a loop.
 * Halves and bfloat16 are converted by hand or by vload_half, so that no device needs them as types.
 */
#ifdef __CUDACC__
#define HAL_CUDA 1
#define HAL_KERNEL extern "C" __global__
#define HAL_FUNCTION __device__ __forceinline__
#define HAL_GLOBAL
#define HAL_LOCAL __shared__
#define HAL_BARRIER() __syncthreads()
#define HAL_BARRIER_GLOBAL() __syncthreads()
#define HAL_ATOMIC_MAX(p, v) atomicMax(p, v)
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
HAL_FUNCTION ulong get_global_id(int d) {
    return d == 0 ? (ulong)blockIdx.x * blockDim.x + threadIdx.x
         : d == 1 ? (ulong)blockIdx.y * blockDim.y + threadIdx.y : (ulong)blockIdx.z * blockDim.z + threadIdx.z;
}
HAL_FUNCTION ulong get_global_size(int d) {
    return d == 0 ? (ulong)gridDim.x * blockDim.x : d == 1 ? (ulong)gridDim.y * blockDim.y : (ulong)gridDim.z * blockDim.z;
}
HAL_FUNCTION ulong get_local_id(int d) { return d == 0 ? threadIdx.x : d == 1 ? threadIdx.y : threadIdx.z; }
HAL_FUNCTION ulong get_local_size(int d) { return d == 0 ? blockDim.x : d == 1 ? blockDim.y : blockDim.z; }
HAL_FUNCTION ulong get_group_id(int d) { return d == 0 ? blockIdx.x : d == 1 ? blockIdx.y : blockIdx.z; }
HAL_FUNCTION ulong get_num_groups(int d) { return d == 0 ? gridDim.x : d == 1 ? gridDim.y : gridDim.z; }
HAL_FUNCTION float as_float(uint v) { return __uint_as_float(v); }
HAL_FUNCTION uint as_uint(float v) { return __float_as_uint(v); }
HAL_FUNCTION double as_double(ulong v) { return __longlong_as_double((long long)v); }
HAL_FUNCTION ulong as_ulong(double v) { return (ulong)__double_as_longlong(v); }
HAL_FUNCTION uint mul_hi(uint a, uint b) { return __umulhi(a, b); }
#else
#pragma OPENCL FP_CONTRACT OFF
#define HAL_KERNEL __kernel
#ifdef __clang__
#define HAL_FUNCTION static inline __attribute__((always_inline))
#else
#define HAL_FUNCTION static inline
#endif
#define HAL_GLOBAL __global
#define HAL_LOCAL __local
#define HAL_BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define HAL_BARRIER_GLOBAL() barrier(CLK_GLOBAL_MEM_FENCE)
#define HAL_ATOMIC_MAX(p, v) atomic_max(p, v)
#ifdef HAL_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#endif

/* Before a loop whose turns do not depend on each other: element i of an output is written after element i of every
   input was read, which may be the same memory. */
#if defined(HAL_WIDE) && defined(__clang__)
/* A loop with a call stays one of scalars; some drivers would print that on the process's stderr. */
#pragma clang diagnostic ignored "-Wpass-failed"
#define HAL_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety) interleave(enable)")
#else
#define HAL_VECTOR_LOOP
#endif

/* Scalar hal_fma, hal_sqrt, hal_abs, hal_floor, hal_copysign of float and double. What they are called in the language is
   a call into a library until late in PoCL, whose compiler then sees no loop of vectors; these are instructions to it.
   Other compilers may not know them (Oclgrind does not). */
#if defined(HAL_WIDE) && defined(__clang__) && defined(POCL_DEVICE_ADDRESS_BITS)
#define HAL_BUILT_IN __attribute__((overloadable)) HAL_FUNCTION
#define HAL_BUILT_INS(T, end) \
    HAL_BUILT_IN T hal_fma(T a, T b, T c) { return __builtin_fma##end(a, b, c); } \
    HAL_BUILT_IN T hal_sqrt(T a) { return __builtin_sqrt##end(a); } \
    HAL_BUILT_IN T hal_abs(T a) { return __builtin_fabs##end(a); } \
    HAL_BUILT_IN T hal_floor(T a) { return __builtin_floor##end(a); } \
    HAL_BUILT_IN T hal_copysign(T a, T b) { return __builtin_copysign##end(a, b); }
HAL_BUILT_INS(float, f)
#ifdef HAL_FP64
HAL_BUILT_INS(double, )
#endif
#else
#define hal_fma(a, b, c) fma(a, b, c)
#define hal_sqrt(a) sqrt(a)
#define hal_abs(a) fabs(a)
#define hal_floor(a) floor(a)
#define hal_copysign(a, b) copysign(a, b)
#endif

/* What ops/kernel/functions.h asks for. */
#define hal_fma_wide(a, b, c) hal_fma(a, b, c)
#define hal_fma_rest(a, b, c) hal_fma(a, b, c)
#if defined(HAL_CUDA) || defined(HAL_FP64)
#define HAL_DOUBLES 1
#endif

#define HAL_PASTE_(a, b) a##b
#define HAL_PASTE(a, b) HAL_PASTE_(a, b)
#define HAL_TENSOR(x) HAL_GLOBAL char *x##_base, long x##_offset
#define AT(x) (x##_base + x##_offset)
#define LOAD(T) HAL_PASTE(load_, T)
#define STORE(T) HAL_PASTE(store_, T)
#define REAL(T) HAL_PASTE(real_, T)
#define RAW(w) HAL_PASTE(raw_, w)
#define HAL_AS(type, p) ((HAL_GLOBAL type *)(p))

typedef uchar raw_1;
typedef ushort raw_2;
typedef uint raw_4;
typedef ulong raw_8;
typedef float real_F32, real_F16, real_BF16;
typedef long real_I8, real_I16, real_I32, real_I64, real_U8, real_U16, real_U32, real_BOOL;

HAL_FUNCTION float load_F32(HAL_GLOBAL const char *p, long i) { return HAL_AS(const float, p)[i]; }
HAL_FUNCTION void store_F32(HAL_GLOBAL char *p, long i, float v) { HAL_AS(float, p)[i] = v; }

HAL_FUNCTION float hal_from_bf16(ushort v) { return as_float((uint)v << 16); }
/* Adding just under half of the last kept place, and one more where that place is odd, carries exactly when rounding to
   even goes up. A NaN stays one. */
HAL_FUNCTION ushort hal_to_bf16(float v) {
    const uint bits = as_uint(v);
    return (ushort)(v != v ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
HAL_FUNCTION float load_BF16(HAL_GLOBAL const char *p, long i) { return hal_from_bf16(HAL_AS(const ushort, p)[i]); }
HAL_FUNCTION void store_BF16(HAL_GLOBAL char *p, long i, float v) { HAL_AS(ushort, p)[i] = hal_to_bf16(v); }

#ifdef HAL_CUDA
HAL_FUNCTION float hal_from_f16(ushort v) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v));
    return f;
}
HAL_FUNCTION ushort hal_to_f16(float v) {
    ushort h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(v));
    return h;
}
HAL_FUNCTION float load_F16(HAL_GLOBAL const char *p, long i) { return hal_from_f16(HAL_AS(const ushort, p)[i]); }
HAL_FUNCTION void store_F16(HAL_GLOBAL char *p, long i, float v) { HAL_AS(ushort, p)[i] = hal_to_f16(v); }
#elif defined(HAL_WIDE)
/* By arithmetic on the bits, which becomes vector code; the exponent is shifted by a product, which treats subnormal
   halves right, and adding 1/2 makes the processor round a subnormal result at the right bit. */
HAL_FUNCTION float hal_from_f16(ushort v) {
    const uint magnitude = as_uint(as_float(((uint)v & 0x7fffu) << 13) * 0x1p112f);
    const uint special = ((uint)v & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
    return as_float(magnitude | special | ((uint)v & 0x8000u) << 16);
}
HAL_FUNCTION ushort hal_to_f16(float v) {
    const uint u = as_uint(v), sign = u & 0x80000000u, a = u ^ sign;
    const uint normal = (a + 0xc8000fffu + ((a >> 13) & 1u)) >> 13;
    const uint subnormal = as_uint(as_float(a) + 0.5f) - 0x3f000000u;
    const uint large = a > 0x7f800000u ? 0x7e00u : 0x7c00u, finite = a < 0x38800000u ? subnormal : normal;
    return (ushort)((a >= 0x477ff000u ? large : finite) | sign >> 16);
}
HAL_FUNCTION float load_F16(HAL_GLOBAL const char *p, long i) { return hal_from_f16(HAL_AS(const ushort, p)[i]); }
HAL_FUNCTION void store_F16(HAL_GLOBAL char *p, long i, float v) { HAL_AS(ushort, p)[i] = hal_to_f16(v); }
#else
HAL_FUNCTION float hal_from_f16(ushort v) { return vload_half(0, (const half *)&v); }
HAL_FUNCTION ushort hal_to_f16(float v) {
    ushort h;
    vstore_half_rte(v, 0, (half *)&h);
    return h;
}
HAL_FUNCTION float load_F16(HAL_GLOBAL const char *p, long i) { return vload_half((size_t)i, HAL_AS(const half, p)); }
HAL_FUNCTION void store_F16(HAL_GLOBAL char *p, long i, float v) { vstore_half_rte(v, (size_t)i, HAL_AS(half, p)); }
#endif

#if defined(HAL_CUDA) || defined(HAL_FP64)
typedef double real_F64;
HAL_FUNCTION double load_F64(HAL_GLOBAL const char *p, long i) { return HAL_AS(const double, p)[i]; }
HAL_FUNCTION void store_F64(HAL_GLOBAL char *p, long i, double v) { HAL_AS(double, p)[i] = v; }
#endif

#define HAL_INTEGER(T, type) \
    HAL_FUNCTION long load_##T(HAL_GLOBAL const char *p, long i) { return (long)HAL_AS(const type, p)[i]; } \
    HAL_FUNCTION void store_##T(HAL_GLOBAL char *p, long i, long v) { HAL_AS(type, p)[i] = (type)v; }
HAL_INTEGER(I8, signed char)
HAL_INTEGER(I16, short)
HAL_INTEGER(I32, int)
HAL_INTEGER(I64, long)
HAL_INTEGER(U8, uchar)
HAL_INTEGER(U16, ushort)
HAL_INTEGER(U32, uint)
HAL_INTEGER(BOOL, uchar)

/* Quotients of what is not negative; 64-bit division is slow on many devices, and rarely needed. */
HAL_FUNCTION long hal_div(long a, long b) {
    return (((ulong)a | (ulong)b) >> 32) == 0 ? (long)((uint)a / (uint)b) : a / b;
}

/* Sizes and strides in elements, outermost first; mirrors hal_portable_walk. */
typedef struct { int rank, dense; long size[8], stride[8]; } hal_walk;
/* Where element i in row-major order lies, in elements from the first. */
HAL_FUNCTION long hal_walk_at(const hal_walk *w, long i) {
    long at = 0;
    if (w->dense) return i;
    for (int d = w->rank - 1; d > 0; d--) {
        const long q = hal_div(i, w->size[d]);
        at += (i - q * w->size[d]) * w->stride[d];
        i = q;
    }
    return at + i * w->stride[0];
}

/* Axes that several operands share, in four levels, innermost last; mirrors hal_portable_space. Row r of it begins, for
   an operand of these strides, at hal_row_at, and has size[3] elements at distance stride[3]. */
typedef struct { long size[4]; } hal_space;
typedef struct { long of[4]; } hal_strides;
HAL_FUNCTION long hal_row_at(const hal_space *s, const hal_strides *stride, long row) {
    if (row == 0) return 0;
    const long a = hal_div(row, s->size[2]), b = hal_div(a, s->size[1]);
    return (row - a * s->size[2]) * stride->of[2] + (a - b * s->size[1]) * stride->of[1] + b * stride->of[0];
}

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
HAL_FUNCTION uint mul_hi(uint a, uint b) { return __umulhi(a, b); }
#else
#pragma OPENCL FP_CONTRACT OFF
#define HAL_KERNEL __kernel
#define HAL_FUNCTION static inline
#define HAL_GLOBAL __global
#define HAL_LOCAL __local
#define HAL_BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#ifdef HAL_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
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
#else
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

/* Sizes and strides in elements, outermost first; mirrors hal_portable_walk. */
typedef struct { int rank, dense; long size[8], stride[8]; } hal_walk;
/* Where element i in row-major order lies, in elements from the first. */
HAL_FUNCTION long hal_walk_at(const hal_walk *w, long i) {
    long at = 0;
    if (w->dense) return i;
    for (int d = w->rank - 1; d > 0; d--) {
        at += i % w->size[d] * w->stride[d];
        i /= w->size[d];
    }
    return at + i * w->stride[0];
}

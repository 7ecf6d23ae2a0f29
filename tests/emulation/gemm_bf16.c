/* SPDX-License-Identifier: Apache-2.0 */
/* ops/cpu/gemm_bf16.c on emulated intrinsics. */
#if defined(__x86_64__)
#include "tests/emulation/avx512_emulation.h"

#define hal_gemm_avx512_bf16 hal_emulated_avx512_bf16
#include "ops/cpu/gemm_bf16.c"
#else
typedef int nothing_to_emulate; /* the kernels are for x86_64 */
#endif

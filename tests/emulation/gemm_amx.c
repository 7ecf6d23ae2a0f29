/* SPDX-License-Identifier: Apache-2.0 */
/* ops/cpu/gemm_amx.c on emulated intrinsics. */
#if defined(__x86_64__)
#define HAL_EMULATE_AMX 1
#include "tests/emulation/avx512_emulation.h"

#define hal_gemm_amx hal_emulated_amx
#include "ops/cpu/gemm_amx.c"
#else
typedef int nothing_to_emulate; /* the kernels are for x86_64 */
#endif

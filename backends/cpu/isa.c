/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this processor can run: CPUID says what it has, XCR0 what the operating system saves. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ops/cpu/gemm.h>

#include "device.h"

#if defined(__x86_64__)
#include <cpuid.h>

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILE_DATA 18

static uint64_t enabled_state(void) {
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* The amx bits of leaf 7, and the process's permission, which has to be asked for before a thread uses tiles.
   */
static bool has_amx(uint64_t state) {
    uint32_t a, b, c, d;
    if ((state & 0x60000) != 0x60000 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    bool tiles = (d >> 24 & 1) && (d >> 22 & 1);
    return tiles && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}

static bool has_avx512_bf16(void) {
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

static uint32_t detect(void) {
    uint64_t state = enabled_state();
    uint32_t features = 0;
    if ((state & 6) != 6) return 0;
    if (__builtin_cpu_supports("avx2")
        && __builtin_cpu_supports("fma")) features |= HAL_CPU_AVX2_FMA | HAL_CPU_F16C;
    bool zmm = (state & 0xe6) == 0xe6 && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512bw");
    if (!zmm || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) return features;
    features |= HAL_CPU_AVX512;
    if (has_avx512_bf16()) features |= HAL_CPU_AVX512_BF16;
    return has_amx(state) ? features | HAL_CPU_AMX_BF16 : features;
}
#else
static uint32_t detect(void) { return 0; }
#endif

const hal_cpu_table *hal_cpu_isa_choose(const char *wanted, uint32_t *features) {
    uint32_t have = detect();
    if (wanted && strcmp(wanted, "plain") == 0) have = 0;
    if (wanted && strcmp(wanted, "avx2") == 0) have &= HAL_CPU_AVX2_FMA | HAL_CPU_F16C;
    *features = have;
#ifdef HAL_HAVE_VARIANT_AVX512
    if (have & HAL_CPU_AVX512) return &hal_cpu_table_avx512;
#endif
#ifdef HAL_HAVE_VARIANT_AVX2
    if (have & HAL_CPU_AVX2_FMA) return &hal_cpu_table_avx2;
#endif
    return &hal_cpu_table_plain;
}

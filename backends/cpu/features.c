/* SPDX-License-Identifier: Apache-2.0 */
#include "features.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ops/cpu/gemm.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* State that the operating system must save: vectors of 256 bits, of 512 bits with their masks, tiles. */
#define SAVED_AVX    0x6u
#define SAVED_AVX512 0xe6u
#define SAVED_TILES  0x60000u

static bool all(uint32_t word, uint32_t bits) {
    return (word & bits) == bits;
}

#define BIT(n) (1u << (n))

uint32_t hal_cpu_features(const hal_cpu_facts *f) {
    const uint32_t avx = BIT(27) | BIT(28) | BIT(12) | BIT(29);                   /* OSXSAVE, AVX, FMA, F16C */
    const uint32_t avx512 = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);      /* F, DQ, CD, BW, VL */
    const uint32_t tiles = BIT(22) | BIT(24);                                     /* AMX-BF16, AMX-TILE */
    if (!all(f->leaf1_ecx, avx) || !all(f->leaf7_ebx, BIT(5)) || (f->saved & SAVED_AVX) != SAVED_AVX) return 0;
    uint32_t features = HAL_CPU_AVX2_FMA | HAL_CPU_F16C;
    if (!all(f->leaf7_ebx, avx512) || (f->saved & SAVED_AVX512) != SAVED_AVX512) return features;
    features |= HAL_CPU_AVX512;
    if (all(f->leaf7_1_eax, BIT(5))) features |= HAL_CPU_AVX512_BF16;
    if (all(f->leaf7_edx, tiles) && (f->saved & SAVED_TILES) == SAVED_TILES && f->tiles_allowed)
        features |= HAL_CPU_AMX_BF16;
    return features;
}

#if defined(__x86_64__)
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILE_DATA 18

static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Tiles have to be asked for before a thread uses them; the permission holds for the process. */
static bool ask_for_tiles(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}

uint32_t hal_cpu_features_here(void) {
    hal_cpu_facts facts = {0};
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &facts.leaf1_ecx, &d)) return 0;
    if (__get_cpuid_count(7, 0, &a, &facts.leaf7_ebx, &c, &facts.leaf7_edx) && a >= 1)
        __get_cpuid_count(7, 1, &facts.leaf7_1_eax, &b, &c, &d);
    facts.saved = facts.leaf1_ecx & bit_OSXSAVE ? saved_state() : 0;
    facts.tiles_allowed = true;
    bool tiles = hal_cpu_features(&facts) & HAL_CPU_AMX_BF16;
    facts.tiles_allowed = tiles && ask_for_tiles();
    return hal_cpu_features(&facts);
}
#else
uint32_t hal_cpu_features_here(void) { return 0; }
#endif

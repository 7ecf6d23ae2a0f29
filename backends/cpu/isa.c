/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels to take. */
#include <string.h>

#include <ops/cpu/gemm.h>

#include "device.h"
#include "features.h"

const hal_cpu_table *hal_cpu_isa_choose(const char *wanted, uint32_t *features) {
    uint32_t have = hal_cpu_features_here();
    if (!wanted) wanted = "best";
    if (strcmp(wanted, "plain") == 0) have = 0;
    else if (strcmp(wanted, "avx2") == 0) have &= HAL_CPU_AVX2_FMA | HAL_CPU_F16C;
    else if (strcmp(wanted, "best") != 0) return NULL;
    *features = have;
#ifdef HAL_HAVE_VARIANT_AVX512
    if (have & HAL_CPU_AVX512) return &hal_cpu_table_avx512;
#endif
#ifdef HAL_HAVE_VARIANT_AVX2
    if (have & HAL_CPU_AVX2_FMA) return &hal_cpu_table_avx2;
#endif
    return &hal_cpu_table_plain;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From what the processor and the operating system say to what the kernels may use. */
#ifndef HAL_BACKENDS_CPU_FEATURES_H
#define HAL_BACKENDS_CPU_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

/* Registers of CPUID, as read; XCR0, 0 where the operating system saves nothing; whether this process may use tile data. */
typedef struct hal_cpu_facts {
    uint32_t leaf1_ecx, leaf7_ebx, leaf7_edx, leaf7_1_eax;
    uint64_t saved;
    bool tiles_allowed;
} hal_cpu_facts;

/* Bits HAL_CPU_*; each means that all instructions of its kernels run. */
uint32_t hal_cpu_features(const hal_cpu_facts *facts);

/* Those of this machine, asked for on the way: CPUID says what the processor has, XCR0 what the operating system saves. */
uint32_t hal_cpu_features_here(void);

#endif

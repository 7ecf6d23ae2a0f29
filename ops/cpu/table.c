/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of one instruction set by operator number. */
#include "kernels.h"

#define ENTRY(ID, name) [HAL_OP_##ID] = hal_prepare_##name,
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const hal_cpu_table HAL_CPU_V(table) = {TEXT(HAL_CPU_VARIANT), {HAL_CPU_KERNELS(ENTRY)}};

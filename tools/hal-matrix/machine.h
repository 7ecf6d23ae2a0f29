/* SPDX-License-Identifier: Apache-2.0 */
/* What decides how a device rounds, as far as it can be known: maxima recorded on one say nothing of another. */
#ifndef HAL_MATRIX_MACHINE_H
#define HAL_MATRIX_MACHINE_H

#include <hal/hal.h>

/* The instruction set of the host's processors for what computes on them, "x86_64 avx2 fma avx512f"; for other devices
 * their name; "" for what stands for hardware that is not there, unless it is its driver that is emulated. */
void matrix_machine_describe(hal_instance *instance, const hal_device *device, char *text, size_t size);

#endif

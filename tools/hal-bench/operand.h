/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of hal-bench op: what the command line says of them, what the table makes of that, and their numbers. */
#ifndef HAL_BENCH_OPERAND_H
#define HAL_BENCH_OPERAND_H

#include <hal/hal.h>
#include <hal/ops.h>

#include "tools/common/error.h"

enum { BENCH_MAX_INPUTS = 8, BENCH_MAX_OUTPUTS = 4 };

/* Reads "bf16:16x4096", or "f32:" for a scalar. */
int bench_operand_parse(const char *text, hal_shape *shape, tool_error *err);
/* A buffer of that shape on `device`, full of random numbers that repeat: from -1 to 1 for the first two operands, positive
 * for those after them, among which are roots and scales; integers below 64. */
hal_status bench_operand_make(hal_device *device, const hal_shape *shape, uint32_t index, hal_buffer **buffer, hal_tensor *tensor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of expressions as data, for the files that read, write and join expressions. */
#ifndef HAL_OPS_EXPR_H
#define HAL_OPS_EXPR_H

#include <hal/ops.h>

/* Name and number of operands of a step; NULL and 0 when there is none of that number. */
const char *hal_expr_op_name(uint32_t op);
uint32_t hal_expr_op_operands(uint32_t op);
/* Number of the step called `name`, or HAL_EXPR_NONE. */
uint32_t hal_expr_op_find(const char *name);
/* Operand code of a constant, added when it is new; false when there is no room. */
bool hal_expr_add_constant(hal_expr *expr, double value, uint8_t *code);
/* Appends a step; its number is its operand code. False when there is no room. */
bool hal_expr_add_step(hal_expr *expr, hal_expr_step step, uint8_t *code);

#endif

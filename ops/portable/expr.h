/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr.h - code for a pointwise expression, for the kernels that apply one: pointwise, and the epilogue of matmul.
 *
 * hal_portable_expr_text gives these definitions, to stand before the kernel file (hal_portable_use's `body`):
 *
 *   HAL_EXPR                  defined: there is an expression
 *   hal_expr_real             what it computes in: float; double when an input or a step is f64 or a large integer;
 *                             long instead of double for integers on a device without doubles
 *   hal_expr_in, hal_expr_out structs with a member v[], one hal_expr_real an input or result
 *   hal_expr_constants        struct with v[]: the expression's numbers, a kernel argument by value, so that they are
 *                             no part of the program; hal_portable_pass_expr passes it
 *   hal_expr_out hal_expr(hal_expr_in x, hal_expr_constants k)
 *   hal_expr_load_N(p, i)     input N, element i of p, as a hal_expr_real
 *   hal_expr_store_N(p, i, v) result N rounded to the dtype of its tensor
 *   HAL_EXPR_INPUTS(M)        M(0) M(1) ... an input each; HAL_EXPR_EXTRA(M): the same without M(0), for epilogues,
 *                             whose input 0 is the product; HAL_EXPR_OUTPUTS(M): a result each
 *
 * The text depends on steps and dtypes only. Every function is inlined and has no branch unless a step has.
 */
#ifndef HAL_OPS_PORTABLE_EXPR_H
#define HAL_OPS_PORTABLE_EXPR_H

#include "portable.h"

/* Why such a device cannot compute it; NULL when it can. `dtype` has the dtype of each input. */
const char *hal_portable_expr_refuse(const hal_portable_traits *traits, const hal_expr *expr, const uint32_t *dtype);
/* The text; `dtype` has the dtype of each input, then of each result. The caller, or the call it is given to, frees it;
   NULL when out of memory, with call->failed set. */
char *hal_portable_expr_text(hal_portable_call *call, const hal_expr *expr, const uint32_t *dtype);
/* Appends the argument `hal_expr_constants`. */
void hal_portable_pass_expr(hal_portable_call *call, const hal_expr *expr, const uint32_t *dtype);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Derivatives of pointwise expressions. */
#ifndef HAL_OPS_GRADIENT_EXPR_H
#define HAL_OPS_GRADIENT_EXPR_H

#include <hal/ops.h>

/*
 * Derivatives of the outputs of one expression with respect to some of its inputs. Inputs of `expr` are
 * listed in `source`: i < n_inputs is input i of the original, n_inputs + o the gradient of its output o.
 */
typedef struct hal_expr_gradient {
    hal_expr expr;
    uint8_t source[HAL_EXPR_MAX_INPUTS];
    bool flows[HAL_EXPR_MAX_OUTPUTS];   /* by entry of wrt; entries without a gradient have no output */
} hal_expr_gradient;

/*
 * `have`: bit o is set when output o has a gradient. `wrt`: up to HAL_EXPR_MAX_OUTPUTS inputs. New steps
 * round to `dtype`. Errors: UNSUPPORTED for second derivatives of the *_grad steps and for results longer
 * than an expression can be.
 */
hal_status hal_expr_differentiate(const hal_expr *f, uint32_t have, const uint8_t *wrt, uint32_t n_wrt,
                                  hal_dtype dtype, hal_expr_gradient *result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine of pointwise expressions: each step is a loop over a block of lanes that fits the first
   cache. */
#ifndef HAL_OPS_CPU_EXPR_H
#define HAL_OPS_CPU_EXPR_H

#include "rows.h"

#define HAL_LANES 512

/* An expression with places for its results. `wide` computes in double: some dtype is f64 or a large integer.
   */
typedef struct hal_vm {
    const hal_expr *expr;
    bool wide;
    uint32_t n_slots;
    uint8_t slot[HAL_EXPR_MAX_STEPS];
    bool direct;                         /* output 0 is the last step, which may write to its destination */
} hal_vm;

#define hal_vm_prepare HAL_CPU_V(vm_prepare)
#define hal_vm_begin HAL_CPU_V(vm_begin)
#define hal_vm_run HAL_CPU_V(vm_run)
#define hal_vm_run_double HAL_CPU_V(vm_run_double)

/* `dtype` has the dtype of each input. */
void hal_vm_prepare(hal_vm *vm, const hal_expr *expr, const uint32_t *dtype);
/* Bytes of one set of registers: slots and constants. */
static inline size_t hal_vm_bytes(const hal_vm *vm) {
    return (size_t)(vm->n_slots + vm->expr->n_constants) * HAL_LANES * (vm->wide ? 8 : 4);
}
/* Fills the constants of a register set. */
void hal_vm_begin(const hal_vm *vm, void *registers);
/* Computes n <= HAL_LANES lanes; out[i] is where output i lies afterwards. `target` may take output 0 when
   vm->direct. */
void hal_vm_run(const hal_vm *vm, void *registers, const float *const *in, int64_t n, float *target,
    const float **out);
void hal_vm_run_double(const hal_vm *vm, void *registers, const double *const *in, int64_t n,
    const double **out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.h - the axes that the operands of an element-wise kernel share, for planners.
 *
 * Axes are merged where every operand allows it, and the four innermost go to the kernel (hal_space and hal_strides of
 * the prelude). What is left outside, which needs five axes that no two operands step through alike, is a launch each.
 *
 *   hal_portable_space s;
 *   hal_portable_space_make(call, hal_portable_out(call, 0), &s);      every operand of the call
 *   for (bool more = s.n > 0; more; more = hal_portable_space_next(&s)) {
 *       hal_portable_launch_space(call, program, "entry", &s);
 *       for (...) hal_portable_pass_space(call, &s, operand);           HAL_TENSOR(x), hal_strides x_by
 *       hal_portable_pass_bytes(call, s.inner, sizeof s.inner);         hal_space
 *       ...
 *       hal_portable_pass_long(call, s.run), hal_portable_pass_long(call, s.total);
 *   }
 */
#ifndef HAL_OPS_PORTABLE_SPACE_H
#define HAL_OPS_PORTABLE_SPACE_H

#include "portable.h"

#define HAL_PORTABLE_OPERANDS (HAL_EXPR_MAX_INPUTS + HAL_EXPR_MAX_OUTPUTS)

typedef struct hal_portable_space {
    /* Elements of all of it, of one launch, and of a work-item. */
    int64_t n, total, run;
    /* Sizes of the four innermost axes. */
    int64_t inner[4];
    /* Merged axes; strides in bytes, an operand of the call each; where the outer ones stand. */
    uint32_t rank;
    int64_t size[HAL_MAX_RANK], at[HAL_MAX_RANK], stride[HAL_PORTABLE_OPERANDS][HAL_MAX_RANK];
} hal_portable_space;

/* Axes of `shape`, to which every operand of the call is broadcast. */
void hal_portable_space_make(const hal_portable_call *call, const hal_portable_operand *shape, hal_portable_space *space);
/* The next launch's part; false after the last. */
bool hal_portable_space_next(hal_portable_space *space);
/* Appends a launch over a part: a work-item `run` elements. */
void hal_portable_launch_space(hal_portable_call *call, uint32_t program, const char *entry, const hal_portable_space *space);
/* Bytes from the start of an operand to where this launch's part of it begins. */
int64_t hal_portable_space_begin(const hal_portable_space *space, uint32_t operand);
/* Appends strides of an operand, whose elements have `width` bytes. */
void hal_portable_pass_strides(hal_portable_call *call, const hal_portable_space *space, uint32_t operand, uint32_t width);
/* Appends an operand of the call and its strides. */
void hal_portable_pass_space(hal_portable_call *call, const hal_portable_space *space, uint32_t operand);

/* Work-items in a group: a power of two that never varies on a device, at most 128. */
int64_t hal_portable_group_size(const hal_portable_traits *traits);
/* Work-items that share `n` pieces of work, none less than `least` of them on a device whose work-items are loops, one
   each elsewhere: the pieces of one. */
int64_t hal_portable_run(const hal_portable_traits *traits, int64_t n, int64_t least);
/* Appends a launch of ceil(n / run) work-items in groups that never vary: a driver compiles a kernel anew for each. */
void hal_portable_launch_runs(hal_portable_call *call, uint32_t program, const char *entry, int64_t n, int64_t run);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Planning of kernels over rows: the grid their operands share, and how many teams work on it. Kernels: rows.cl. */
#ifndef HAL_OPS_PORTABLE_ROWS_H
#define HAL_OPS_PORTABLE_ROWS_H

#include "portable.h"

#define HAL_PORTABLE_GRID_OPERANDS 7

/* Mirrors hal_grid; elements. */
typedef struct hal_portable_grid {
    int32_t rank, unused;
    int64_t size[HAL_MAX_RANK], stride[HAL_PORTABLE_GRID_OPERANDS][HAL_MAX_RANK], step[HAL_PORTABLE_GRID_OPERANDS];
} hal_portable_grid;

/* `rows` rows of `n` elements. dense: elements of every operand's rows follow each other. */
typedef struct hal_portable_row_plan { hal_portable_grid grid; int64_t rows, n; bool dense; } hal_portable_row_plan;

/* The rows along the innermost axis of list[0], with a place for each of `count` operands: they have its leading sizes, and
   either its innermost axis too, or none, like statistics. Leading axes that merge for all of them are merged. */
void hal_portable_rows_make(const hal_portable_operand *const *list, uint32_t count, hal_portable_row_plan *rows);
/* One row of as many elements as merge for all operands, and leading axes for what does not; all have equal sizes. */
void hal_portable_rows_flat(const hal_portable_operand *const *list, uint32_t count, hal_portable_row_plan *rows);

/* The program of kernel files `files`, which begin with rows.cl; dense: all that it reads and writes as rows is. */
uint32_t hal_portable_rows_use(hal_portable_call *call, const char *files, bool dense, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Launches a kernel whose teams take a row each, or `grain` rows where work-items are loops. */
void hal_portable_rows_launch(hal_portable_call *call, uint32_t program, const char *entry, int64_t rows, int64_t n,
    int64_t grain);
/* Rows that make a work-item that is a loop worth its start. */
int64_t hal_portable_rows_grain(const hal_portable_row_plan *rows);
/* Passes grid, rows, n and grain. */
void hal_portable_rows_pass(hal_portable_call *call, const hal_portable_row_plan *rows, int64_t grain);
/* What kernels call f32, f16 and bf16 where a dtype is an argument (load_narrow). */
int32_t hal_portable_narrow(uint32_t dtype);
/* Work-items in a group, a power of two. */
uint32_t hal_portable_rows_group(const hal_portable_traits *traits);

#endif

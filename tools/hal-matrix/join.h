/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of one list, run an operator or a few at a time, as one column. */
#ifndef HAL_MATRIX_JOIN_H
#define HAL_MATRIX_JOIN_H

#include "tools/hal-matrix/report.h"

/* Whether two runs of one device are parts that add up: chosen by operators alone, with the same gates and numbers, and each
 * at its end. */
bool matrix_join_fits(const matrix_column *there, const matrix_column *part);
/* Adds `part`. Of a case in both the later result stays. Programs are added up. Kernels are those of the part that used most:
 * parts share kernels and reports have no names of them, so their sum would hold one kernel against the device several times. A
 * column that has each case of this version's list is a part no more. */
int matrix_join(matrix_column *there, const matrix_column *part, tool_error *err);

#endif

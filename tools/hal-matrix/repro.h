/* SPDX-License-Identifier: Apache-2.0 */
/* A case as a C program of its own, which needs libhal and nothing else. */
#ifndef HAL_MATRIX_REPRO_H
#define HAL_MATRIX_REPRO_H

#include "tools/hal-matrix/matrix.h"

/* Prints to standard output a program that makes the operands of the case as the runner does, with the same numbers in the
 * same layout and guards around them, runs the operator with its attributes on the device `alias`, and holds each output
 * against the reference under the same bound. It ends with 0 where the case passes and with 1 where it does not. */
int matrix_repro(const hal_case *c, hal_dtype dtype, matrix_layout layout, const char *alias, uint64_t seed,
                 tool_error *err);

#endif

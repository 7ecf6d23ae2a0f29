/* SPDX-License-Identifier: Apache-2.0 */
/* The second gate: the largest share of its bound that each operator and dtype of a backend was ever recorded with.
 *
 * The bounds of the contract hold for every backend, so that a good one can get ten times worse inside them. A result is
 * therefore also held against MATRIX_BASELINE_SLACK times the recorded share. Shares below MATRIX_BASELINE_LEAST, or of one ulp
 * of the dtype, are not told apart: where all that was seen was 0, one rounding that falls the other way on another machine
 * is no regression. What a processor with other instructions rounds differently is none either: the file says what it was
 * recorded on, and elsewhere the gate stands open. */
#ifndef HAL_MATRIX_BASELINE_H
#define HAL_MATRIX_BASELINE_H

#include "tools/hal-matrix/report.h"

#define MATRIX_BASELINE_SLACK 1.25
#define MATRIX_BASELINE_LEAST 0.05

typedef struct matrix_share {
    char op[32], dtype[16];
    double share;
} matrix_share;

typedef struct matrix_baseline {
    char backend[32], machine[192]; /* machine.h; "": wherever it runs */
    matrix_share *items;
    size_t count;
} matrix_baseline;

/* Errors: TOOL_NOT_FOUND, TOOL_BAD_INPUT with the line. */
int matrix_baseline_read(const char *path, matrix_baseline *out, tool_error *err);
void matrix_baseline_clear(matrix_baseline *baseline);
/* Whether it was recorded where a device of its backend is now. */
bool matrix_baseline_fits(const matrix_baseline *baseline, const matrix_facts *facts);
/* Turns a pass beyond the recorded share, or of an operator and dtype without one, into a failure that says so, and then
 * the answer is true. */
bool matrix_baseline_apply(const matrix_baseline *baseline, matrix_result *result);
/* Writes the largest shares of the column's passed cases; where `path` is there already, the larger of both. Errors:
 * TOOL_BAD_INPUT where that is of another backend or machine. */
int matrix_baseline_write(const matrix_column *column, const char *path, tool_error *err);

#endif

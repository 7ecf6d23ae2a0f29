/* SPDX-License-Identifier: Apache-2.0 */
/* The list of results, expected failures, and the JSON report. */
#ifndef HAL_MATRIX_REPORT_H
#define HAL_MATRIX_REPORT_H

#include "tools/hal-matrix/matrix.h"

typedef struct matrix_report {
    matrix_result *results;
    size_t count, capacity;
    uint64_t declared, by_verdict[5];
    uint64_t unexpected_passes;
    double loosen; /* what the bounds were multiplied by: beyond 1 nothing is proven */
    char **expected; /* ids that may fail, from --expect FILE: one a line, the reason after a blank */
    size_t n_expected;
} matrix_report;

int matrix_report_read_expected(matrix_report *report, const char *path, tool_error *err);
/* Adds a result; a failure that is expected becomes xfail, a pass that is expected to fail counts against the run. */
int matrix_report_add(matrix_report *report, matrix_result result, tool_error *err);
uint64_t matrix_report_executed(const matrix_report *report);
/* Whether the run is green: nothing failed, no unexpected pass, at least `floor` and at least one case executed, and no bound
 * loosened. */
bool matrix_report_green(const matrix_report *report, uint64_t floor);
int matrix_report_write(const matrix_report *report, const char *device, const char *list, uint64_t floor, const char *path,
                        tool_error *err);
void matrix_report_clear(matrix_report *report);

#endif

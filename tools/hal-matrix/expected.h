/* SPDX-License-Identifier: Apache-2.0 */
/* Failures that are on record: for a time, with the record that says when they end.
 *
 * A file has one record a line: CASE | BACKEND | REASON | RECORD | DATE. CASE is the name of a case, in which `*` stands for
 * anything; BACKEND a name or `*`; RECORD where the work on it is followed; DATE when it was written, as 2026-11-21. Empty
 * lines and lines that begin with # say nothing. */
#ifndef HAL_MATRIX_EXPECTED_H
#define HAL_MATRIX_EXPECTED_H

#include "tools/hal-matrix/matrix.h"

typedef struct matrix_record {
    char pattern[MATRIX_ID_SIZE], backend[32], reason[160], record[64], date[12];
    unsigned line;
} matrix_record;

typedef struct matrix_records {
    matrix_record *items;
    size_t count;
    const char *path; /* of the file, borrowed */
} matrix_records;

/* Errors: TOOL_NOT_FOUND, TOOL_BAD_INPUT with line and field. */
int matrix_records_read(const char *path, matrix_records *out, tool_error *err);
void matrix_records_clear(matrix_records *records);
/* A failure on record becomes VERDICT_XFAIL and names it; a pass on record becomes a failure that says which line to
 * remove, and the answer is true. */
bool matrix_records_apply(const matrix_records *records, const char *backend, matrix_result *result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Results summed up by operator, device and dtype: what a page and a summary show. */
#ifndef HAL_MATRIX_GRID_H
#define HAL_MATRIX_GRID_H

#include "tools/hal-matrix/report.h"

enum { GRID_MAX_DTYPES = 16, GRID_NAME = 32 };

/* The cases of an operator and dtype, or of several, on one device. */
typedef struct matrix_cell {
    uint64_t by[VERDICTS];
    double worst;                 /* largest share of the bound among those that passed */
    const matrix_result *closest; /* the case that has it */
    const matrix_result *first;   /* that failed, else that did not pass */
    const matrix_result *timed;   /* of the most work, with its time */
} matrix_cell;

typedef struct matrix_row {
    char op[GRID_NAME];
    const char *family;
    matrix_cell *cells; /* columns x dtypes */
} matrix_row;

/* Rows in table order; operators that this library does not know come last. */
typedef struct matrix_grid {
    const matrix_report *report;
    matrix_row *rows;
    size_t n_rows;
    char dtypes[GRID_MAX_DTYPES][GRID_NAME];
    size_t n_dtypes;
} matrix_grid;

int matrix_grid_create(const matrix_report *report, matrix_grid *out, tool_error *err);
void matrix_grid_clear(matrix_grid *grid);
const matrix_cell *matrix_grid_cell(const matrix_grid *grid, size_t row, size_t column, size_t dtype);
/* The cells of some rows and dtypes of a column as one. */
matrix_cell matrix_grid_sum(const matrix_grid *grid, size_t row, size_t n_rows, size_t column);
void matrix_cell_add(matrix_cell *sum, const matrix_cell *cell);
/* Rows from `row` on that are of its family. */
size_t matrix_grid_family(const matrix_grid *grid, size_t row);

/* What a cell says in a word, and with which mark. */
typedef struct matrix_look { const char *class, *mark, *word; } matrix_look;
matrix_look matrix_cell_look(const matrix_cell *cell);
uint64_t matrix_cell_count(const matrix_cell *cell);
uint64_t matrix_cell_executed(const matrix_cell *cell);
/* "0.31, 34/40", the figures of a cell; "" when it has none. */
void matrix_cell_figures(const matrix_cell *cell, const char *between, char *text, size_t size);

#endif

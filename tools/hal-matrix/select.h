/* SPDX-License-Identifier: Apache-2.0 */
/* Which cases a run has: a list, filtered by operator and dtype, each case in its layouts. */
#ifndef HAL_MATRIX_SELECT_H
#define HAL_MATRIX_SELECT_H

#include "tools/hal-matrix/matrix.h"

/* How much of the table: `quick` is a part of `full`, and `tiny` of `quick`. */
typedef enum matrix_list { LIST_TINY, LIST_QUICK, LIST_FULL, LISTS } matrix_list;
const char *matrix_list_name(matrix_list list);
/* LISTS when there is none of this name. */
matrix_list matrix_list_find(const char *name);

enum { MATRIX_MAX_OPS = 64, MATRIX_MAX_DTYPES = 8, MATRIX_VERSION_SIZE = 20 };

/* Empty lists let everything through. */
typedef struct matrix_filter {
    matrix_list list;
    uint32_t ops[MATRIX_MAX_OPS], n_ops;
    hal_dtype dtypes[MATRIX_MAX_DTYPES];
    uint32_t n_dtypes;
} matrix_filter;

typedef struct matrix_item {
    const hal_case *c;
    hal_dtype dtype;
    matrix_layout layout;
} matrix_item;

/* Items in table order, which is the order of every report. */
typedef struct matrix_selection {
    matrix_item *items;
    size_t n, capacity;
    struct matrix_cases { hal_case *cases; uint32_t n; } *lists; /* what the items point into */
    size_t n_lists, lists_capacity;
    /* Of the whole list, whatever the filter: equal for equal names, shapes, attributes and ranges of numbers. */
    char version[MATRIX_VERSION_SIZE];
} matrix_selection;

/* Dtypes that cases exist of, in the order of reports. */
extern const hal_dtype matrix_dtypes[];
extern const uint32_t matrix_n_dtypes;

int matrix_select(const matrix_filter *filter, matrix_selection *out, tool_error *err);
/* The item called `id`, or NULL, and then the name that is nearest to it in `nearest`. */
const matrix_item *matrix_select_find(const matrix_selection *selection, const char *id, char *nearest, size_t size);
void matrix_selection_clear(matrix_selection *selection);

#endif

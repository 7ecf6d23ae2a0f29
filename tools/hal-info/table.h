/* SPDX-License-Identifier: Apache-2.0 */
/* A table of text, fitted to the width of the reader: columns of low rank go first, then the widest text is
 * cut. */
#ifndef HAL_INFO_TABLE_H
#define HAL_INFO_TABLE_H

#include "tools/common/error.h"
#include "tools/hal-info/style.h"

typedef struct table table;

enum {
    TABLE_RIGHT = 1, /* numbers */
    TABLE_CUT = 2
}; /* may be cut short, with an ellipsis, when the line is too long */

/* NULL when memory is out; every other function takes that, and table_print reports it. */
table *table_create(void);
void table_free(table *t);

/* Columns before rows. rank 0 always stays; of the others the highest is left out first. */
void table_column(table *t, const char *title, unsigned flags, unsigned rank);
void table_row(table *t);
/* The next cell of the last row. */
void table_cell(table *t, info_tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As text or Markdown, after what the style says. A table without rows prints nothing. */
int table_print(const table *t, const info_style *style, FILE *out, tool_error *err);
/* As HTML, whole. */
int table_print_html(const table *t, FILE *out, tool_error *err);

#endif

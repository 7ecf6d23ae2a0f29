/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the report page. */
#ifndef HAL_MATRIX_PAGE_H
#define HAL_MATRIX_PAGE_H

#include "tools/hal-matrix/grid.h"

/* Days after which a result counts as old. */
enum { PAGE_STALE_DAYS = 30 };

/* page_style.c */
extern const char page_style[];

/* page_device.c: a card for each device: what it is, what it reached, and how close its results come to the bounds. */
void page_device_print(const matrix_report *report, size_t column, FILE *out);

/* page_grid.c: operators by family against devices by dtype, with what stands behind each row. */
void page_grid_print(const matrix_grid *grid, FILE *out);
/* Names of the switches that fold the dtypes of a device; they stand before everything that they fold. */
void page_grid_switches(const matrix_report *report, FILE *out);

/* page_cases.c: the cases that failed, with their reproducers; expected failures; what was measured. */
void page_cases_print(const matrix_grid *grid, FILE *out);
/* The anchor of a failed case on the page: number `index` of column `column`. */
void page_cases_anchor(size_t column, size_t index, char *text, size_t size);
/* hal-matrix repro '...' --device ... */
void page_cases_command(const matrix_facts *facts, const char *id, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <stdarg.h>
#include <stdio.h>

#define CHUNK 8192                       /* elements of a work-item that is a loop: long against its start */
#define GROUP 256                        /* most work-items of a group */
#define TEAM 4                           /* fewest work-items for a row */
#define LANES 8                          /* elements that a work-item has at a time */

typedef struct axes { uint32_t rank; int64_t size[HAL_MAX_RANK], stride[HAL_PORTABLE_GRID_OPERANDS][HAL_MAX_RANK]; } axes;

static bool merges(const axes *a, uint32_t count, const hal_portable_operand *const *list, uint32_t d) {
    if (a->rank == 0) return false;
    for (uint32_t k = 0; k < count; k++) {
        const int64_t width = list[k]->width;
        if (a->stride[k][a->rank - 1] * width != list[k]->stride[d] * list[k]->size[d]) return false;
    }
    return true;
}

/* The first `lead` axes, merged where all operands allow it; at least one. */
static void merge(const hal_portable_operand *const *list, uint32_t count, uint32_t lead, axes *a) {
    *a = (axes){.rank = 0};
    for (uint32_t d = 0; d < lead; d++) {
        const int64_t size = list[0]->size[d];
        if (size == 1) continue;
        if (merges(a, count, list, d)) a->size[a->rank - 1] *= size;
        else a->size[a->rank++] = size;
        for (uint32_t k = 0; k < count; k++) a->stride[k][a->rank - 1] = list[k]->stride[d] / (int64_t)list[k]->width;
    }
    if (a->rank > 0) return;
    a->rank = 1;
    a->size[0] = 1;
    for (uint32_t k = 0; k < count; k++) a->stride[k][0] = 1;
}

/* The first `rank` of the axes as the grid. */
static void lay(const axes *a, uint32_t rank, uint32_t count, hal_portable_row_plan *rows) {
    *rows = (hal_portable_row_plan){.grid = {.rank = rank ? (int32_t)rank : 1, .size = {1}}, .rows = 1};
    for (uint32_t d = 0; d < rank; d++) {
        rows->grid.size[d] = a->size[d];
        rows->rows *= a->size[d];
        for (uint32_t k = 0; k < count; k++) rows->grid.stride[k][d] = a->stride[k][d];
    }
}

void hal_portable_rows_make(const hal_portable_operand *const *list, uint32_t count, hal_portable_row_plan *rows) {
    const uint32_t rank = list[0]->rank, lead = rank ? rank - 1 : 0;
    axes a;
    merge(list, count, lead, &a);
    lay(&a, a.rank, count, rows);
    rows->n = rank ? list[0]->size[lead] : 1;
    rows->dense = rank > 0;
    for (uint32_t k = 0; k < count; k++) {
        if (list[k]->rank == lead) continue;
        rows->grid.step[k] = list[k]->stride[lead] / (int64_t)list[k]->width;
        rows->dense = rows->dense && rows->grid.step[k] == 1;
    }
}

void hal_portable_rows_flat(const hal_portable_operand *const *list, uint32_t count, hal_portable_row_plan *rows) {
    axes a;
    merge(list, count, list[0]->rank, &a);
    lay(&a, a.rank - 1, count, rows);
    rows->n = a.size[a.rank - 1];
    rows->dense = true;
    for (uint32_t k = 0; k < count; k++) {
        rows->grid.step[k] = a.stride[k][a.rank - 1];
        rows->dense = rows->dense && rows->grid.step[k] == 1;
    }
}

uint32_t hal_portable_rows_group(const hal_portable_traits *traits) {
    uint32_t group = 1;
    while (group < GROUP && group * 2 <= traits->group) group *= 2;
    return group;
}

uint32_t hal_portable_rows_use(hal_portable_call *call, const char *files, bool dense, const char *format, ...) {
    char options[128];
    va_list list;
    va_start(list, format);
    vsnprintf(options, sizeof options, format, list);
    va_end(list);
    if (call->traits->wide) return hal_portable_use(call, files, NULL, dense ? "DENSE %s" : "%s", options);
    return hal_portable_use(call, files, NULL, "GROUP=%u %s", hal_portable_rows_group(call->traits), options);
}

int64_t hal_portable_rows_grain(const hal_portable_row_plan *rows) {
    return rows->n >= CHUNK ? 1 : CHUNK / (rows->n > 0 ? rows->n : 1);
}

/* Work-items for a row of n: a few elements each. Few sizes, since some drivers compile a kernel for each. */
static uint32_t team_of(int64_t n, uint32_t group) {
    uint32_t team = TEAM;
    while (team < group && (int64_t)team * 2 * LANES < n) team *= 4;
    return team < group ? team : group;
}

void hal_portable_rows_launch(hal_portable_call *call, uint32_t program, const char *entry, int64_t rows, int64_t n,
    int64_t grain) {
    const uint32_t group = hal_portable_rows_group(call->traits), team = team_of(n, group), teams = group / team;
    if (call->traits->wide) {
        hal_portable_launch_add(call, program, entry, (uint64_t)((rows + grain - 1) / grain), 1, 1);
        hal_portable_group(call, 1, 1, 1);
        return;
    }
    hal_portable_launch_add(call, program, entry, (uint64_t)((rows + teams - 1) / teams) * team, teams, 1);
    hal_portable_group(call, team, teams, 1);
}

void hal_portable_rows_pass(hal_portable_call *call, const hal_portable_row_plan *rows, int64_t grain) {
    hal_portable_pass_bytes(call, &rows->grid, sizeof rows->grid);
    hal_portable_pass_long(call, rows->rows);
    hal_portable_pass_long(call, rows->n);
    hal_portable_pass_long(call, grain);
}

int32_t hal_portable_narrow(uint32_t dtype) {
    return dtype == HAL_F32 ? 0 : dtype == HAL_F16 ? 1 : 2;
}

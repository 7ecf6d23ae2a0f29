/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of conformance cases: the road in, and what the generators share. */
#include "cases.h"

#include <stdarg.h>

const hal_case_shape hal_case_shapes[] = {
    {true, 1, {1}},
    {true, 1, {7}},
    {true, 1, {1000}},
    {true, 1, {0}},
    {true, 2, {3, 5}},
    {true, 2, {1, 1}},
    {true, 2, {33, 65}},
    {true, 3, {2, 3, 17}},
    {true, 3, {4, 0, 3}},
    {false, 2, {64, 768}},
    {false, 3, {2, 128, 768}},
    {false, 2, {5, 4099}},
    {false, 4, {2, 4, 64, 64}},
    {false, 2, {1031, 3}},
};
const uint32_t hal_case_n_shapes = sizeof hal_case_shapes / sizeof *hal_case_shapes;

const char *hal_case_shape_text(const hal_case_shape *shape, char text[64]) {
    size_t used = (size_t)snprintf(text, 64, "[");
    for (uint32_t d = 0; d < shape->rank; d++)
        used += (size_t)snprintf(text + used, 64 - used, "%s%lld", d ? "," : "", (long long)shape->size[d]);
    snprintf(text + used, 64 - used, "]");
    return text;
}

bool hal_case_plain(hal_dtype dtype) {
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    return info && info->block_elements == 1 && info->class_ != HAL_DTYPE_CLASS_QUANTISED;
}

bool hal_case_number(hal_dtype dtype) {
    return hal_dtype_is_float(dtype) || dtype == HAL_I32 || dtype == HAL_I64;
}

/* Where a case is written after a failure, so that generators need no checks; nothing reads it. */
static hal_case *discard(hal_case_list *list, hal_status status) {
    static _Thread_local hal_case unread;
    static _Thread_local union { char bytes[4096]; hal_pointwise_attrs largest; } attrs;
    if (list->status == HAL_OK) list->status = status;
    unread = (hal_case){.attrs = &attrs};
    return &unread;
}

hal_case *hal_case_begin(hal_case_list *list, const hal_op_info *op, bool quick, const char *format, ...) {
    hal_status memory = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (list->status != HAL_OK) return discard(list, list->status);
    if (!hal_array_grow(NULL, (void **)&list->items, list->n, &list->capacity, sizeof *list->items))
        return discard(list, memory);
    void *attrs = hal_allocate(NULL, op->attrs_size);
    if (!attrs) return discard(list, memory);
    hal_attrs_default(op, attrs);
    hal_case *c = &list->items[list->n++];
    *c = (hal_case){.op = op->number, .attrs = attrs, .full_only = !quick};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->name, sizeof c->name, format, arguments);
    va_end(arguments);
    return c;
}

/* Values that stay exact or harmless in every format of their class. */
static void usual_range(hal_dtype dtype, double *low, double *high, bool *integer) {
    bool is_signed = dtype == HAL_I8 || dtype == HAL_I16 || dtype == HAL_I32 || dtype == HAL_I64;
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    *integer = info && info->class_ != HAL_DTYPE_CLASS_FLOAT;
    *high = !*integer ? 2.0 : dtype == HAL_BOOL ? 1.0 : 100.0;
    *low = !*integer ? -2.0 : is_signed ? -100.0 : 0.0;
}

void hal_case_input(hal_case *c, hal_dtype dtype, uint32_t rank, const int64_t *size) {
    if (c->n_in == 16) return;
    uint32_t i = c->n_in++;
    c->in[i] = (hal_shape){.dtype = dtype, .rank = rank};
    for (uint32_t d = 0; d < rank; d++) c->in[i].size[d] = hal_dim_constant(size[d]);
    usual_range(dtype, &c->range[i].low, &c->range[i].high, &c->range[i].integer);
}

void hal_case_range(hal_case *c, double low, double high, bool integer) {
    uint32_t i = c->n_in - 1;
    c->range[i].low = low;
    c->range[i].high = high;
    c->range[i].integer = integer;
}

void hal_case_end(hal_case_list *list, hal_case *c, uint32_t n_out) {
    if (list->status != HAL_OK) return;
    c->n_out = n_out;
    list->status = hal_attrs_check(hal_op_describe(c->op), c->attrs);
    if (list->status == HAL_OK) list->status = hal_op_shape(c->op, c->attrs, c->in, c->n_in, c->out, n_out);
    if (list->status == HAL_OK) return;
    char cause[256];
    snprintf(cause, sizeof cause, "%s", hal_status_last()->text);
    HAL_FAIL(INTERNAL, "case \"%s\" of %s is not legal: %s", c->name, hal_op_describe(c->op)->name, cause);
}

void hal_op_cases_release(hal_case *cases, uint32_t count) {
    for (uint32_t i = 0; cases && i < count; i++) hal_deallocate(NULL, cases[i].attrs);
    hal_deallocate(NULL, cases);
}

hal_status hal_op_cases(uint32_t number, hal_dtype dtype, hal_case **cases, uint32_t *count) {
    const hal_op_row *row = hal_op_row_get(number);
    if (!row) return HAL_FAIL(NOT_FOUND, "operator %u is not in the table; see ops.def for the rows", number);
    if (!hal_dtype_describe(dtype))
        return HAL_FAIL(INVALID_ARGUMENT, "cases of %s: dtype %d is unknown", row->info.name, (int)dtype);
    hal_case_list list = {.n = 0};
    if (row->cases) list.status = row->cases(&list, &row->info, dtype);
    if (list.status == HAL_OK) list.status = hal_case_models(&list, &row->info, dtype);
    if (list.status != HAL_OK) {
        hal_op_cases_release(list.items, list.n);
        return list.status;
    }
    *cases = list.items;
    *count = list.n;
    return HAL_OK;
}

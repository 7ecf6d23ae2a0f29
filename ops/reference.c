/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The road into the fp64 reference: host tensors of any dtype and stride become dense doubles, the row's
 * function computes, and its results are rounded once into the output tensors.
 */
#include <hal/core.h>

#include "row.h"

enum { MAX_TENSORS = 16 };

/* What one call holds; freed in one place. */
typedef struct workspace { hal_array in[MAX_TENSORS], out[MAX_TENSORS]; uint32_t n_in, n_out; } workspace;

static void workspace_free(workspace *w) {
    for (uint32_t i = 0; i < w->n_in; i++) hal_deallocate(NULL, w->in[i].data);
    for (uint32_t i = 0; i < w->n_out; i++) hal_deallocate(NULL, w->out[i].data);
}

/* Sizes of a tensor as an array with memory for its elements. */
static hal_status array_of(const hal_tensor *tensor, hal_array *array) {
    *array = (hal_array){.dtype = tensor->dtype, .rank = tensor->rank};
    if (tensor->dtype == HAL_NO_DTYPE) return HAL_OK;
    uint64_t bytes;
    HAL_TRY(hal_tensor_bytes(HAL_F64, tensor->rank, tensor->size, &bytes));
    for (uint32_t d = 0; d < tensor->rank; d++) array->size[d] = tensor->size[d];
    array->n = (int64_t)(bytes / sizeof(double));
    array->data = hal_allocate_array(NULL, array->n ? (size_t)array->n : 1, sizeof(double));
    return array->data ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
}

/* Moves `index` to the next element in row-major order; the distance to it in bytes. */
static int64_t next_distance(const hal_tensor *t, int64_t *index) {
    int64_t distance = 0;
    for (uint32_t d = t->rank; d-- > 0;) {
        distance += t->stride[d];
        if (++index[d] < t->size[d]) return distance;
        distance -= t->stride[d] * t->size[d];
        index[d] = 0;
    }
    return distance;
}

static void tensor_load(const hal_tensor *t, hal_array *array) {
    int64_t index[HAL_MAX_RANK] = {0};
    const char *address = (const char *)t->host + t->offset;
    for (int64_t i = 0; i < array->n; i++) {
        array->data[i] = hal_element_load(t->dtype, address, 0);
        address += next_distance(t, index);
    }
}

static void tensor_store(const hal_tensor *t, const hal_array *array) {
    int64_t index[HAL_MAX_RANK] = {0};
    char *address = (char *)t->host + t->offset;
    for (int64_t i = 0; i < array->n; i++) {
        hal_element_store(t->dtype, address, 0, array->data[i]);
        address += next_distance(t, index);
    }
}

static hal_shape shape_of(const hal_tensor *t) {
    hal_shape shape = {.dtype = t->dtype, .rank = t->rank};
    for (uint32_t d = 0; d < t->rank && d < HAL_MAX_RANK; d++) shape.size[d] = hal_dim_constant(t->size[d]);
    return shape;
}

static bool shape_equal(const hal_shape *a, const hal_shape *b) {
    if (a->dtype != b->dtype || a->rank != b->rank) return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (!hal_dim_equal(a->size[d], b->size[d])) return false;
    return true;
}

/* Checks the call against the row's shape rule. */
static hal_status shapes_check(const hal_op_info *op, const void *attrs, const hal_tensor *in, uint32_t n_in,
                               const hal_tensor *out, uint32_t n_out) {
    hal_shape given[MAX_TENSORS], expected[MAX_TENSORS];
    for (uint32_t i = 0; i < n_in; i++) given[i] = shape_of(&in[i]);
    HAL_TRY(hal_op_shape(op->number, attrs, given, n_in, expected, n_out));
    for (uint32_t o = 0; o < n_out; o++) {
        hal_shape shape = shape_of(&out[o]);
        if (!shape_equal(&shape, &expected[o]))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "reference of %s: output %u has another dtype or size than the row gives; "
                            "ask hal_op_shape for it",
                            op->name, o);
    }
    return HAL_OK;
}

static hal_status tensors_check(const hal_op_info *op, const char *side, const hal_tensor *t, uint32_t n) {
    if (n > MAX_TENSORS)
        return HAL_FAIL(INVALID_ARGUMENT, "reference of %s: %u %ss, at most %d are possible", op->name, n,
                        side, MAX_TENSORS);
    for (uint32_t i = 0; i < n; i++) {
        if (t[i].dtype == HAL_NO_DTYPE) continue;
        const hal_dtype_info *dtype = hal_dtype_describe(t[i].dtype);
        if (!dtype || dtype->block_elements != 1 || t[i].rank > HAL_MAX_RANK ||
            (!t[i].host && hal_tensor_elements(&t[i])))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "reference of %s: %s %u is no strided host tensor of a plain dtype", op->name,
                            side, i);
    }
    return HAL_OK;
}

static hal_status workspace_run(workspace *w, const hal_op_row *row, const void *attrs, const hal_tensor *in,
                                const hal_tensor *out, double *const *scale) {
    for (uint32_t i = 0; i < w->n_in; i++) {
        HAL_TRY(array_of(&in[i], &w->in[i]));
        tensor_load(&in[i], &w->in[i]);
    }
    for (uint32_t o = 0; o < w->n_out; o++) {
        HAL_TRY(array_of(&out[o], &w->out[o]));
        w->out[o].scale = scale ? scale[o] : NULL;
        for (int64_t i = 0; w->out[o].scale && i < w->out[o].n; i++) w->out[o].scale[i] = 0.0;
    }
    hal_reference_call call = {
        .attrs = attrs, .n_in = w->n_in, .n_out = w->n_out, .in = w->in, .out = w->out};
    HAL_TRY(row->reference(&call));
    for (uint32_t o = 0; o < w->n_out; o++) tensor_store(&out[o], &w->out[o]);
    return HAL_OK;
}

hal_status hal_op_reference(uint32_t number, const void *attrs, const hal_tensor *in, uint32_t n_in,
                            const hal_tensor *out, uint32_t n_out, double *const *scale) {
    const hal_op_row *row = hal_op_row_get(number);
    if (!row || !row->reference)
        return HAL_FAIL(NOT_FOUND, "operator %u has no reference; see ops.def for the rows", number);
    HAL_TRY(tensors_check(&row->info, "input", in, n_in));
    HAL_TRY(tensors_check(&row->info, "output", out, n_out));
    HAL_TRY(shapes_check(&row->info, attrs, in, n_in, out, n_out));
    workspace w = {.n_in = n_in, .n_out = n_out};
    hal_status status = workspace_run(&w, row, attrs, in, out, scale);
    workspace_free(&w);
    return status;
}

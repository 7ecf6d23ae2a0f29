/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of rows that move elements. */
#include "cases.h"

#define COUNT(table) ((uint32_t)(sizeof(table) / sizeof *(table)))

hal_status hal_op_cases_cast(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const hal_dtype to[] = {HAL_F64, HAL_F32, HAL_F16, HAL_BF16, HAL_I64,
                                   HAL_I32, HAL_I16, HAL_I8,  HAL_U8};
    static const int64_t n[] = {1, 33, 0, 4099};
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(to); i++)
        for (uint32_t s = 0; s < COUNT(n); s++) {
            hal_case *c = hal_case_begin(list, op, s == 1 || (i == 1 && s < 3), "to=%s,n=%lld",
                                         hal_dtype_describe(to[i])->name, (long long)n[s]);
            ((hal_cast_attrs *)c->attrs)->dtype = to[i];
            HAL_CASE_INPUT(c, dtype, n[s]);
            if (hal_dtype_is_float(dtype) && to[i] != HAL_U8) hal_case_range(c, -300.0, 300.0, false);
            hal_case_end(list, c, 1);
        }
    return list->status;
}

hal_status hal_op_cases_reshape(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4]; hal_int_list to; } table[] = {
        {true, 1, {1}, {0, {0}}},
        {true, 1, {12}, {2, {3, 4}}},
        {true, 2, {3, 5}, {1, {-1}}},
        {true, 3, {2, 3, 4}, {2, {0, 12}}},
        {true, 2, {7, 6}, {3, {7, -1, 2}}},
        {true, 2, {0, 3}, {2, {0, 3}}},
        {true, 0, {0}, {3, {1, 1, 1}}},
        {false, 3, {2, 128, 768}, {4, {2, 128, 12, 64}}},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,rank=%u,to=%lld", i, table[i].rank,
                                     (long long)table[i].to.n);
        ((hal_reshape_attrs *)c->attrs)->shape = table[i].to;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_transpose(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4]; hal_int_list perm; } table[] = {
        {true, 1, {5}, {0, {0}}},
        {true, 2, {3, 5}, {0, {0}}},
        {true, 2, {33, 65}, {2, {1, 0}}},
        {true, 3, {2, 3, 4}, {3, {1, 2, 0}}},
        {true, 3, {2, 3, 4}, {3, {0, 2, 1}}},
        {true, 4, {2, 5, 3, 7}, {4, {0, 2, 1, 3}}},
        {true, 3, {2, 0, 4}, {3, {2, 1, 0}}},
        {false, 4, {2, 128, 12, 64}, {4, {0, 2, 1, 3}}},
        {false, 2, {768, 1031}, {2, {1, 0}}},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,rank=%u", i, table[i].rank);
        ((hal_transpose_attrs *)c->attrs)->perm = table[i].perm;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* Matrices around the panels that second operands of products are packed in. */
static const struct { bool quick; int64_t rows, columns; } matrices[] = {
    {true, 1, 1}, {true, 3, 5}, {true, 33, 65}, {true, 64, 32}, {true, 1, 70}, {true, 31, 1},
    {true, 0, 3}, {true, 4, 0}, {false, 768, 2304}, {false, 1031, 3}, {false, 5, 4099},
};

static void pack_case(hal_case_list *list, const hal_op_info *op, hal_dtype dtype, uint32_t i, int64_t layout) {
    hal_case *c = hal_case_begin(list, op, matrices[i].quick, "[%lld,%lld],layout=%lld", (long long)matrices[i].rows,
                                 (long long)matrices[i].columns, (long long)layout);
    if (op->number == HAL_OP_PACK) ((hal_pack_attrs *)c->attrs)->layout = layout;
    HAL_CASE_INPUT(c, dtype, matrices[i].rows, matrices[i].columns);
    hal_case_end(list, c, 1);
}

hal_status hal_op_cases_pack(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(matrices); i++)
        for (int64_t layout = 1; layout <= 2; layout++) pack_case(list, op, dtype, i, layout);
    return list->status;
}

/* The runner packs the input in layout 1. */
hal_status hal_op_cases_unpack(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(matrices); i++) pack_case(list, op, dtype, i, 1);
    return list->status;
}

hal_status hal_op_cases_slice(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4], axis, start, n, step; } table[] = {
        {true, 1, {1}, 0, 0, 1, 1},
        {true, 1, {9}, 0, 2, 5, 1},
        {true, 1, {9}, 0, 1, 4, 2},
        {true, 2, {5, 7}, 1, 3, 4, 1},
        {true, 2, {5, 7}, -2, 1, 2, 3},
        {true, 3, {2, 6, 3}, 1, 5, 1, 1},
        {true, 2, {5, 7}, 0, 5, 0, 1},
        {true, 2, {4, 33}, -1, 0, 33, 1},
        {false, 3, {2, 128, 2304}, -1, 768, 768, 1},
        {false, 2, {64, 770}, 1, 1, 385, 2},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick,
                                     "rank=%u,axis=%lld,start=%lld,size=%lld,step=%lld", table[i].rank,
                                     (long long)table[i].axis, (long long)table[i].start,
                                     (long long)table[i].n, (long long)table[i].step);
        hal_slice_attrs *a = c->attrs;
        a->axis = table[i].axis;
        a->start = table[i].start;
        a->size = table[i].n;
        a->step = table[i].step;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_broadcast(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4]; hal_int_list to; } table[] = {
        {true, 0, {0}, {1, {5}}},
        {true, 1, {1}, {1, {7}}},
        {true, 1, {5}, {2, {3, 5}}},
        {true, 2, {3, 1}, {2, {3, 65}}},
        {true, 2, {1, 4}, {3, {2, 3, 4}}},
        {true, 3, {2, 1, 3}, {3, {2, 9, 3}}},
        {true, 1, {3}, {1, {3}}},
        {true, 2, {1, 1}, {2, {0, 3}}},
        {false, 2, {1, 768}, {3, {2, 128, 768}}},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,rank=%u,to=%lld", i, table[i].rank,
                                     (long long)table[i].to.n);
        ((hal_broadcast_attrs *)c->attrs)->shape = table[i].to;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_split(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t rank; int64_t size[4], axis; uint32_t n; } table[] = {
        {true, 1, {1}, 0, 1},        {true, 1, {6}, 0, 3},
        {true, 2, {4, 9}, 1, 3},     {true, 2, {4, 9}, 0, 2},
        {true, 3, {2, 6, 5}, -2, 2}, {true, 2, {0, 4}, 1, 2},
        {true, 1, {48}, -1, 16},     {false, 3, {2, 128, 2304}, -1, 3},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,rank=%u,axis=%lld,n=%u", i,
                                     table[i].rank, (long long)table[i].axis, table[i].n);
        ((hal_split_attrs *)c->attrs)->axis = table[i].axis;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        hal_case_end(list, c, table[i].n);
    }
    return list->status;
}

hal_status hal_op_cases_concat(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct {
        bool quick;
        uint32_t rank;
        int64_t size[4], axis;
        uint32_t n;
        int64_t part[4];
    } table[] = {
        {true, 1, {1}, 0, 1, {1}},           {true, 1, {0}, 0, 3, {2, 5, 1}},
        {true, 2, {3, 0}, 1, 2, {4, 7}},     {true, 2, {0, 5}, 0, 4, {1, 2, 3, 4}},
        {true, 3, {2, 0, 3}, -2, 2, {3, 5}}, {true, 1, {0}, 0, 2, {0, 3}},
        {true, 2, {33, 0}, -1, 2, {32, 33}}, {false, 4, {2, 4, 0, 64}, 2, 2, {128, 64}},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        uint32_t rank = table[i].rank,
                 axis = (uint32_t)(table[i].axis < 0 ? table[i].axis + (int64_t)rank : table[i].axis);
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,axis=%lld,n=%u", i,
                                     (long long)table[i].axis, table[i].n);
        ((hal_concat_attrs *)c->attrs)->axis = table[i].axis;
        for (uint32_t p = 0; p < table[i].n; p++) {
            int64_t size[4];
            memcpy(size, table[i].size, sizeof size);
            size[axis] = table[i].part[p];
            hal_case_input(c, dtype, rank, size);
        }
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* -------------------------------------------------------------------------------------------- by index -- */

hal_status hal_op_cases_gather(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct {
        bool quick;
        uint32_t rank;
        int64_t size[4], axis;
        uint32_t n_rank;
        int64_t n[2];
    } table[] = {
        {true, 1, {1}, 0, 1, {1}},
        {true, 1, {9}, 0, 1, {5}},
        {true, 2, {7, 5}, 0, 1, {11}},
        {true, 2, {7, 33}, 0, 2, {2, 3}},
        {true, 2, {5, 7}, 1, 1, {4}},
        {true, 3, {2, 5, 3}, -2, 2, {2, 2}},
        {true, 2, {7, 5}, 0, 0, {0}},
        {true, 2, {7, 5}, 0, 1, {0}},
        {false, 2, {1000, 768}, 0, 2, {2, 64}},
    };
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        uint32_t rank = table[i].rank,
                 axis = (uint32_t)(table[i].axis < 0 ? table[i].axis + (int64_t)rank : table[i].axis);
        hal_case *c = hal_case_begin(list, op, table[i].quick, "case=%u,axis=%lld,index_rank=%u", i,
                                     (long long)table[i].axis, table[i].n_rank);
        ((hal_gather_attrs *)c->attrs)->axis = table[i].axis;
        hal_case_input(c, dtype, rank, table[i].size);
        hal_case_input(c, i % 2 ? HAL_I64 : HAL_I32, table[i].n_rank, table[i].n);
        hal_case_range(c, -1.0, (double)table[i].size[axis], true);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* Table of [rows, d], n indices and the rows that go with them. */
static const struct { bool quick; int64_t rows, d, n; } row_tables[] = {
    {true, 1, 1, 1}, {true, 5, 3, 4}, {true, 7, 33, 20}, {true, 3, 5, 64}, {true, 4, 1, 9}, {true, 6, 4, 0},
    {false, 1000, 768, 128}, {false, 3, 64, 1000},
};

hal_status hal_op_cases_scatter_add(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_case_number(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(row_tables); i++) {
        int64_t rows = row_tables[i].rows, d = row_tables[i].d, n = row_tables[i].n;
        hal_case *c = hal_case_begin(list, op, row_tables[i].quick, "rows=%lld,d=%lld,n=%lld",
                                     (long long)rows, (long long)d, (long long)n);
        HAL_CASE_INPUT(c, dtype, rows, d);
        HAL_CASE_INPUT(c, i % 2 ? HAL_I64 : HAL_I32, n);
        hal_case_range(c, -1.0, (double)rows, true);
        HAL_CASE_INPUT(c, dtype, n, d);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_set_rows(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(row_tables); i++)
        for (int64_t axis = 0; axis < 2; axis++) {
            int64_t rows = row_tables[i].rows, d = row_tables[i].d, n = row_tables[i].n;
            hal_case *c = hal_case_begin(list, op, row_tables[i].quick && (!axis || i < 3),
                                         "axis=%lld,rows=%lld,d=%lld,n=%lld", (long long)axis,
                                         (long long)rows, (long long)d, (long long)n);
            ((hal_set_rows_attrs *)c->attrs)->axis = axis;
            if (axis) HAL_CASE_INPUT(c, dtype, 2, rows, d);
            else HAL_CASE_INPUT(c, dtype, rows, d);
            if (axis) HAL_CASE_INPUT(c, dtype, 2, n, d);
            else HAL_CASE_INPUT(c, dtype, n, d);
            HAL_CASE_INPUT(c, i % 2 ? HAL_I64 : HAL_I32, n);
            hal_case_range(c, -1.0, (double)rows, true);
            hal_case_end(list, c, 1);
        }
    return list->status;
}

hal_status hal_op_cases_embedding(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(row_tables); i++) {
        int64_t rows = row_tables[i].rows, d = row_tables[i].d, n = row_tables[i].n;
        hal_case *c = hal_case_begin(list, op, row_tables[i].quick, "rows=%lld,d=%lld,n=2x%lld",
                                     (long long)rows, (long long)d, (long long)n);
        HAL_CASE_INPUT(c, dtype, rows, d);
        HAL_CASE_INPUT(c, i % 2 ? HAL_I64 : HAL_I32, 2, n);
        hal_case_range(c, -1.0, (double)rows, true);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_embedding_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(row_tables); i++) {
        int64_t rows = row_tables[i].rows, d = row_tables[i].d, n = row_tables[i].n;
        hal_case *c = hal_case_begin(list, op, row_tables[i].quick, "rows=%lld,d=%lld,n=%lld",
                                     (long long)rows, (long long)d, (long long)n);
        ((hal_embedding_grad_attrs *)c->attrs)->rows = rows;
        HAL_CASE_INPUT(c, dtype, n, d);
        HAL_CASE_INPUT(c, i % 2 ? HAL_I64 : HAL_I32, n);
        hal_case_range(c, -1.0, (double)rows, true);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* --------------------------------------------------------------------------------------------- sources -- */

hal_status hal_op_cases_fill(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    char text[64];
    if (!hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++) {
        const hal_case_shape *shape = &hal_case_shapes[i];
        hal_case *c = hal_case_begin(list, op, shape->quick, "%s", hal_case_shape_text(shape, text));
        hal_fill_attrs *a = c->attrs;
        a->dtype = dtype;
        a->value = hal_dtype_is_float(dtype) ? 0.1 * (double)i : (double)(i % 2);
        a->shape.n = shape->rank;
        for (uint32_t d = 0; d < shape->rank; d++) a->shape.v[d] = shape->size[d];
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_iota(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; int64_t n, start; } table[] = {
        {true, 1, 0}, {true, 33, 0}, {true, 100, 17}, {true, 5, -3}, {true, 0, 0}, {false, 1024, 1000},
    };
    if (!hal_case_number(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick, "n=%lld,start=%lld", (long long)table[i].n,
                                     (long long)table[i].start);
        hal_iota_attrs *a = c->attrs;
        a->n = table[i].n;
        a->start = table[i].start;
        a->dtype = dtype;
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_random(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    char text[64];
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++)
        for (int64_t kind = 0; kind < 2; kind++) {
            const hal_case_shape *shape = &hal_case_shapes[i];
            hal_case *c = hal_case_begin(list, op, shape->quick && i < 7, "%s,%s",
                                         hal_case_shape_text(shape, text), kind ? "normal" : "uniform");
            hal_random_attrs *a = c->attrs;
            a->kind = kind;
            a->seed = i % 3 ? (int64_t)i * 0x123456789abLL : -1;
            a->dtype = dtype;
            a->shape.n = shape->rank;
            for (uint32_t d = 0; d < shape->rank; d++) a->shape.v[d] = shape->size[d];
            HAL_CASE_SCALAR(c, HAL_I64);
            hal_case_range(c, 0.0, 1e9, true);
            hal_case_end(list, c, 1);
        }
    return list->status;
}

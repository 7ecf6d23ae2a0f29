/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of transformer rows, optimisers, sampling and collectives. */
#include "cases.h"

#define COUNT(table) ((uint32_t)(sizeof(table) / sizeof *(table)))

/* Two inputs of equal shape; softmax_grad reads the second as a softmax, log_softmax_grad as its logarithm.
   */
static hal_status pair_list(hal_case_list *list, const hal_op_info *op, hal_dtype dtype, double low,
                            double high) {
    char text[64];
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++) {
        const hal_case_shape *shape = &hal_case_shapes[i];
        if (!shape->size[shape->rank - 1]) continue;
        hal_case *c = hal_case_begin(list, op, shape->quick, "%s", hal_case_shape_text(shape, text));
        hal_case_input(c, dtype, shape->rank, shape->size);
        hal_case_input(c, dtype, shape->rank, shape->size);
        hal_case_range(c, low, high, false);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_softmax_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    return pair_list(list, op, dtype, 0.0, 0.2);
}

hal_status hal_op_cases_log_softmax_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    return pair_list(list, op, dtype, -6.0, -0.5);
}

hal_status hal_op_cases_binary(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const char *const name[] = {"silu", "gelu", "gelu_tanh", "relu", "sigmoid"};
    char text[64];
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++)
        for (int64_t k = 0; k < (int64_t)COUNT(name); k++) {
            const hal_case_shape *shape = &hal_case_shapes[i];
            hal_case *c = hal_case_begin(list, op, shape->quick && (i == 4 || (int64_t)i % 5 == k), "%s,%s",
                                         hal_case_shape_text(shape, text), name[k]);
            ((hal_gated_attrs *)c->attrs)->activation = k;
            hal_case_input(c, dtype, shape->rank, shape->size);
            hal_case_range(c, -5.0, 5.0, false);
            hal_case_input(c, dtype, shape->rank, shape->size);
            hal_case_end(list, c, 1);
        }
    return list->status;
}

/* ----------------------------------------------------------------------------------------------- norms -- */

static const struct { bool quick; uint32_t rank; int64_t size[3]; double shift; } norms[] = {
    {true, 2, {1, 1}, 0.0},      {true, 1, {7}, 0.0},
    {true, 2, {3, 5}, 0.0},      {true, 2, {5, 65}, 3.0},
    {true, 3, {2, 3, 33}, 0.0},  {true, 2, {33, 8}, 0.0},
    {true, 2, {0, 4}, 0.0},      {false, 3, {2, 128, 768}, 0.0},
    {false, 2, {64, 2048}, 1.0}, {false, 2, {7, 4099}, 0.0},
};

hal_status hal_op_cases_norm(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    bool layer = op->number == HAL_OP_LAYER_NORM;
    for (uint32_t i = 0; i < COUNT(norms); i++) {
        int64_t d = norms[i].size[norms[i].rank - 1];
        bool biased = layer && i % 2 == 0;
        hal_case *c = hal_case_begin(list, op, norms[i].quick, "rank=%u,rows=%lld,d=%lld%s", norms[i].rank,
                                     (long long)norms[i].size[0], (long long)d, biased ? ",bias" : "");
        double eps = i % 3 ? 1e-5 : 1e-3;
        if (layer) ((hal_layer_norm_attrs *)c->attrs)->eps = eps;
        else ((hal_rms_norm_attrs *)c->attrs)->eps = eps;
        hal_case_input(c, dtype, norms[i].rank, norms[i].size);
        hal_case_range(c, norms[i].shift - 2.0, norms[i].shift + 2.0, false);
        HAL_CASE_INPUT(c, dtype, d);
        if (biased) HAL_CASE_INPUT(c, dtype, d);
        hal_case_end(list, c, layer ? 3 : 2);
    }
    return list->status;
}

hal_status hal_op_cases_norm_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    bool layer = op->number == HAL_OP_LAYER_NORM_GRAD;
    for (uint32_t i = 0; i < COUNT(norms); i++) {
        uint32_t rank = norms[i].rank;
        int64_t d = norms[i].size[rank - 1];
        hal_case *c = hal_case_begin(list, op, norms[i].quick, "rank=%u,rows=%lld,d=%lld", rank,
                                     (long long)norms[i].size[0], (long long)d);
        hal_case_input(c, dtype, rank, norms[i].size);
        hal_case_input(c, dtype, rank, norms[i].size);
        HAL_CASE_INPUT(c, dtype, d);
        if (layer) {
            hal_case_input(c, hal_dtype_accumulate(dtype), rank - 1, norms[i].size);
            hal_case_range(c, -0.5, 0.5, false);
        }
        hal_case_input(c, hal_dtype_accumulate(dtype), rank - 1, norms[i].size);
        hal_case_range(c, 0.5, 2.0, false);
        hal_case_end(list, c, layer ? 3 : 2);
    }
    return list->status;
}

/* ------------------------------------------------------------------------------------------- attention -- */

/* bias: 0 none, 1 [t, s], 2 [b, 1, t, s], 3 [hq, 1, 1]. start: -1 absent. */
typedef struct attention_case {
    bool quick;
    int64_t b, hq, hk, t, s, d, e, causal, bias, start;
    double scale;
} attention_case;

static const attention_case attentions[] = {
    {true, 1, 1, 1, 1, 1, 1, 1, 1, 0, -1, 0.0},   {true, 1, 2, 2, 5, 5, 4, 4, 1, 0, -1, 0.0},
    {true, 2, 4, 2, 7, 7, 8, 8, 1, 0, -1, 0.0},   {true, 1, 4, 1, 3, 9, 16, 16, 1, 0, -1, 0.0},
    {true, 2, 2, 2, 5, 9, 8, 5, 0, 0, -1, 0.3},   {true, 1, 3, 3, 6, 6, 8, 8, 0, 1, -1, 0.0},
    {true, 2, 2, 1, 4, 8, 8, 8, 1, 2, 3, 0.0},    {true, 1, 2, 2, 1, 33, 16, 16, 1, 0, 32, 0.0},
    {true, 1, 4, 4, 1, 33, 16, 16, 1, 3, 10, 0.0}, {true, 1, 2, 2, 65, 65, 32, 32, 1, 0, -1, 0.0},
    {false, 2, 12, 12, 128, 128, 64, 64, 1, 0, -1, 0.0}, {false, 1, 8, 2, 64, 256, 128, 128, 1, 0, -1, 0.0},
    {false, 1, 8, 8, 1, 1024, 64, 64, 1, 0, 700, 0.0}, {false, 1, 2, 2, 200, 200, 80, 80, 0, 1, -1, 0.1},
};

static void mask_inputs(hal_case *c, hal_dtype dtype, const attention_case *t) {
    if (t->bias == 1) HAL_CASE_INPUT(c, dtype, t->t, t->s);
    else if (t->bias == 2) HAL_CASE_INPUT(c, dtype, t->b, 1, t->t, t->s);
    else if (t->bias == 3) HAL_CASE_INPUT(c, dtype, t->hq, 1, 1);
    else if (t->start >= 0) HAL_CASE_SCALAR(c, HAL_NO_DTYPE);
    if (t->start < 0) return;
    HAL_CASE_SCALAR(c, HAL_I32);
    hal_case_range(c, (double)t->start, (double)t->start, true);
}

static hal_case *attention_begin(hal_case_list *list, const hal_op_info *op, const attention_case *t) {
    return hal_case_begin(
        list, op, t->quick,
        "b=%lld,hq=%lld,hk=%lld,t=%lld,s=%lld,d=%lld,e=%lld,causal=%lld,bias=%lld,start=%lld",
        (long long)t->b, (long long)t->hq, (long long)t->hk, (long long)t->t, (long long)t->s,
        (long long)t->d, (long long)t->e, (long long)t->causal, (long long)t->bias, (long long)t->start);
}

hal_status hal_op_cases_attention(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(attentions); i++) {
        const attention_case *t = &attentions[i];
        hal_case *c = attention_begin(list, op, t);
        ((hal_attention_attrs *)c->attrs)->causal = t->causal;
        ((hal_attention_attrs *)c->attrs)->scale = t->scale;
        HAL_CASE_INPUT(c, dtype, t->b, t->hq, t->t, t->d);
        HAL_CASE_INPUT(c, dtype, t->b, t->hk, t->s, t->d);
        HAL_CASE_INPUT(c, dtype, t->b, t->hk, t->s, t->e);
        mask_inputs(c, dtype, t);
        hal_case_end(list, c, 2);
    }
    return list->status;
}

hal_status hal_op_cases_attention_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(attentions); i++) {
        const attention_case *t = &attentions[i];
        hal_case *c = attention_begin(list, op, t);
        ((hal_attention_grad_attrs *)c->attrs)->causal = t->causal;
        ((hal_attention_grad_attrs *)c->attrs)->scale = t->scale;
        HAL_CASE_INPUT(c, dtype, t->b, t->hq, t->t, t->e);
        HAL_CASE_INPUT(c, dtype, t->b, t->hq, t->t, t->d);
        HAL_CASE_INPUT(c, dtype, t->b, t->hk, t->s, t->d);
        HAL_CASE_INPUT(c, dtype, t->b, t->hk, t->s, t->e);
        HAL_CASE_INPUT(c, dtype, t->b, t->hq, t->t, t->e);
        HAL_CASE_INPUT(c, hal_dtype_accumulate(dtype), t->b, t->hq, t->t);
        hal_case_range(c, log((double)t->s) + 1.0, log((double)t->s) + 3.0, false);
        mask_inputs(c, dtype, t);
        hal_case_end(list, c, 3);
    }
    return list->status;
}

hal_status hal_op_cases_rotary(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct {
        bool quick;
        uint32_t rank;
        int64_t size[4], interleaved, inverse;
        double base;
    } table[] = {
        {true, 2, {1, 2}, 0, 0, 1e4},           {true, 2, {5, 8}, 0, 0, 1e4},
        {true, 2, {5, 8}, 1, 0, 1e4},           {true, 3, {2, 7, 6}, 0, 1, 1e4},
        {true, 4, {2, 3, 5, 16}, 1, 1, 5e5},    {true, 4, {1, 2, 33, 32}, 0, 0, 5e5},
        {true, 3, {2, 0, 4}, 0, 0, 1e4},        {false, 4, {2, 12, 128, 64}, 0, 0, 1e4},
        {false, 4, {1, 8, 64, 128}, 1, 0, 5e5},
    };
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        int64_t t = table[i].size[table[i].rank - 2];
        hal_case *c = hal_case_begin(list, op, table[i].quick, "rank=%u,t=%lld,d=%lld%s%s", table[i].rank,
                                     (long long)t, (long long)table[i].size[table[i].rank - 1],
                                     table[i].interleaved ? ",interleaved" : "",
                                     table[i].inverse ? ",inverse" : "");
        hal_rotary_attrs *a = c->attrs;
        a->base = table[i].base;
        a->interleaved = table[i].interleaved;
        a->inverse = table[i].inverse;
        hal_case_input(c, dtype, table[i].rank, table[i].size);
        HAL_CASE_INPUT(c, i % 3 == 1 ? HAL_I64 : HAL_I32, t);
        hal_case_range(c, 0.0, 1000.0, true);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* ------------------------------------------------------------------------------------ loss and dropout -- */

static const struct { bool quick; uint32_t rank; int64_t size[3]; } logits[] = {
    {true, 2, {1, 1}},  {true, 1, {7}},          {true, 2, {3, 5}},
    {true, 2, {9, 65}}, {true, 3, {2, 5, 33}},   {true, 2, {4, 1000}},
    {true, 2, {0, 3}},  {false, 2, {16, 50257}}, {false, 3, {2, 64, 4099}},
};

hal_status hal_op_cases_cross_entropy(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(logits); i++) {
        uint32_t rank = logits[i].rank;
        int64_t v = logits[i].size[rank - 1];
        hal_case *c = hal_case_begin(list, op, logits[i].quick, "rank=%u,rows=%lld,v=%lld", rank,
                                     (long long)logits[i].size[0], (long long)v);
        hal_case_input(c, dtype, rank, logits[i].size);
        hal_case_range(c, -6.0, 6.0, false);
        hal_case_input(c, i % 2 ? HAL_I64 : HAL_I32, rank - 1, logits[i].size);
        hal_case_range(c, i % 3 ? -1.0 : 0.0, (double)(i % 3 ? v : v - 1), true);
        hal_case_end(list, c, 2);
    }
    return list->status;
}

hal_status hal_op_cases_cross_entropy_grad(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(logits); i++) {
        uint32_t rank = logits[i].rank;
        int64_t v = logits[i].size[rank - 1];
        hal_case *c = hal_case_begin(list, op, logits[i].quick, "rank=%u,rows=%lld,v=%lld", rank,
                                     (long long)logits[i].size[0], (long long)v);
        HAL_CASE_SCALAR(c, hal_dtype_accumulate(dtype));
        hal_case_input(c, dtype, rank, logits[i].size);
        hal_case_input(c, i % 2 ? HAL_I64 : HAL_I32, rank - 1, logits[i].size);
        hal_case_range(c, i % 3 ? -1.0 : 0.0, (double)(i % 3 ? v : v - 1), true);
        hal_case_input(c, hal_dtype_accumulate(dtype), rank - 1, logits[i].size);
        hal_case_range(c, log((double)v) + 1.0, log((double)v) + 2.0, false);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

hal_status hal_op_cases_dropout(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const double p[] = {0.0, 0.1, 0.5, 0.9};
    char text[64];
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++) {
        const hal_case_shape *shape = &hal_case_shapes[i];
        hal_case *c = hal_case_begin(list, op, shape->quick, "%s,p=%g", hal_case_shape_text(shape, text),
                                     p[i % 4]);
        ((hal_dropout_attrs *)c->attrs)->p = p[i % 4];
        ((hal_dropout_attrs *)c->attrs)->seed = (int64_t)i * 7919;
        hal_case_input(c, dtype, shape->rank, shape->size);
        HAL_CASE_SCALAR(c, HAL_I64);
        hal_case_range(c, 0.0, 1e6, true);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* ------------------------------------------------------------------------------------------ optimisers -- */

/* p and g have the dtype, the states are kept in the accumulating one. */
static hal_case *optimiser_begin(hal_case_list *list, const hal_op_info *op, hal_dtype dtype, uint32_t i,
                                 uint32_t states) {
    char text[64];
    const hal_case_shape *shape = &hal_case_shapes[i];
    hal_case *c = hal_case_begin(list, op, shape->quick, "%s,setting=%u", hal_case_shape_text(shape, text),
                                 i % 3);
    hal_case_input(c, dtype, shape->rank, shape->size);
    hal_case_input(c, dtype, shape->rank, shape->size);
    for (uint32_t s = 0; s < states; s++)
        hal_case_input(c, hal_dtype_accumulate(dtype), shape->rank, shape->size);
    if (states == 2) hal_case_range(c, 0.0, 1.0, false);
    return c;
}

hal_status hal_op_cases_adamw(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const double step[] = {1.0, 10.0, 1000.0};
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++) {
        hal_case *c = optimiser_begin(list, op, dtype, i, 2);
        hal_adamw_attrs *a = c->attrs;
        a->decay = i % 3 ? 0.1 : 0.0;
        a->beta2 = i % 2 ? 0.999 : 0.95;
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, 1e-3, 1e-3, false);
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, step[i % 3], step[i % 3], true);
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, 0.5, 1.0, false);
        hal_case_end(list, c, 3);
    }
    return list->status;
}

hal_status hal_op_cases_sgd(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < hal_case_n_shapes; i++) {
        hal_case *c = optimiser_begin(list, op, dtype, i, 1);
        hal_sgd_attrs *a = c->attrs;
        a->momentum = i % 3 ? 0.9 : 0.0;
        a->decay = i % 3 == 2 ? 0.01 : 0.0;
        a->nesterov = i % 2;
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, 0.1, 0.1, false);
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, 0.5, 1.0, false);
        hal_case_end(list, c, 2);
    }
    return list->status;
}

/* -------------------------------------------------------------------------------------------- sampling -- */

hal_status hal_op_cases_sample(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; int64_t rows, v, top_k; double temperature, top_p; } table[] = {
        {true, 1, 1, 0, 1.0, 1.0},    {true, 5, 7, 0, 0.0, 1.0},  {true, 5, 33, 0, 1.0, 1.0},
        {true, 5, 33, 4, 0.8, 1.0},   {true, 9, 65, 0, 0.7, 0.9}, {true, 9, 65, 10, 1.5, 0.5},
        {true, 3, 17, 17, 1.0, 0.01}, {true, 0, 5, 0, 1.0, 1.0},  {false, 4, 50257, 40, 0.8, 0.95},
    };
    if (!hal_dtype_is_float(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++) {
        hal_case *c = hal_case_begin(list, op, table[i].quick,
                                     "rows=%lld,v=%lld,top_k=%lld,temperature=%g,top_p=%g",
                                     (long long)table[i].rows, (long long)table[i].v,
                                     (long long)table[i].top_k, table[i].temperature, table[i].top_p);
        ((hal_sample_attrs *)c->attrs)->top_k = table[i].top_k;
        HAL_CASE_INPUT(c, dtype, table[i].rows, table[i].v);
        hal_case_range(c, -6.0, 6.0, false);
        HAL_CASE_INPUT(c, HAL_F32, table[i].rows);
        hal_case_range(c, 0.0, 0.999, false);
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, table[i].temperature, table[i].temperature, false);
        HAL_CASE_SCALAR(c, HAL_F32);
        hal_case_range(c, table[i].top_p, table[i].top_p, false);
        hal_case_end(list, c, 1);
    }
    return list->status;
}

/* ----------------------------------------------------------------------------------------- collectives -- */

hal_status hal_op_cases_collective(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    static const struct { bool quick; uint32_t members; int64_t rows, d; } table[] = {
        {true, 1, 3, 5},  {true, 2, 2, 1}, {true, 2, 4, 33},    {true, 3, 6, 5},
        {true, 4, 8, 17}, {true, 2, 0, 3}, {false, 16, 16, 65}, {false, 4, 128, 768},
    };
    bool sums = op->number == HAL_OP_ALL_REDUCE || op->number == HAL_OP_REDUCE_SCATTER;
    bool single = op->max_inputs == 1;
    if (sums ? !hal_dtype_is_float(dtype) : !hal_case_plain(dtype)) return HAL_OK;
    for (uint32_t i = 0; i < COUNT(table); i++)
        for (int64_t kind = 0; kind < (op->number == HAL_OP_ALL_REDUCE ? 4 : 1); kind++) {
            hal_case *c = hal_case_begin(list, op, table[i].quick, "members=%u,rows=%lld,d=%lld,kind=%lld",
                                         table[i].members, (long long)table[i].rows, (long long)table[i].d,
                                         (long long)kind);
            if (op->number == HAL_OP_ALL_REDUCE) ((hal_all_reduce_attrs *)c->attrs)->kind = kind;
            for (uint32_t r = 0; r < (single ? 1 : table[i].members); r++)
                HAL_CASE_INPUT(c, dtype, table[i].rows, table[i].d);
            hal_case_end(list, c, op->max_outputs == 1 ? 1 : table[i].members);
        }
    return list->status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Cases with the shapes of models: each operator as GPT-2, Llama, Qwen3, BERT, ViT and Whisper call it in training, prefill
 * and decode. The shapes stand in model_shapes.def; here stands which operator sees which of them. */
#include "cases.h"

#include <stdarg.h>

#define COUNT(table) ((uint32_t)(sizeof(table) / sizeof *(table)))

typedef struct model {
    const char *name;
    int64_t d, heads, kv_heads, head, ffn;
    bool gated, rms;
    double base;
    bool causal, biased, weights_nk;
    int64_t vocab;
} model;

typedef enum kind { KIND_TRAIN, KIND_PREFILL, KIND_DECODE } kind;

typedef enum model_id {
#define HAL_MODEL(ID, ...) MODEL_##ID,
#include "model_shapes.def"
    MODEL_COUNT
} model_id;

static const model models[] = {
#define HAL_MODEL(ID, ...) {__VA_ARGS__},
#include "model_shapes.def"
};

/* A model at one kind of work. */
typedef struct phase {
    model_id model;
    const char *name;
    kind kind;
    int64_t batch, t, s, cross;
} phase;

static const phase phases[] = {
#define HAL_PHASE(MODEL, name, kind, ...) {MODEL_##MODEL, name, KIND_##kind, __VA_ARGS__},
#include "model_shapes.def"
};

/* The list that cases are added to, for one phase. */
typedef struct site {
    hal_case_list *list;
    const hal_op_info *op;
    hal_dtype dtype;
    const phase *p;
    const model *m;
    int64_t rows;  /* positions computed in all sequences */
    int64_t vocab; /* rows of a table that has d columns */
} site;

static hal_case *begin(const site *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static hal_case *begin(const site *s, const char *format, ...) {
    char what[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    hal_case *c = hal_case_begin(s->list, s->op, false, "%s,%s,%s", s->m->name, s->p->name, what);
    c->of_model = true;
    return c;
}

static void end(const site *s, hal_case *c, uint32_t n_out) { hal_case_end(s->list, c, n_out); }

static bool trains(const site *s) { return s->p->kind == KIND_TRAIN; }

/* Columns of the joint projection to queries, keys and values. */
static int64_t joint(const model *m) { return (m->heads + 2 * m->kv_heads) * m->head; }

/* --------------------------------------------------------------------------------------------------- products -- */

static void expression(const site *s, hal_case *c, const char *text) {
    if (s->list->status == HAL_OK)
        s->list->status = hal_expr_parse(text, s->dtype, &((hal_matmul_attrs *)c->attrs)->expr);
}

/* x [rows, k] times a weight, with the bias and the activation that fusion puts behind it. */
static void project(const site *s, const char *what, int64_t n, int64_t k, bool activated) {
    const bool biased = s->m->biased;
    hal_case *c = begin(s, "%s,m=%lld,n=%lld,k=%lld", what, (long long)s->rows, (long long)n, (long long)k);
    ((hal_matmul_attrs *)c->attrs)->transpose_b = s->m->weights_nk;
    HAL_CASE_INPUT(c, s->dtype, s->rows, k);
    if (s->m->weights_nk) HAL_CASE_INPUT(c, s->dtype, n, k);
    else HAL_CASE_INPUT(c, s->dtype, k, n);
    if (biased) {
        expression(s, c, activated ? "t = add:f32(x0, x1); t, gelu_tanh(t)" : "add(x0, x1)");
        HAL_CASE_INPUT(c, s->dtype, n);
    }
    end(s, c, biased && activated ? 2 : 1);
}

/* Gradients of a projection from k to n: of its input, and of its weight, which sums over all rows. */
static void project_back(const site *s, const char *what, int64_t n, int64_t k) {
    hal_case *c = begin(s, "%s_dx,m=%lld,n=%lld,k=%lld", what, (long long)s->rows, (long long)k, (long long)n);
    ((hal_matmul_attrs *)c->attrs)->transpose_b = !s->m->weights_nk;
    HAL_CASE_INPUT(c, s->dtype, s->rows, n);
    if (s->m->weights_nk) HAL_CASE_INPUT(c, s->dtype, n, k);
    else HAL_CASE_INPUT(c, s->dtype, k, n);
    end(s, c, 1);
    c = begin(s, "%s_dw,m=%lld,n=%lld,k=%lld", what, (long long)k, (long long)n, (long long)s->rows);
    ((hal_matmul_attrs *)c->attrs)->transpose_a = 1;
    ((hal_matmul_attrs *)c->attrs)->dtype = hal_dtype_accumulate(s->dtype);
    HAL_CASE_INPUT(c, s->dtype, s->rows, k);
    HAL_CASE_INPUT(c, s->dtype, s->rows, n);
    end(s, c, 1);
}

static void matmul(const site *s) {
    const model *m = s->m;
    project(s, "qkv", joint(m), m->d, false);
    project(s, "proj", m->d, m->heads * m->head, false);
    project(s, "up", m->ffn, m->d, true);
    project(s, "down", m->d, m->ffn, false);
    project(s, "head", s->vocab, m->d, false);
    if (trains(s)) project_back(s, "proj", m->d, m->heads * m->head);
    if (trains(s)) project_back(s, "head", s->vocab, m->d);
}

/* -------------------------------------------------------------------------------------------------- attention -- */

static void query_key_value(const site *s, hal_case *c, int64_t keys) {
    const model *m = s->m;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, m->heads, s->p->t, m->head);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, m->kv_heads, keys, m->head);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, m->kv_heads, keys, m->head);
}

static void attend(const site *s, const char *what, int64_t keys, bool causal, bool cached) {
    hal_case *c = begin(s, "%s,t=%lld,s=%lld", what, (long long)s->p->t, (long long)keys);
    ((hal_attention_attrs *)c->attrs)->causal = causal;
    query_key_value(s, c, keys);
    if (cached) { /* no bias, and a cache that is filled up to three quarters */
        HAL_CASE_SCALAR(c, HAL_NO_DTYPE);
        HAL_CASE_SCALAR(c, HAL_I32);
        hal_case_range(c, (double)(keys * 3 / 4), (double)(keys * 3 / 4), true);
    }
    end(s, c, 2);
}

static void attention(const site *s) {
    const bool decodes = s->p->kind == KIND_DECODE;
    attend(s, "self", s->p->s, s->m->causal, false);
    if (decodes) attend(s, "cache", s->p->s, true, true);
    if (s->p->cross) attend(s, "cross", s->p->cross, false, false);
}

static void attend_back(const site *s, const char *what, int64_t keys, bool causal) {
    const model *m = s->m;
    hal_case *c = begin(s, "%s,t=%lld,s=%lld", what, (long long)s->p->t, (long long)keys);
    ((hal_attention_grad_attrs *)c->attrs)->causal = causal;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, m->heads, s->p->t, m->head);
    query_key_value(s, c, keys);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, m->heads, s->p->t, m->head);
    HAL_CASE_INPUT(c, hal_dtype_accumulate(s->dtype), s->p->batch, m->heads, s->p->t);
    hal_case_range(c, log((double)keys) + 1.0, log((double)keys) + 3.0, false);
    end(s, c, 3);
}

static void attention_grad(const site *s) {
    if (!trains(s)) return;
    attend_back(s, "self", s->p->s, s->m->causal);
    if (s->p->cross) attend_back(s, "cross", s->p->cross / 10, false);
}

/* Scores as models without a fused attention have them. */
static void scores(const site *s) {
    const bool pairs = s->op->number == HAL_OP_SOFTMAX_GRAD;
    if (pairs && !trains(s)) return;
    hal_case *c = begin(s, "scores,t=%lld,s=%lld", (long long)s->p->t, (long long)s->p->s);
    for (int i = 0; i < (pairs ? 2 : 1); i++) {
        HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->heads, s->p->t, s->p->s);
        if (pairs && i == 1) hal_case_range(c, 0.0, 0.2, false);
    }
    end(s, c, 1);
}

static void turn(const site *s, const char *what, int64_t heads, bool inverse) {
    hal_case *c = begin(s, "%s,t=%lld", what, (long long)s->p->t);
    hal_rotary_attrs *a = c->attrs;
    a->base = s->m->base;
    a->inverse = inverse;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, heads, s->p->t, s->m->head);
    HAL_CASE_INPUT(c, HAL_I32, s->p->t);
    hal_case_range(c, 0.0, 1000.0, true);
    end(s, c, 1);
}

static void rotary(const site *s) {
    if (s->m->base <= 0.0) return;
    turn(s, "q", s->m->heads, false);
    turn(s, "k", s->m->kv_heads, false);
    if (trains(s)) turn(s, "dq", s->m->heads, true);
}

/* ------------------------------------------------------------------------------------------------------ norms -- */

static void norm_of(const site *s, const char *what, int64_t rows, int64_t d) {
    const bool layer = s->op->number == HAL_OP_LAYER_NORM;
    hal_case *c = begin(s, "%s,rows=%lld,d=%lld", what, (long long)rows, (long long)d);
    HAL_CASE_INPUT(c, s->dtype, rows, d);
    HAL_CASE_INPUT(c, s->dtype, d);
    if (layer) HAL_CASE_INPUT(c, s->dtype, d);
    end(s, c, layer ? 3 : 2);
}

static void norm_back(const site *s, const char *what, int64_t rows, int64_t d) {
    const bool layer = s->op->number == HAL_OP_LAYER_NORM_GRAD;
    hal_case *c = begin(s, "%s,rows=%lld,d=%lld", what, (long long)rows, (long long)d);
    HAL_CASE_INPUT(c, s->dtype, rows, d);
    HAL_CASE_INPUT(c, s->dtype, rows, d);
    HAL_CASE_INPUT(c, s->dtype, d);
    if (layer) {
        HAL_CASE_INPUT(c, hal_dtype_accumulate(s->dtype), rows);
        hal_case_range(c, -0.5, 0.5, false);
    }
    HAL_CASE_INPUT(c, hal_dtype_accumulate(s->dtype), rows);
    hal_case_range(c, 0.5, 2.0, false);
    end(s, c, layer ? 3 : 2);
}

static void norm(const site *s) {
    const bool rms = s->op->number == HAL_OP_RMS_NORM || s->op->number == HAL_OP_RMS_NORM_GRAD;
    const bool back = s->op->number == HAL_OP_LAYER_NORM_GRAD || s->op->number == HAL_OP_RMS_NORM_GRAD;
    void (*add)(const site *, const char *, int64_t, int64_t) = back ? norm_back : norm_of;
    if (s->m->rms != rms || (back && !trains(s))) return;
    add(s, "hidden", s->rows, s->m->d);
    if (rms) add(s, "head", s->rows * s->m->heads, s->m->head); /* Qwen3 normalises queries and keys */
}

/* ----------------------------------------------------------------------------------- between the products -- */

static void gated(const site *s) {
    if (!s->m->gated) return;
    hal_case *c = begin(s, "ffn,rows=%lld,d=%lld", (long long)s->rows, (long long)s->m->ffn);
    HAL_CASE_INPUT(c, s->dtype, s->rows, s->m->ffn);
    hal_case_range(c, -5.0, 5.0, false);
    HAL_CASE_INPUT(c, s->dtype, s->rows, s->m->ffn);
    end(s, c, 1);
}

static void elementwise(const site *s, const char *what, const char *text, int64_t d, uint32_t n_in, bool spread) {
    hal_case *c = begin(s, "%s,rows=%lld,d=%lld", what, (long long)s->rows, (long long)d);
    if (s->list->status == HAL_OK)
        s->list->status = hal_expr_parse(text, s->dtype, &((hal_pointwise_attrs *)c->attrs)->expr);
    HAL_CASE_INPUT(c, s->dtype, s->rows, d);
    for (uint32_t i = 1; i < n_in; i++) {
        if (spread) HAL_CASE_INPUT(c, s->dtype, d);
        else HAL_CASE_INPUT(c, s->dtype, s->rows, d);
    }
    end(s, c, 1);
}

static void pointwise(const site *s) {
    elementwise(s, "residual", "add(x0, x1)", s->m->d, 2, false);
    elementwise(s, "bias", "add(x0, x1)", joint(s->m), 2, true);
    if (s->m->gated) elementwise(s, "silu", "mul(silu(x0), x1)", s->m->ffn, 2, false);
    else elementwise(s, "gelu", "t = add(x0, x1); gelu(t)", s->m->ffn, 2, true);
    if (trains(s) && !s->m->gated) elementwise(s, "gelu_grad", "gelu_grad(x0, x1)", s->m->ffn, 2, false);
}

static void dropout(const site *s) {
    if (!trains(s) || s->m->gated) return;
    hal_case *c = begin(s, "hidden,rows=%lld", (long long)s->rows);
    ((hal_dropout_attrs *)c->attrs)->p = 0.1;
    ((hal_dropout_attrs *)c->attrs)->seed = 1234;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->d);
    HAL_CASE_SCALAR(c, HAL_I64);
    hal_case_range(c, 0.0, 1e6, true);
    end(s, c, 1);
}

/* Gradient of a bias; mean over positions, as classifiers pool. */
static void reduce(const site *s) {
    hal_case *c = begin(s, "bias_grad,n=%lld", (long long)joint(s->m));
    hal_reduce_attrs *a = c->attrs;
    a->axes = (hal_int_list){1, {0}};
    HAL_CASE_INPUT(c, s->dtype, s->rows, joint(s->m));
    end(s, c, 1);
    c = begin(s, "pool,t=%lld", (long long)s->p->t);
    a = c->attrs;
    a->kind = 1;
    a->axes = (hal_int_list){1, {1}};
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->d);
    end(s, c, 1);
}

/* --------------------------------------------------------------------------------------------------- movement -- */

/* Heads to the front, and back. */
static void transpose(const site *s) {
    static const hal_int_list swap = {4, {0, 2, 1, 3}};
    hal_case *c = begin(s, "heads,t=%lld", (long long)s->p->t);
    ((hal_transpose_attrs *)c->attrs)->perm = swap;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->heads, s->m->head);
    end(s, c, 1);
    c = begin(s, "merge,t=%lld", (long long)s->p->t);
    ((hal_transpose_attrs *)c->attrs)->perm = swap;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->heads, s->p->t, s->m->head);
    end(s, c, 1);
}

static void reshape(const site *s) {
    hal_case *c = begin(s, "heads,t=%lld", (long long)s->p->t);
    ((hal_reshape_attrs *)c->attrs)->shape = (hal_int_list){4, {s->p->batch, s->p->t, s->m->heads, s->m->head}};
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->heads * s->m->head);
    end(s, c, 1);
}

static void split(const site *s) {
    if (s->m->heads != s->m->kv_heads) return;
    hal_case *c = begin(s, "qkv,t=%lld", (long long)s->p->t);
    ((hal_split_attrs *)c->attrs)->axis = -1;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, joint(s->m));
    end(s, c, 3);
}

static void slice(const site *s) {
    hal_case *c = begin(s, "last,t=%lld", (long long)s->p->t);
    hal_slice_attrs *a = c->attrs;
    a->axis = 1;
    a->start = s->p->t - 1;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->d);
    end(s, c, 1);
}

/* Key and value heads that several query heads read. */
static void broadcast(const site *s) {
    const model *m = s->m;
    hal_case *c = begin(s, "heads,t=%lld", (long long)s->p->t);
    ((hal_broadcast_attrs *)c->attrs)->shape = (hal_int_list){5, {s->p->batch, m->kv_heads, m->heads / m->kv_heads, s->p->t, m->head}};
    hal_case_input(c, s->dtype, 5, (const int64_t[]){s->p->batch, m->kv_heads, 1, s->p->t, m->head});
    end(s, c, 1);
}

static void concat(const site *s) {
    if (s->p->kind != KIND_DECODE) return;
    hal_case *c = begin(s, "cache,s=%lld", (long long)s->p->s);
    ((hal_concat_attrs *)c->attrs)->axis = 2;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->kv_heads, s->p->s, s->m->head);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->kv_heads, 1, s->m->head);
    end(s, c, 1);
}

/* New keys or values into a cache. */
static void set_rows(const site *s) {
    if (trains(s)) return;
    hal_case *c = begin(s, "cache,t=%lld,s=%lld", (long long)s->p->t, (long long)s->p->s);
    ((hal_set_rows_attrs *)c->attrs)->axis = 2;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->kv_heads, s->p->s, s->m->head);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->kv_heads, s->p->t, s->m->head);
    HAL_CASE_INPUT(c, HAL_I32, s->p->t);
    hal_case_range(c, 0.0, (double)(s->p->s - 1), true);
    end(s, c, 1);
}

static void copy(const site *s) {
    hal_case *c = begin(s, "hidden,rows=%lld", (long long)s->rows);
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->d);
    end(s, c, 1);
}

/* Activations and weights between the formats of mixed training. */
static void cast(const site *s) {
    static const hal_dtype to[] = {HAL_F32, HAL_F16, HAL_BF16};
    for (uint32_t i = 0; i < COUNT(to); i++) {
        if (to[i] == s->dtype) continue;
        hal_case *c = begin(s, "hidden,rows=%lld,to=%s", (long long)s->rows, hal_dtype_describe(to[i])->name);
        ((hal_cast_attrs *)c->attrs)->dtype = to[i];
        HAL_CASE_INPUT(c, s->dtype, s->rows, s->m->d);
        end(s, c, 1);
    }
}

/* ----------------------------------------------------------------------------------- tables, loss, tokens -- */

static void embedding(const site *s) {
    hal_case *c = begin(s, "tokens,rows=%lld,d=%lld", (long long)s->vocab, (long long)s->m->d);
    HAL_CASE_INPUT(c, s->dtype, s->vocab, s->m->d);
    HAL_CASE_INPUT(c, HAL_I32, s->p->batch, s->p->t);
    hal_case_range(c, 0.0, (double)(s->vocab - 1), true);
    end(s, c, 1);
}

static void embedding_grad(const site *s) {
    if (!trains(s)) return;
    hal_case *c = begin(s, "tokens,rows=%lld,d=%lld", (long long)s->vocab, (long long)s->m->d);
    ((hal_embedding_grad_attrs *)c->attrs)->rows = s->vocab;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->p->t, s->m->d);
    HAL_CASE_INPUT(c, HAL_I32, s->p->batch, s->p->t);
    hal_case_range(c, 0.0, 20.0, true); /* few, so that rows meet */
    end(s, c, 1);
}

/* Logits over the whole vocabulary, of few rows. */
enum { LOGIT_ROWS = 3 };

static void cross_entropy(const site *s) {
    const bool back = s->op->number == HAL_OP_CROSS_ENTROPY_GRAD;
    const int64_t v = s->m->vocab;
    if (!trains(s)) return;
    hal_case *c = begin(s, "rows=%d,v=%lld", LOGIT_ROWS, (long long)v);
    if (back) HAL_CASE_SCALAR(c, hal_dtype_accumulate(s->dtype));
    HAL_CASE_INPUT(c, s->dtype, LOGIT_ROWS, v);
    hal_case_range(c, -6.0, 6.0, false);
    HAL_CASE_INPUT(c, HAL_I32, LOGIT_ROWS);
    hal_case_range(c, 0.0, (double)(v - 1), true);
    if (back) HAL_CASE_INPUT(c, hal_dtype_accumulate(s->dtype), LOGIT_ROWS);
    if (back) hal_case_range(c, log((double)v) + 1.0, log((double)v) + 2.0, false);
    end(s, c, back ? 1 : 2);
}

/* Rows of one input over the vocabulary: of each token that is drawn, and of the loss. */
static void logits(const site *s) {
    const bool pairs = s->op->number == HAL_OP_LOG_SOFTMAX_GRAD;
    if (pairs && !trains(s)) return;
    hal_case *c = begin(s, "logits,v=%lld", (long long)s->m->vocab);
    if (s->op->number == HAL_OP_TOP_K) ((hal_top_k_attrs *)c->attrs)->k = 50;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->vocab);
    if (pairs) HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->vocab);
    if (pairs) hal_case_range(c, -12.0, -6.0, false);
    end(s, c, s->op->number == HAL_OP_TOP_K ? 2 : 1);
}

static void sample(const site *s) {
    if (s->p->kind != KIND_DECODE) return;
    hal_case *c = begin(s, "logits,v=%lld", (long long)s->m->vocab);
    ((hal_sample_attrs *)c->attrs)->top_k = 50;
    HAL_CASE_INPUT(c, s->dtype, s->p->batch, s->m->vocab);
    hal_case_range(c, -6.0, 6.0, false);
    HAL_CASE_INPUT(c, HAL_F32, s->p->batch);
    hal_case_range(c, 0.0, 0.999, false);
    HAL_CASE_SCALAR(c, HAL_F32);
    hal_case_range(c, 0.8, 0.8, false);
    HAL_CASE_SCALAR(c, HAL_F32);
    hal_case_range(c, 0.95, 0.95, false);
    end(s, c, 1);
}

/* ------------------------------------------------------------------------------------------------- optimisers -- */

/* A part of a weight, and a vector: rows of d numbers. */
static void step_of(const site *s, const char *what, uint32_t rank, const int64_t *size) {
    const bool adamw = s->op->number == HAL_OP_ADAMW;
    hal_case *c = begin(s, "%s,d=%lld", what, (long long)s->m->d);
    hal_case_input(c, s->dtype, rank, size);
    hal_case_input(c, s->dtype, rank, size);
    hal_case_input(c, hal_dtype_accumulate(s->dtype), rank, size);
    if (adamw) {
        ((hal_adamw_attrs *)c->attrs)->decay = rank > 1 ? 0.1 : 0.0;
        ((hal_adamw_attrs *)c->attrs)->beta2 = 0.95;
        hal_case_input(c, hal_dtype_accumulate(s->dtype), rank, size);
        hal_case_range(c, 0.0, 1.0, false);
    } else {
        ((hal_sgd_attrs *)c->attrs)->momentum = 0.9;
    }
    HAL_CASE_SCALAR(c, HAL_F32);
    hal_case_range(c, 6e-4, 6e-4, false);
    if (adamw) HAL_CASE_SCALAR(c, HAL_F32);
    if (adamw) hal_case_range(c, 100.0, 100.0, true);
    HAL_CASE_SCALAR(c, HAL_F32);
    hal_case_range(c, 0.5, 1.0, false);
    end(s, c, adamw ? 3 : 2);
}

static void step(const site *s) {
    if (!trains(s)) return;
    step_of(s, "weight", 2, (const int64_t[]){64, s->m->d});
    step_of(s, "bias", 1, (const int64_t[]){s->m->d});
}

static void square_sum(const site *s) {
    if (!trains(s)) return;
    hal_case *c = begin(s, "weight,d=%lld", (long long)s->m->d);
    HAL_CASE_INPUT(c, s->dtype, 64, s->m->d);
    end(s, c, 1);
}

/* -------------------------------------------------------------------------------------------------------- all -- */

static const struct { uint32_t op; void (*add)(const site *s); } rows[] = {
    {HAL_OP_COPY, copy}, {HAL_OP_CAST, cast}, {HAL_OP_RESHAPE, reshape}, {HAL_OP_TRANSPOSE, transpose}, {HAL_OP_SLICE, slice},
    {HAL_OP_BROADCAST, broadcast}, {HAL_OP_SPLIT, split}, {HAL_OP_CONCAT, concat}, {HAL_OP_SET_ROWS, set_rows},
    {HAL_OP_POINTWISE, pointwise}, {HAL_OP_REDUCE, reduce}, {HAL_OP_MATMUL, matmul}, {HAL_OP_ARG_MAX, logits},
    {HAL_OP_TOP_K, logits}, {HAL_OP_SOFTMAX, scores}, {HAL_OP_SOFTMAX_GRAD, scores}, {HAL_OP_LOG_SOFTMAX, logits},
    {HAL_OP_LOG_SOFTMAX_GRAD, logits}, {HAL_OP_LAYER_NORM, norm}, {HAL_OP_LAYER_NORM_GRAD, norm}, {HAL_OP_RMS_NORM, norm},
    {HAL_OP_RMS_NORM_GRAD, norm}, {HAL_OP_ATTENTION, attention}, {HAL_OP_ATTENTION_GRAD, attention_grad},
    {HAL_OP_ROTARY, rotary}, {HAL_OP_GATED, gated}, {HAL_OP_EMBEDDING, embedding}, {HAL_OP_EMBEDDING_GRAD, embedding_grad},
    {HAL_OP_CROSS_ENTROPY, cross_entropy}, {HAL_OP_CROSS_ENTROPY_GRAD, cross_entropy}, {HAL_OP_DROPOUT, dropout},
    {HAL_OP_ADAMW, step}, {HAL_OP_SGD, step}, {HAL_OP_SQUARE_SUM, square_sum}, {HAL_OP_SAMPLE, sample}};

/* Models compute in the formats below. */
static bool of_models(hal_dtype dtype) { return dtype == HAL_F32 || dtype == HAL_BF16 || dtype == HAL_F16; }

hal_status hal_case_models(hal_case_list *list, const hal_op_info *op, hal_dtype dtype) {
    for (uint32_t r = 0; r < COUNT(rows) && of_models(dtype); r++)
        for (uint32_t i = 0; i < COUNT(phases) && rows[r].op == op->number; i++) {
            const phase *p = &phases[i];
            const model *m = &models[p->model];
            const site s = {list, op, dtype, p, m, p->batch * p->t, m->vocab / 64 + 1};
            rows[r].add(&s);
        }
    return list->status;
}

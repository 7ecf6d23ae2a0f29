/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining expressions. Every value between members keeps the rounding to its declared dtype, by a step
 * `round` where the step that computes it has another dtype, so that a fused node gives the bits of the
 * separate ones.
 */
#include <ops/expr.h>
#include <ops/fuse_expr.h>
#include <hal/core.h>

#define MAX_VALUES (HAL_FUSE_MAX_MEMBERS * HAL_EXPR_MAX_OUTPUTS)

typedef struct joiner {
    const hal_graph *graph;
    hal_fused *fused;
    hal_expr expr;
    uint32_t reserved;      /* inputs of the node that are no inputs of the expression: a and b of a matmul */
    uint32_t n_values;
    struct { uint32_t id; uint8_t code; } values[MAX_VALUES];   /* values the group computes */
} joiner;

static hal_dtype dtype_of(const hal_graph *g, uint32_t value)
{
    return g->values[value].shape.dtype;
}

static bool is_plain(hal_dtype dtype)
{
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    return info && info->class_ != HAL_DTYPE_CLASS_QUANTISED;
}

bool hal_fuse_possible(const hal_graph *graph, uint32_t node)
{
    const hal_node_record *n = &graph->nodes[node];
    if (n->op == HAL_OP_POINTWISE || n->op == HAL_OP_GATED) return true;
    if (n->op == HAL_OP_CAST) return is_plain(dtype_of(graph, n->in[0]));
    if (n->op != HAL_OP_MATMUL) return false;
    const hal_dtype_info *a = hal_dtype_describe(dtype_of(graph, n->in[0]));
    return a && a->class_ == HAL_DTYPE_CLASS_FLOAT;
}

static bool computed_find(const joiner *j, uint32_t value, uint8_t *code)
{
    for (uint32_t i = 0; i < j->n_values; i++) {
        if (j->values[i].id != value) continue;
        *code = j->values[i].code;
        return true;
    }
    return false;
}

/* Operand code of a value: what a member computed, or an input, added when it is new. */
static bool value_code(joiner *j, uint32_t value, uint8_t *code)
{
    if (computed_find(j, value, code)) return true;
    hal_fused *f = j->fused;
    uint32_t i = j->reserved;
    while (i < f->n_in && f->in[i] != value) i++;
    /* A matmul's x0 is the product, so input i of the node is x(i - 1). */
    uint32_t input = j->reserved ? i - j->reserved + 1 : i;
    if (i == 16 || input >= HAL_EXPR_MAX_INPUTS) return false;
    if (i == f->n_in) f->in[f->n_in++] = value;
    if (input >= j->expr.n_inputs) j->expr.n_inputs = input + 1;
    *code = (uint8_t)(HAL_EXPR_INPUT + input);
    return true;
}

/* Notes that `value` is operand `code`, whose number has dtype `has`, rounded to the value's own dtype. */
static bool value_define(joiner *j, uint32_t value, uint8_t code, hal_dtype has)
{
    hal_dtype dtype = dtype_of(j->graph, value);
    if (code >= HAL_EXPR_CONSTANT) {
        if (!hal_expr_add_constant(&j->expr, hal_round_to(dtype, j->expr.constant[code - HAL_EXPR_CONSTANT]),
                                   &code))
            return false;
    } else if (has != dtype) {
        hal_expr_step round = {.op = HAL_EXPR_ROUND, .dtype = (uint8_t)dtype, .a = code};
        if (!hal_expr_add_step(&j->expr, round, &code)) return false;
    }
    if (j->n_values == MAX_VALUES) return false;
    j->values[j->n_values].id = value;
    j->values[j->n_values++].code = code;
    return true;
}

/* What the operands of a member's expression become, by their codes in it, and the dtypes they have. */
typedef struct operands { uint8_t code[256], dtype[256]; } operands;

static bool steps_join(joiner *j, const hal_expr *e, operands *o)
{
    for (uint32_t i = 0; i < e->n_constants; i++)
        if (!hal_expr_add_constant(&j->expr, e->constant[i], &o->code[HAL_EXPR_CONSTANT + i])) return false;
    for (uint32_t i = 0; i < e->n_steps; i++) {
        hal_expr_step s = e->step[i];
        uint32_t n = hal_expr_op_operands(s.op);
        s.a = o->code[s.a];
        s.b = n > 1 ? o->code[s.b] : 0;
        s.c = n > 2 ? o->code[s.c] : 0;
        if (!hal_expr_add_step(&j->expr, s, &o->code[i])) return false;
        o->dtype[i] = s.dtype;
    }
    return true;
}

static bool expr_join(joiner *j, const hal_node_record *n, const hal_expr *e, operands *o)
{
    if (!steps_join(j, e, o)) return false;
    for (uint32_t i = 0; i < e->n_outputs; i++)
        if (!value_define(j, n->first_out + i, o->code[e->output[i]], (hal_dtype)o->dtype[e->output[i]]))
            return false;
    return true;
}

/* Operand `code` of a member's expression is this value. */
static bool operand_set(joiner *j, operands *o, uint32_t code, uint32_t value)
{
    o->dtype[code] = (uint8_t)dtype_of(j->graph, value);
    return value_code(j, value, &o->code[code]);
}

static bool pointwise_join(joiner *j, const hal_node_record *n)
{
    operands o = {{0}, {0}};
    for (uint32_t i = 0; i < n->n_in; i++)
        if (!operand_set(j, &o, HAL_EXPR_INPUT + i, n->in[i])) return false;
    return expr_join(j, n, &((const hal_pointwise_attrs *)n->attrs)->expr, &o);
}

static bool cast_join(joiner *j, const hal_node_record *n)
{
    uint8_t code;
    return value_code(j, n->in[0], &code) &&
           value_define(j, n->first_out, code, dtype_of(j->graph, n->in[0]));
}

/* act(gate) up in the accumulating dtype, rounded once, as the row says. */
static bool gated_join(joiner *j, const hal_node_record *n)
{
    static const uint8_t activation[] = {HAL_EXPR_SILU, HAL_EXPR_GELU, HAL_EXPR_GELU_TANH, HAL_EXPR_RELU,
                                         HAL_EXPR_SIGMOID};
    hal_dtype dtype = dtype_of(j->graph, n->first_out);
    hal_expr_step act = {.op = activation[((const hal_gated_attrs *)n->attrs)->activation]};
    hal_expr_step product = {.op = HAL_EXPR_MUL, .dtype = (uint8_t)dtype};
    act.dtype = dtype == HAL_F64 ? HAL_F64 : HAL_F32;
    uint8_t code;
    if (!value_code(j, n->in[0], &act.a) || !value_code(j, n->in[1], &product.b)) return false;
    if (!hal_expr_add_step(&j->expr, act, &product.a) || !hal_expr_add_step(&j->expr, product, &code))
        return false;
    return value_define(j, n->first_out, code, dtype);
}

static bool matmul_join(joiner *j, const hal_node_record *n)
{
    const hal_matmul_attrs *a = n->attrs;
    operands o = {{0}, {0}};
    uint8_t code;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (computed_find(j, n->in[i], &code)) return false;
    o.code[HAL_EXPR_INPUT] = HAL_EXPR_INPUT;
    o.dtype[HAL_EXPR_INPUT] = dtype_of(j->graph, n->in[0]) == HAL_F64 ? HAL_F64 : HAL_F32;
    for (uint32_t i = 2; i < n->n_in; i++)
        if (!operand_set(j, &o, HAL_EXPR_INPUT + i - 1, n->in[i])) return false;
    if (a->expr.n_outputs) return expr_join(j, n, &a->expr, &o);
    return value_define(j, n->first_out, HAL_EXPR_INPUT, (hal_dtype)o.dtype[HAL_EXPR_INPUT]);
}

static bool member_join(joiner *j, const hal_node_record *n)
{
    switch (n->op) {
    case HAL_OP_CAST: return cast_join(j, n);
    case HAL_OP_GATED: return gated_join(j, n);
    case HAL_OP_MATMUL: return matmul_join(j, n);
    default: return pointwise_join(j, n);
    }
}

/* The matmul of a group comes to the front: its operands are the first inputs. NULL when there is none. */
static const hal_node_record *matmul_of(const hal_graph *g, const hal_fuse_group *group)
{
    for (uint32_t i = 0; i < group->n; i++)
        if (g->nodes[group->member[i]].op == HAL_OP_MATMUL) return &g->nodes[group->member[i]];
    return NULL;
}

static bool outputs_choose(joiner *j, const hal_fuse_group *group, hal_fuse_needed_fn *needed,
                           const void *context)
{
    hal_fused *f = j->fused;
    for (uint32_t i = 0; i < j->n_values; i++) {
        if (!needed(context, group, j->values[i].id)) continue;
        if (f->n_out == HAL_EXPR_MAX_OUTPUTS) return false;
        j->expr.output[f->n_out] = j->values[i].code;
        j->expr.output_dtype[f->n_out] = (uint8_t)dtype_of(j->graph, j->values[i].id);
        f->out[f->n_out++] = j->values[i].id;
    }
    j->expr.n_outputs = f->n_out;
    return f->n_out > 0;
}

static void attrs_fill(joiner *j, const hal_node_record *matmul)
{
    hal_fused *f = j->fused;
    if (matmul) {
        f->attrs.matmul = *(const hal_matmul_attrs *)matmul->attrs;
        f->attrs.matmul.expr = j->expr;
    } else {
        f->attrs.pointwise = (hal_pointwise_attrs){HAL_HEAD(hal_pointwise_attrs), .expr = j->expr};
    }
}

bool hal_fuse_build(const hal_graph *graph, const hal_fuse_group *group, hal_fuse_needed_fn *needed,
                    const void *context, hal_fused *fused)
{
    const hal_node_record *matmul = matmul_of(graph, group);
    joiner j = {.graph = graph, .fused = fused, .reserved = matmul ? 2 : 0};
    *fused = (hal_fused){.op = matmul ? HAL_OP_MATMUL : HAL_OP_POINTWISE};
    if (matmul) {
        fused->in[fused->n_in++] = matmul->in[0];
        fused->in[fused->n_in++] = matmul->in[1];
        j.expr.n_inputs = 1;
    }
    for (uint32_t i = 0; i < group->n; i++)
        if (!member_join(&j, &graph->nodes[group->member[i]])) return false;
    if (!outputs_choose(&j, group, needed, context)) return false;
    attrs_fill(&j, matmul);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW over a list of parameters: clipping by the global norm, one adamw node a parameter, and the
 * assignments. */
#include <ops/graph_names.h>
#include <hal/core.h>

#define INVALID HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT)

static hal_status options_check(hal_graph *g, const hal_adamw_options *o)
{
    if (!o || o->head.size < sizeof *o)
        return hal_graph_fail(
            g, INVALID, "hal_graph_adamw: the options are NULL or their head is not filled; use HAL_HEAD");
    if (!(o->clip >= 0))
        return hal_graph_fail(g, INVALID, "hal_graph_adamw: clip is %g; use 0 for none or a positive norm",
                              o->clip);
    return HAL_OK;
}

static hal_status parameter_check(hal_graph *g, hal_value p, hal_value grad)
{
    hal_shape shape, grad_shape;
    if (hal_graph_shape(g, p, &shape) != HAL_OK || hal_graph_shape(g, grad, &grad_shape) != HAL_OK)
        return hal_graph_fail(
            g, INVALID, "hal_graph_adamw: parameter %u or its gradient is no value of this graph", p.id);
    if (g->values[p.id].origin != HAL_ORIGIN_VARIABLE)
        return hal_graph_fail(g, INVALID,
                              "hal_graph_adamw: \"%s\" is not a variable; only variables are trained",
                              g->values[p.id].name);
    return HAL_OK;
}

/* sqrt of the sum of squares of all gradients, 0-d f32. */
static hal_value norm_create(hal_graph *g, const hal_value *grads, uint32_t n)
{
    hal_value sum = HAL_NO_VALUE;
    for (uint32_t i = 0; i < n; i++) {
        hal_value part;
        if (hal_graph_node(g, HAL_OP_SQUARE_SUM, NULL, &grads[i], 1, &part, 1) != HAL_OK) return HAL_NO_VALUE;
        sum = i ? hal_graph_add(g, sum, part) : part;
    }
    return hal_graph_pointwise(g, "sqrt(x0)", &sum, 1);
}

/* The factor of every gradient: min(1, clip / (norm + 1e-6)), or 1. */
static hal_value scale_create(hal_graph *g, double clip, hal_value norm)
{
    char expression[96];
    if (clip == 0) return hal_graph_fill(g, 1.0, HAL_F32, 0, NULL);
    snprintf(expression, sizeof expression, "min(1, div(%.17g, add(x0, 1e-6)))", clip);
    /* Some locales write the point as a comma; the only other commas stand before blanks. */
    for (char *c = expression; *c; c++)
        if (*c == ',' && c[1] != ' ') *c = '.';
    return hal_graph_pointwise(g, expression, &norm, 1);
}

/* A state "<name of the parameter>.<suffix>" of its shape, in f32. */
static hal_value state_create(hal_graph *g, hal_value p, const char *suffix)
{
    const hal_value_record *record = &g->values[p.id];
    int64_t size[HAL_MAX_RANK] = {0};
    uint32_t rank = record->shape.rank;
    for (uint32_t d = 0; d < rank; d++) size[d] = record->shape.size[d].base;
    size_t length = strlen(record->name) + strlen(suffix) + 2;
    char *name = hal_allocate(&g->allocator, length);
    if (!name)
        return hal_graph_fail(g, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY),
                              "adamw: no host memory"),
               HAL_NO_VALUE;
    snprintf(name, length, "%s.%s", record->name, suffix);
    hal_value state = hal_graph_variable(g, name, HAL_F32, rank, size);
    /* The full name of the parameter counts, not the scope the optimiser is built in. */
    if (state.id && !hal_graph_name_give_full(g, state.id, name)) {
        hal_graph_fail(g, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), "adamw: no host memory for a name");
        state = HAL_NO_VALUE;
    }
    hal_deallocate(&g->allocator, name);
    return state;
}

static hal_status parameter_update(hal_graph *g, hal_value p, hal_value grad, hal_value scale,
                                   const hal_adamw_options *o)
{
    bool decays = o->decay_all || g->values[p.id].shape.rank >= 2;
    hal_adamw_attrs attrs = {HAL_HEAD(hal_adamw_attrs), .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps,
                             .decay = decays ? o->decay : 0.0};
    hal_value m = state_create(g, p, "m"), v = state_create(g, p, "v"), out[3];
    hal_value in[] = {p, grad, m, v, o->lr, o->step, scale};
    HAL_TRY(hal_graph_node(g, HAL_OP_ADAMW, &attrs, in, 7, out, 3));
    HAL_TRY(hal_graph_assign(g, p, out[0]));
    HAL_TRY(hal_graph_assign(g, m, out[1]));
    return hal_graph_assign(g, v, out[2]);
}

hal_status hal_graph_adamw(hal_graph *graph, const hal_value *params, const hal_value *grads, uint32_t n,
                           const hal_adamw_options *options, hal_value *norm)
{
    HAL_TRY(hal_graph_status(graph));
    HAL_TRY(options_check(graph, options));
    for (uint32_t i = 0; i < n; i++) HAL_TRY(parameter_check(graph, params[i], grads[i]));
    hal_value total = HAL_NO_VALUE, scale = HAL_NO_VALUE;
    if (n && options->clip > 0) total = norm_create(graph, grads, n);
    if (n) scale = scale_create(graph, options->clip, total);
    for (uint32_t i = 0; i < n; i++) HAL_TRY(parameter_update(graph, params[i], grads[i], scale, options));
    HAL_TRY(hal_graph_status(graph));
    if (norm) *norm = total;
    return HAL_OK;
}

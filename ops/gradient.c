/* SPDX-License-Identifier: Apache-2.0 */
/*
 * d loss / d value by one backward sweep. Nodes stand in topological order, so walking them backwards meets
 * every reader of a value before the node that makes it: its gradient is then the complete sum of what the
 * readers contributed.
 */
#include "builder.h"
#include "graph_names.h"

enum { MAX_ARITY = 16 };

typedef struct sweep {
    hal_graph *graph;
    uint32_t n_values, n_nodes;   /* before the sweep adds its own */
    bool *depends;                /* by value id: changes with one of the values asked for */
    hal_value *grad;              /* by value id */
} sweep;

/* Adds what one reader contributes, in the value's own dtype. */
static hal_status contribute(sweep *s, uint32_t id, hal_value part) {
    hal_shape want = hal_graph_value(s->graph, id)->shape;
    part = hal_build_cast(s->graph, part, want.dtype);
    HAL_TRY(hal_graph_status(s->graph));
    hal_shape have = hal_build_shape(part);
    if (!hal_shape_equal(&want, &have))
        return hal_graph_fail(s->graph, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL),
                              "gradient: what flows into \"%s\" has another shape than it; report this",
                              hal_graph_value(s->graph, id)->name);
    if (s->grad[id].id)
        part = hal_build_pointwise(s->graph, want.dtype, (hal_value[]){s->grad[id], part}, 2, "add(x0, x1)");
    s->grad[id] = part;
    return hal_graph_status(s->graph);
}

static hal_status unsupported(sweep *s, const hal_op_row *row, uint32_t first_out) {
    return hal_graph_fail(
        s->graph, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED),
        "gradient: \"%s\" is made by %s, which has no gradient; build it from rows that have one",
        hal_graph_value(s->graph, first_out)->name, row->info.name);
}

/* The node's view for its gradient function; false when nothing flows through the node. */
static bool call_fill(const sweep *s, const hal_node_record *node, hal_gradient_call *call, hal_value *in,
                      hal_value *out, hal_value *dout, bool *wanted) {
    bool flows = false, needed = false;
    for (uint32_t o = 0; o < node->n_out; o++) {
        out[o] = (hal_value){s->graph, node->first_out + o};
        dout[o] = s->grad[node->first_out + o];
        flows = flows || dout[o].id;
    }
    for (uint32_t i = 0; i < node->n_in; i++) {
        in[i] = node->in[i] ? (hal_value){s->graph, node->in[i]} : HAL_NO_VALUE;
        wanted[i] = node->in[i] && s->depends[node->in[i]];
        needed = needed || wanted[i];
    }
    *call = (hal_gradient_call){.graph = s->graph,
                                .attrs = node->attrs,
                                .n_in = node->n_in,
                                .n_out = node->n_out,
                                .in = in,
                                .out = out,
                                .dout = dout,
                                .wanted = wanted};
    return flows && needed;
}

static hal_status node_sweep(sweep *s, uint32_t id) {
    /* A copy: the array moves when nodes are added. */
    hal_node_record node = *hal_graph_node_at(s->graph, id);
    hal_value in[MAX_ARITY], out[MAX_ARITY], dout[MAX_ARITY], din[MAX_ARITY] = {HAL_NO_VALUE};
    uint32_t ids[MAX_ARITY];
    bool wanted[MAX_ARITY];
    hal_gradient_call call;
    if (!call_fill(s, &node, &call, in, out, dout, wanted)) return HAL_OK;
    for (uint32_t i = 0; i < node.n_in; i++) ids[i] = in[i].id;
    const hal_op_row *row = hal_op_row_get(node.op);
    if (!row || !row->gradient) return unsupported(s, row, node.first_out);
    call.din = din;
    hal_status status = row->gradient(&call);
    if (status != HAL_OK && s->graph->status == HAL_OK)
        hal_graph_fail(s->graph, status, "%s", hal_status_last()->text);
    HAL_TRY(status);
    HAL_TRY(hal_graph_status(s->graph));
    for (uint32_t i = 0; i < node.n_in; i++)
        if (wanted[i] && din[i].id) HAL_TRY(contribute(s, ids[i], din[i]));
    return HAL_OK;
}

/* Marks what changes with a value asked for; integers carry no gradient. */
static void depends_mark(sweep *s, const hal_value *wrt, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) s->depends[wrt[i].id] = true;
    for (uint32_t id = 1; id < s->n_nodes; id++) {
        const hal_node_record *node = hal_graph_node_at(s->graph, id);
        bool any = false;
        for (uint32_t i = 0; i < node->n_in; i++) any = any || (node->in[i] && s->depends[node->in[i]]);
        for (uint32_t o = 0; any && o < node->n_out; o++) {
            uint32_t out = node->first_out + o;
            if (hal_dtype_is_float(hal_graph_value(s->graph, out)->shape.dtype)) s->depends[out] = true;
        }
    }
}

static hal_status arguments_check(hal_graph *g, hal_value loss, const hal_value *wrt, uint32_t n) {
    if (!g)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_graph_gradient: the graph is NULL; pass the graph that was created");
    HAL_TRY(hal_graph_status(g));
    hal_status invalid = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT);
    if (!loss.id || loss.graph != g || loss.id >= g->n_values)
        return hal_graph_fail(g, invalid,
                              "gradient: the loss is no value of this graph; pass one it returned");
    hal_shape shape = hal_build_shape(loss);
    if (shape.rank != 0 || !hal_dtype_is_float(shape.dtype))
        return hal_graph_fail(g, invalid, "gradient: the loss \"%s\" is no 0-d float; reduce it first",
                              hal_graph_name(g, loss));
    for (uint32_t i = 0; i < n; i++) {
        if (!wrt[i].id || wrt[i].graph != g || wrt[i].id >= g->n_values)
            return hal_graph_fail(g, invalid,
                                  "gradient: entry %u is no value of this graph; pass one it returned", i);
        if (!hal_dtype_is_float(hal_build_shape(wrt[i]).dtype))
            return hal_graph_fail(g, invalid,
                                  "gradient: \"%s\" holds no floats and has no gradient; leave it out",
                                  hal_graph_name(g, wrt[i]));
    }
    return HAL_OK;
}

/* Names the gradient "<name>.grad". A value that was there before, or has such a name already, is copied to
   carry it. */
static hal_status grad_name(sweep *s, hal_value wrt, uint32_t *named, uint32_t n_named, hal_value *grad) {
    bool taken = grad->id < s->n_values;
    for (uint32_t i = 0; i < n_named; i++) taken = taken || named[i] == grad->id;
    if (taken) *grad = hal_graph_copy(s->graph, *grad);
    HAL_TRY(hal_graph_status(s->graph));
    const char *base = hal_graph_name(s->graph, wrt);
    size_t size = strlen(base) + sizeof ".grad";
    char *full = hal_allocate(&s->graph->allocator, size);
    bool given = false;
    if (full) {
        snprintf(full, size, "%s.grad", base);
        given = hal_graph_name_give_full(s->graph, grad->id, full);
    }
    hal_deallocate(&s->graph->allocator, full);
    if (!given)
        return hal_graph_fail(s->graph, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY),
                              "gradient: no host memory for a name; free memory or use a larger allocator");
    named[n_named] = grad->id;
    return HAL_OK;
}

static hal_status sweep_run(sweep *s, hal_value loss, const hal_value *wrt, uint32_t n, uint32_t *named,
                            hal_value *result) {
    depends_mark(s, wrt, n);
    s->grad[loss.id] = hal_build_fill(s->graph, 1.0, hal_build_shape(loss).dtype, loss);
    HAL_TRY(hal_graph_status(s->graph));
    for (uint32_t id = s->n_nodes; id-- > 1;) HAL_TRY(node_sweep(s, id));
    for (uint32_t i = 0; i < n; i++) {
        result[i] = s->grad[wrt[i].id];
        if (!result[i].id) result[i] = hal_build_fill(s->graph, 0.0, hal_build_shape(wrt[i]).dtype, wrt[i]);
        HAL_TRY(hal_graph_status(s->graph));
        HAL_TRY(grad_name(s, wrt[i], named, i, &result[i]));
    }
    return HAL_OK;
}

hal_status hal_graph_gradient(hal_graph *graph, hal_value loss, const hal_value *wrt, uint32_t n,
                              hal_value *grads) {
    HAL_TRY(arguments_check(graph, loss, wrt, n));
    hal_allocator allocator = graph->allocator;
    sweep s = {.graph = graph, .n_values = graph->n_values, .n_nodes = graph->n_nodes};
    s.depends = hal_allocate_array(&allocator, s.n_values, sizeof *s.depends);
    s.grad = hal_allocate_array(&allocator, s.n_values, sizeof *s.grad);
    uint32_t *named = hal_allocate_array(&allocator, n ? n : 1, sizeof *named);
    hal_value *result = hal_allocate_array(&allocator, n ? n : 1, sizeof *result);
    hal_status status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (s.depends && s.grad && named && result) status = sweep_run(&s, loss, wrt, n, named, result);
    for (uint32_t i = 0; status == HAL_OK && i < n; i++) grads[i] = result[i];
    hal_deallocate(&allocator, s.depends);
    hal_deallocate(&allocator, s.grad);
    hal_deallocate(&allocator, named);
    hal_deallocate(&allocator, result);
    return status;
}

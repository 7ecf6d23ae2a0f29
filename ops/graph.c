/* SPDX-License-Identifier: Apache-2.0 */
/* A graph's life, its sources (symbols, inputs, variables), its sinks (outputs, assignments) and its nodes.
 */
#include <ops/graph_internal.h>
#include <ops/graph_names.h>
#include <ops/shape.h>
#include <hal/core.h>
#include <stdarg.h>
#include <stdlib.h>

hal_status hal_graph_create(const hal_allocator *allocator, hal_graph **graph)
{
    hal_graph *g = hal_allocate(allocator, sizeof *g);
    if (!g) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (allocator) g->allocator = *allocator;
    g->references = 1;
    g->scope = hal_string_copy(&g->allocator, "");
    bool ok = g->scope &&
              hal_array_grow(&g->allocator, (void **)&g->values, 0, &g->values_capacity, sizeof *g->values) &&
              hal_array_grow(&g->allocator, (void **)&g->nodes, 0, &g->nodes_capacity, sizeof *g->nodes);
    g->n_values = g->n_nodes = 1;
    if (!ok) {
        hal_graph_release(g);
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    memset(&g->values[0], 0, sizeof g->values[0]);
    memset(&g->nodes[0], 0, sizeof g->nodes[0]);
    *graph = g;
    return HAL_OK;
}

hal_graph *hal_graph_retain(hal_graph *graph)
{
    if (graph) graph->references++;
    return graph;
}

static void node_clear(const hal_allocator *allocator, hal_node_record *node)
{
    hal_deallocate(allocator, node->attrs);
    hal_deallocate(allocator, node->in);
    hal_deallocate(allocator, node->names);
}

void hal_graph_release(hal_graph *graph)
{
    if (!graph || --graph->references) return;
    hal_allocator allocator = graph->allocator;
    for (uint32_t i = 1; graph->values && i < graph->n_values; i++)
        hal_deallocate(&allocator, graph->values[i].name);
    for (uint32_t i = 1; graph->nodes && i < graph->n_nodes; i++) node_clear(&allocator, &graph->nodes[i]);
    for (uint32_t i = 0; i < graph->n_symbols; i++) hal_deallocate(&allocator, graph->symbols[i].name);
    hal_deallocate(&allocator, graph->values);
    hal_deallocate(&allocator, graph->nodes);
    hal_deallocate(&allocator, graph->symbols);
    hal_deallocate(&allocator, graph->scope);
    hal_deallocate(&allocator, graph->hash);
    hal_deallocate(&allocator, graph);
}

hal_status hal_graph_fail(hal_graph *graph, hal_status status, const char *format, ...)
{
    char text[sizeof graph->failure];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (graph->status == HAL_OK) {
        graph->status = status;
        memcpy(graph->failure, text, sizeof text);
    }
    return hal_status_set(status, __FILE__, __LINE__, "%s", text);
}

hal_status hal_graph_status(const hal_graph *graph)
{
    if (!graph)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_graph_status: the graph is NULL; pass the graph that was created");
    if (graph->status == HAL_OK) return HAL_OK;
    return hal_status_set(graph->status, __FILE__, __LINE__, "%s", graph->failure);
}

#define INVALID HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT)
#define NO_MEMORY HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY)

static hal_status no_memory(hal_graph *g, const char *what)
{
    return hal_graph_fail(g, NO_MEMORY, "graph: no host memory for %s; free memory or use a larger allocator",
                          what);
}

/* Appends a value record without a name; 0 when out of memory. */
static uint32_t value_append(hal_graph *g, hal_origin origin, const hal_shape *shape)
{
    if (g->n_values == UINT32_MAX || !hal_array_grow(&g->allocator, (void **)&g->values, g->n_values,
                                                     &g->values_capacity, sizeof *g->values))
        return 0;
    uint32_t id = g->n_values;
    g->values[id] = (hal_value_record){.shape = *shape, .origin = origin};
    g->n_values++;
    return id;
}

/* Drops the values from `first` on, which nothing refers to yet. */
static void values_drop(hal_graph *g, uint32_t first)
{
    while (g->n_values > first) {
        uint32_t id = g->n_values - 1;
        if (g->values[id].name) hal_graph_name_remove(g, id);
        hal_deallocate(&g->allocator, g->values[id].name);
        g->n_values--;
    }
}

static uint32_t value_create(hal_graph *g, hal_origin origin, const hal_shape *shape, const char *name)
{
    uint32_t id = value_append(g, origin, shape);
    if (!id) return 0;
    if (hal_graph_name_give(g, id, name)) return id;
    values_drop(g, id);
    return 0;
}

/* ------------------------------------------------------------------------------------------- sources -- */

static hal_dim symbol_fail(hal_graph *g, const char *name, const char *why)
{
    hal_graph_fail(g, INVALID, "symbol \"%s\": %s", name ? name : "(null)", why);
    return hal_dim_constant(0);
}

hal_dim hal_graph_symbol(hal_graph *graph, const char *name, int64_t min, int64_t max, int64_t multiple)
{
    hal_graph *g = graph;
    if (!g || g->status != HAL_OK) return hal_dim_constant(0);
    if (!name || !*name) return symbol_fail(g, name, "the name is empty; give it one");
    if (min < 0 || max < min || multiple < 1 || min % multiple || max % multiple)
        return symbol_fail(
            g, name, "0 <= min <= max and multiple >= 1 must hold, and multiple must divide min and max");
    for (uint32_t i = 0; i < g->n_symbols; i++)
        if (!strcmp(g->symbols[i].name, name))
            return symbol_fail(g, name, "the name is taken; give each symbol its own");
    if (g->n_symbols == INT32_MAX || !hal_array_grow(&g->allocator, (void **)&g->symbols, g->n_symbols,
                                                     &g->symbols_capacity, sizeof *g->symbols))
        return no_memory(g, "a symbol"), hal_dim_constant(0);
    char *copy = hal_string_copy(&g->allocator, name);
    if (!copy) return no_memory(g, "a symbol"), hal_dim_constant(0);
    g->symbols[g->n_symbols] = (hal_symbol_record){copy, min, max, multiple};
    return (hal_dim){.base = 0, .factor = 1, .symbol = (int32_t)g->n_symbols++};
}

/* Smallest and largest value of a size; false when one overflows or the symbol is unknown. */
static bool dim_range(const hal_graph *g, hal_dim d, int64_t *low, int64_t *high)
{
    *low = *high = d.base;
    if (d.symbol < 0) return d.factor == 0;
    if ((uint32_t)d.symbol >= g->n_symbols) return false;
    const hal_symbol_record *s = &g->symbols[d.symbol];
    int64_t a, b;
    if (__builtin_mul_overflow(d.factor, s->min, &a) || __builtin_mul_overflow(d.factor, s->max, &b))
        return false;
    if (__builtin_add_overflow(a, d.base, &a) || __builtin_add_overflow(b, d.base, &b)) return false;
    *low = a < b ? a : b;
    *high = a < b ? b : a;
    return true;
}

/* Bytes of the largest instance of a shape must fit in int64, so that no later product of sizes can overflow.
 */
static hal_status shape_check(const hal_graph *g, const hal_shape *shape, const char *what)
{
    const hal_dtype_info *dtype = hal_dtype_describe(shape->dtype);
    if (!dtype)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: dtype %d is unknown; use one of hal/dtypes.def", what,
                        (int)shape->dtype);
    int64_t elements = 1;
    for (uint32_t d = 0; d < shape->rank; d++) {
        int64_t low, high;
        if (!dim_range(g, shape->size[d], &low, &high) || low < 0)
            return HAL_FAIL(INVALID_ARGUMENT, "%s: size %u is negative or names no symbol of this graph",
                            what, d);
        if (high > 0 && __builtin_mul_overflow(elements, high, &elements))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "%s: the number of elements overflows 64 bits at size %u; use smaller sizes",
                            what, d);
    }
    int64_t bytes;
    if (__builtin_mul_overflow(elements, (int64_t)dtype->block_bytes, &bytes))
        return HAL_FAIL(INVALID_ARGUMENT, "%s: the number of bytes overflows 64 bits; use smaller sizes",
                        what);
    return HAL_OK;
}

static hal_value source_create(hal_graph *g, hal_origin origin, const char *name, const hal_shape *shape)
{
    const char *what = name && *name ? name : origin == HAL_ORIGIN_INPUT ? "input" : "variable";
    hal_status status = shape_check(g, shape, what);
    if (status != HAL_OK) return hal_graph_fail(g, status, "%s", hal_status_last()->text), HAL_NO_VALUE;
    uint32_t id = value_create(g, origin, shape, what);
    if (!id) return no_memory(g, what), HAL_NO_VALUE;
    return (hal_value){g, id};
}

static bool source_possible(hal_graph *g, const char *what, const char *name, uint32_t rank, const void *size)
{
    if (!g || g->status != HAL_OK) return false;
    if (rank <= HAL_MAX_RANK && (size || !rank)) return true;
    hal_graph_fail(g, INVALID, "%s \"%s\": rank %u is above %d, or sizes are NULL", what, name ? name : "",
                   rank, HAL_MAX_RANK);
    return false;
}

hal_value hal_graph_input(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank,
                          const hal_dim *size)
{
    if (!source_possible(graph, "input", name, rank, size)) return HAL_NO_VALUE;
    hal_shape shape = {.dtype = dtype, .rank = rank};
    for (uint32_t d = 0; d < rank; d++) shape.size[d] = size[d];
    return source_create(graph, HAL_ORIGIN_INPUT, name, &shape);
}

hal_value hal_graph_variable(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank,
                             const int64_t *size)
{
    if (!source_possible(graph, "variable", name, rank, size)) return HAL_NO_VALUE;
    hal_shape shape = {.dtype = dtype, .rank = rank};
    for (uint32_t d = 0; d < rank; d++) shape.size[d] = hal_dim_constant(size[d]);
    return source_create(graph, HAL_ORIGIN_VARIABLE, name, &shape);
}

/* --------------------------------------------------------------------------------------------- sinks -- */

static bool value_belongs(const hal_graph *g, hal_value value)
{
    return value.id && value.id < g->n_values && value.graph == g;
}

static hal_status value_check(hal_graph *g, const char *call, hal_value value)
{
    if (!g) return HAL_FAIL(INVALID_ARGUMENT, "%s: the graph is NULL; pass the graph that was created", call);
    if (g->status != HAL_OK) return hal_graph_status(g);
    if (value_belongs(g, value)) return HAL_OK;
    return hal_graph_fail(g, INVALID, "%s: value %u does not belong to this graph; pass a value it returned",
                          call, value.id);
}

static hal_status assign_check(hal_graph *g, const hal_value_record *variable, const hal_value_record *value)
{
    if (variable->origin != HAL_ORIGIN_VARIABLE)
        return hal_graph_fail(g, INVALID,
                              "assign to \"%s\": it is not a variable; make it with hal_graph_variable",
                              variable->name);
    if (variable->assigned)
        return hal_graph_fail(
            g, INVALID, "assign to \"%s\": it is already assigned \"%s\"; assign once a variable and graph",
            variable->name, g->values[variable->assigned].name);
    if (!hal_shape_equal(&variable->shape, &value->shape))
        return hal_graph_fail(
            g, INVALID, "assign \"%s\" to \"%s\": dtype and shape differ; cast or reshape the value first",
            value->name, variable->name);
    return HAL_OK;
}

hal_status hal_graph_assign(hal_graph *graph, hal_value variable, hal_value value)
{
    HAL_TRY(value_check(graph, "hal_graph_assign", variable));
    HAL_TRY(value_check(graph, "hal_graph_assign", value));
    HAL_TRY(assign_check(graph, &graph->values[variable.id], &graph->values[value.id]));
    graph->values[variable.id].assigned = value.id;
    return HAL_OK;
}

hal_status hal_graph_output(hal_graph *graph, hal_value value)
{
    HAL_TRY(value_check(graph, "hal_graph_output", value));
    graph->values[value.id].output = true;
    return HAL_OK;
}

hal_status hal_graph_shape(const hal_graph *graph, hal_value value, hal_shape *shape)
{
    if (!graph || !value_belongs(graph, value))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_graph_shape: value %u does not belong to this graph; pass one it returned",
                        value.id);
    *shape = graph->values[value.id].shape;
    return HAL_OK;
}

uint32_t hal_graph_node_count(const hal_graph *graph)
{
    return graph ? graph->n_nodes - 1 : 0;
}

/* --------------------------------------------------------------------------------------------- nodes -- */

#define MAX_IN 16
#define MAX_OUT 16

static hal_status counts_check(const hal_op_info *op, uint32_t n_in, uint32_t n_out)
{
    if (n_in < op->min_inputs || n_in > op->max_inputs)
        return HAL_FAIL(INVALID_ARGUMENT, "%u inputs were given, %u to %u are needed", n_in, op->min_inputs,
                        op->max_inputs);
    if (n_out < op->min_outputs || n_out > op->max_outputs)
        return HAL_FAIL(INVALID_ARGUMENT, "%u outputs were asked, it has %u to %u", n_out, op->min_outputs,
                        op->max_outputs);
    return HAL_OK;
}

static hal_status inputs_check(const hal_graph *g, const hal_value *inputs, uint32_t n, hal_shape *shapes)
{
    for (uint32_t i = 0; i < n; i++) {
        memset(&shapes[i], 0, sizeof shapes[i]);
        if (!inputs[i].id) continue;
        if (!value_belongs(g, inputs[i]))
            return HAL_FAIL(INVALID_ARGUMENT, "input %u belongs to another graph; use values of one graph",
                            i);
        shapes[i] = g->values[inputs[i].id].shape;
    }
    return HAL_OK;
}

/* Appends the node's own record; its outputs follow. */
static bool node_append(hal_graph *g, const hal_op_info *op, const void *attrs, const hal_value *inputs,
                        uint32_t n_in, uint32_t n_out)
{
    if (!hal_array_grow(&g->allocator, (void **)&g->nodes, g->n_nodes, &g->nodes_capacity, sizeof *g->nodes))
        return false;
    hal_node_record node = {.op = op->number, .n_in = n_in, .n_out = n_out, .first_out = g->n_values};
    node.attrs = hal_allocate(&g->allocator, op->attrs_size);
    node.in = hal_allocate_array(&g->allocator, n_in ? n_in : 1, sizeof *node.in);
    if (!node.attrs || !node.in) {
        node_clear(&g->allocator, &node);
        return false;
    }
    memcpy(node.attrs, attrs, op->attrs_size);
    for (uint32_t i = 0; i < n_in; i++) node.in[i] = inputs[i].id;
    g->nodes[g->n_nodes++] = node;
    return true;
}

static bool outputs_append(hal_graph *g, const hal_op_info *op, const hal_shape *shapes, uint32_t n_out)
{
    uint32_t node = g->n_nodes - 1, first = g->n_values;
    for (uint32_t i = 0; i < n_out; i++) {
        uint32_t id = value_create(g, HAL_ORIGIN_NODE, &shapes[i], op->name);
        if (!id) {
            values_drop(g, first);
            return false;
        }
        g->values[id].node = node;
        g->values[id].index = i;
    }
    return true;
}

/* Rules that need the range of a symbol: what a slice or top_k takes must be there at the symbol's least
 * value. */
static hal_status symbols_check(const hal_graph *g, const hal_op_info *op, const void *attrs,
                                const hal_shape *x)
{
    int64_t low, high, last, axis = -1;
    if (op->number == HAL_OP_SLICE) {
        const hal_slice_attrs *slice = attrs;
        axis = slice->axis;
        last = slice->size ? slice->start + (slice->size - 1) * slice->step : slice->start - 1;
    } else if (op->number == HAL_OP_TOP_K) {
        last = ((const hal_top_k_attrs *)attrs)->k - 1;
    } else {
        return HAL_OK;
    }
    hal_dim size = x->size[axis < 0 ? axis + (int64_t)x->rank : axis];
    if (dim_range(g, size, &low, &high) && low > last) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "element %lld of an axis is taken that may have fewer; raise the symbol's least value",
                    (long long)last);
}

static hal_status node_create(hal_graph *g, const hal_op_info *op, const void *attrs, const hal_value *inputs,
                              uint32_t n_in, hal_value *outputs, uint32_t n_out)
{
    hal_shape in[MAX_IN], out[MAX_OUT];
    memset(out, 0, sizeof out);
    HAL_TRY(counts_check(op, n_in, n_out));
    if ((n_in && !inputs) || !outputs)
        return HAL_FAIL(INVALID_ARGUMENT, "the array of inputs or of outputs is NULL");
    HAL_TRY(inputs_check(g, inputs, n_in, in));
    HAL_TRY(hal_op_shape(op->number, attrs, in, n_in, out, n_out));
    HAL_TRY(symbols_check(g, op, attrs, in));
    for (uint32_t i = 0; i < n_out; i++) HAL_TRY(shape_check(g, &out[i], "output"));
    if (!node_append(g, op, attrs, inputs, n_in, n_out))
        return HAL_FAIL(OUT_OF_MEMORY, "no host memory for the node");
    if (!outputs_append(g, op, out, n_out)) {
        node_clear(&g->allocator, &g->nodes[--g->n_nodes]);
        return HAL_FAIL(OUT_OF_MEMORY, "no host memory for its outputs");
    }
    for (uint32_t i = 0; i < n_out; i++) outputs[i] = (hal_value){g, g->nodes[g->n_nodes - 1].first_out + i};
    return HAL_OK;
}

/* Adds the node's name and its inputs' to a failure. */
static hal_status node_fail(hal_graph *g, const char *op, const hal_value *inputs, uint32_t n,
                            hal_status status)
{
    char cause[sizeof g->failure], full[128], in[160] = "";
    hal_graph_name_join(g, op, full, sizeof full);
    snprintf(cause, sizeof cause, "%s", hal_status_last()->text);
    size_t used = 0;
    for (uint32_t i = 0; i < n && used < sizeof in; i++) {
        bool known = value_belongs(g, inputs[i]);
        used += (size_t)snprintf(in + used, sizeof in - used, "%s%s", i ? ", " : "",
                                 known ? g->values[inputs[i].id].name : "-");
    }
    return hal_graph_fail(g, status, "%s(%s): %s", full, in, cause);
}

/* What both roads do before a node: empties the outputs and passes an earlier failure on. */
static hal_status node_begin(hal_graph *g, hal_value *outputs, uint32_t n)
{
    for (uint32_t i = 0; outputs && i < n; i++) outputs[i] = HAL_NO_VALUE;
    if (!g)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_graph_op: the graph is NULL; pass the graph that was created");
    return hal_graph_status(g);
}

hal_status hal_graph_node(hal_graph *graph, uint32_t op, const void *attrs, const hal_value *inputs,
                          uint32_t n_inputs, hal_value *outputs, uint32_t n_outputs)
{
    HAL_TRY(node_begin(graph, outputs, n_outputs));
    const hal_op_info *info = hal_op_describe(op);
    if (!info)
        return hal_graph_fail(graph, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND),
                              "operator %u is not in the table", op);
    hal_attrs_storage defaults;
    hal_status status = HAL_OK;
    if (attrs) status = hal_attrs_check(info, attrs);
    else hal_attrs_default(info, &defaults);
    if (status == HAL_OK)
        status = node_create(graph, info, attrs ? attrs : &defaults, inputs, n_inputs, outputs, n_outputs);
    return status == HAL_OK ? HAL_OK : node_fail(graph, info->name, inputs, n_inputs, status);
}

hal_status hal_graph_op(hal_graph *graph, const char *name, const hal_attr *attrs, uint32_t n_attrs,
                        const hal_value *inputs, uint32_t n_inputs, hal_value *outputs, uint32_t n_outputs)
{
    HAL_TRY(node_begin(graph, outputs, n_outputs));
    const hal_op_info *info = name ? hal_op_find(name) : NULL;
    if (!info)
        return hal_graph_fail(graph, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND),
                              "operator \"%s\" is not in the table; did you mean \"%s\"?", name ? name : "",
                              hal_op_nearest(name ? name : ""));
    hal_attrs_storage storage;
    hal_attrs_default(info, &storage);
    hal_dtype dtype =
        n_inputs && value_belongs(graph, inputs[0]) ? graph->values[inputs[0].id].shape.dtype : HAL_F32;
    hal_status status = hal_attrs_set(info, attrs, n_attrs, dtype, &storage);
    if (status == HAL_OK) status = node_create(graph, info, &storage, inputs, n_inputs, outputs, n_outputs);
    return status == HAL_OK ? HAL_OK : node_fail(graph, name, inputs, n_inputs, status);
}

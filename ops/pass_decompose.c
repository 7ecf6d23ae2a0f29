/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rebuilds a graph with some composite nodes written as simpler rows. Every decomposition of this library is
 * made of primitives only (a unit test checks that), so one round is enough whether or not the caller asks
 * for primitives.
 */
#include "builder.h"
#include "graph_names.h"

enum { MAX_ARITY = 16 };

/* Nodes made for `node` carry the names of what they came from. */
static hal_status names_copy(const hal_graph *from, const hal_node_record *node, hal_graph *to,
                             uint32_t first) {
    const char *names = node->names ? node->names : hal_graph_value(from, node->first_out)->name;
    for (uint32_t id = first; id < to->n_nodes; id++) {
        hal_node_record *made = hal_graph_node_at(to, id);
        made->names = hal_string_copy(&to->allocator, names);
        if (!made->names) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    return HAL_OK;
}

/* A new value takes the old one's name, unless it is one that was there before the node. */
static hal_status outputs_map(const hal_graph *from, const hal_node_record *node, hal_graph *to,
                              uint32_t first_value, const hal_value *out, uint32_t *map) {
    for (uint32_t o = 0; o < node->n_out; o++) {
        uint32_t old = node->first_out + o;
        map[old] = out[o].id;
        if (out[o].id >= first_value &&
            !hal_graph_name_give_full(to, out[o].id, hal_graph_value(from, old)->name))
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    return HAL_OK;
}

static hal_status decompose(const hal_graph *from, const hal_node_record *node, const hal_op_row *row,
                            hal_graph *to, const hal_value *in, hal_value *out) {
    hal_decompose_call call = {
        .graph = to, .attrs = node->attrs, .n_in = node->n_in, .n_out = node->n_out, .in = in, .out = out};
    hal_graph_push(to, "%s", hal_graph_value(from, node->first_out)->name);
    hal_status status = row->decompose(&call);
    hal_graph_pop(to);
    return status;
}

static hal_status node_copy(const hal_graph *from, uint32_t id, bool apart, hal_graph *to, uint32_t *map) {
    const hal_node_record *node = hal_graph_node_at(from, id);
    const hal_op_row *row = hal_op_row_get(node->op);
    hal_value in[MAX_ARITY], out[MAX_ARITY] = {HAL_NO_VALUE};
    uint32_t first_node = to->n_nodes, first_value = to->n_values;
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? (hal_value){to, map[node->in[i]]} : HAL_NO_VALUE;
    if (apart && row && row->decompose) HAL_TRY(decompose(from, node, row, to, in, out));
    else HAL_TRY(hal_graph_node(to, node->op, node->attrs, in, node->n_in, out, node->n_out));
    HAL_TRY(names_copy(from, node, to, first_node));
    return outputs_map(from, node, to, first_value, out, map);
}

static hal_status sinks_copy(const hal_graph *from, hal_graph *to, const uint32_t *map) {
    for (uint32_t id = 1; id < from->n_values; id++) {
        const hal_value_record *value = hal_graph_value(from, id);
        if (value->output) HAL_TRY(hal_graph_output(to, (hal_value){to, map[id]}));
        if (value->assigned)
            HAL_TRY(hal_graph_assign(to, (hal_value){to, map[id]}, (hal_value){to, map[value->assigned]}));
    }
    return HAL_OK;
}

static hal_status pass_run(const hal_graph *from, const bool *apart, hal_graph *to, uint32_t *map) {
    memset(map, 0, from->n_values * sizeof *map);
    HAL_TRY(hal_graph_copy_sources(from, to, map));
    for (uint32_t id = 1; id < from->n_nodes; id++) HAL_TRY(node_copy(from, id, apart[id], to, map));
    return sinks_copy(from, to, map);
}

hal_status hal_pass_decompose(const hal_graph *from, const bool *decompose_node, bool primitives_only,
                              hal_graph **to, uint32_t *map) {
    (void)primitives_only;
    hal_graph *made;
    HAL_TRY(hal_graph_status(from));
    HAL_TRY(hal_graph_create(&from->allocator, &made));
    hal_status status = pass_run(from, decompose_node, made, map);
    if (status != HAL_OK) {
        hal_graph_release(made);
        return status;
    }
    *to = made;
    return HAL_OK;
}

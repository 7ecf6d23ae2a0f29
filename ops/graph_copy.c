/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding graphs node by node; see graph_copy.h. */
#include <ops/graph_copy.h>
#include <ops/graph_names.h>
#include <hal/core.h>

#define NO_MEMORY HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY)

static hal_status source_copy(const hal_graph *from, uint32_t id, hal_graph *to, uint32_t *map)
{
    const hal_value_record *old = &from->values[id];
    hal_value value;
    if (old->origin == HAL_ORIGIN_INPUT) {
        value = hal_graph_input(to, old->name, old->shape.dtype, old->shape.rank, old->shape.size);
    } else {
        int64_t size[HAL_MAX_RANK] = {0};
        for (uint32_t d = 0; d < old->shape.rank; d++) size[d] = old->shape.size[d].base;
        value = hal_graph_variable(to, old->name, old->shape.dtype, old->shape.rank, size);
    }
    map[id] = value.id;
    return hal_graph_status(to);
}

hal_status hal_graph_copy_sources(const hal_graph *from, hal_graph *to, uint32_t *map)
{
    memset(map, 0, from->n_values * sizeof *map);
    for (uint32_t i = 0; i < from->n_symbols; i++) {
        const hal_symbol_record *s = &from->symbols[i];
        hal_graph_symbol(to, s->name, s->min, s->max, s->multiple);
    }
    for (uint32_t id = 1; id < from->n_values; id++)
        if (from->values[id].origin != HAL_ORIGIN_NODE) HAL_TRY(source_copy(from, id, to, map));
    return hal_graph_status(to);
}

hal_status hal_graph_copy_begin(const hal_graph *from, hal_graph **to, uint32_t *map)
{
    hal_graph *g;
    HAL_TRY(hal_graph_status(from));
    HAL_TRY(hal_graph_create(&from->allocator, &g));
    hal_status status = hal_graph_copy_sources(from, g, map);
    if (status != HAL_OK) {
        hal_graph_release(g);
        return status;
    }
    *to = g;
    return HAL_OK;
}

hal_status hal_graph_copy_names(const hal_graph *from, const uint32_t *old, uint32_t n, hal_graph *to,
                                uint32_t *map)
{
    uint32_t first = to->nodes[to->n_nodes - 1].first_out;
    const char *names[16];
    for (uint32_t i = 0; i < n; i++) {
        names[i] = from->values[old[i]].name;
        map[old[i]] = first + i;
    }
    if (hal_graph_names_replace(to, first, n, names)) return HAL_OK;
    return hal_graph_fail(to, NO_MEMORY, "graph: no host memory for names; free memory");
}

hal_status hal_graph_copy_node(const hal_graph *from, uint32_t node, hal_graph *to, uint32_t *map)
{
    const hal_node_record *old = &from->nodes[node];
    hal_value in[16], out[16];
    uint32_t ids[16];
    for (uint32_t i = 0; i < old->n_in; i++) in[i] = (hal_value){to, old->in[i] ? map[old->in[i]] : 0};
    for (uint32_t i = 0; i < old->n_out; i++) ids[i] = old->first_out + i;
    HAL_TRY(hal_graph_node(to, old->op, old->attrs, in, old->n_in, out, old->n_out));
    HAL_TRY(hal_graph_copy_names(from, ids, old->n_out, to, map));
    if (!old->names) return HAL_OK;
    char *names = hal_string_copy(&to->allocator, old->names);
    if (!names) return hal_graph_fail(to, NO_MEMORY, "graph: no host memory for names; free memory");
    to->nodes[to->n_nodes - 1].names = names;
    return HAL_OK;
}

hal_status hal_graph_copy_sinks(const hal_graph *from, hal_graph *to, const uint32_t *map)
{
    for (uint32_t id = 1; id < from->n_values; id++) {
        const hal_value_record *value = &from->values[id];
        if (value->output) HAL_TRY(hal_graph_output(to, (hal_value){to, map[id]}));
        if (value->assigned)
            HAL_TRY(hal_graph_assign(to, (hal_value){to, map[id]}, (hal_value){to, map[value->assigned]}));
    }
    return HAL_OK;
}

const char *hal_graph_node_names(const hal_graph *graph, uint32_t node)
{
    const hal_node_record *n = &graph->nodes[node];
    return n->names ? n->names : graph->values[n->first_out].name;
}

static void mark(const hal_graph *g, uint32_t value, bool *live)
{
    if (value && g->values[value].origin == HAL_ORIGIN_NODE) live[g->values[value].node] = true;
}

void hal_graph_mark_live(const hal_graph *graph, bool *live)
{
    for (uint32_t id = 1; id < graph->n_values; id++) {
        if (graph->values[id].output) mark(graph, id, live);
        mark(graph, graph->values[id].assigned, live);
    }
    /* Inputs of a node lie before it, so one sweep from the end reaches all. */
    for (uint32_t n = graph->n_nodes; n-- > 1;)
        for (uint32_t i = 0; live[n] && i < graph->nodes[n].n_in; i++)
            mark(graph, graph->nodes[n].in[i], live);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See interpret.h. */
#include "tests/unit/interpret.h"

#include <hal/core.h>
#include <stdlib.h>

enum { MAX_ARITY = 16 };

struct interpretation {
    const hal_graph *graph;
    hal_tensor *values;   /* by value id */
    uint32_t n_values;
};

static hal_status value_create(const hal_graph *graph, uint32_t id, const int64_t *symbols,
                               hal_tensor *tensor) {
    const hal_shape *shape = &hal_graph_value(graph, id)->shape;
    int64_t size[HAL_MAX_RANK];
    uint64_t bytes;
    for (uint32_t d = 0; d < shape->rank; d++) size[d] = hal_dim_value(shape->size[d], symbols);
    HAL_TRY(hal_tensor_bytes(shape->dtype, shape->rank, size, &bytes));
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) return HAL_FAIL(OUT_OF_MEMORY, "interpret: no memory for value %u", id);
    *tensor = hal_tensor_host(memory, shape->dtype, shape->rank, size);
    return HAL_OK;
}

hal_status interpret_create(const hal_graph *graph, const int64_t *symbols, interpretation **result) {
    interpretation *it = calloc(1, sizeof *it);
    if (!it) return HAL_FAIL(OUT_OF_MEMORY, "interpret: no memory");
    it->graph = graph;
    it->n_values = graph->n_values;
    it->values = calloc(graph->n_values, sizeof *it->values);
    hal_status status = it->values ? HAL_OK : HAL_FAIL(OUT_OF_MEMORY, "interpret: no memory");
    for (uint32_t id = 1; status == HAL_OK && id < it->n_values; id++)
        status = value_create(graph, id, symbols, &it->values[id]);
    if (status == HAL_OK) *result = it;
    else interpret_destroy(it);
    return status;
}

void interpret_destroy(interpretation *it) {
    if (!it) return;
    for (uint32_t id = 1; it->values && id < it->n_values; id++) free(it->values[id].host);
    free(it->values);
    free(it);
}

int64_t interpret_count(const interpretation *it, hal_value value) {
    return hal_tensor_elements(&it->values[value.id]);
}

hal_tensor interpret_tensor(const interpretation *it, hal_value value) { return it->values[value.id]; }

void interpret_set(interpretation *it, hal_value value, const double *numbers) {
    const hal_tensor *t = &it->values[value.id];
    for (int64_t i = 0; i < hal_tensor_elements(t); i++) hal_element_store(t->dtype, t->host, i, numbers[i]);
}

void interpret_get(const interpretation *it, hal_value value, double *numbers) {
    const hal_tensor *t = &it->values[value.id];
    for (int64_t i = 0; i < hal_tensor_elements(t); i++) numbers[i] = hal_element_load(t->dtype, t->host, i);
}

static hal_status node_run(interpretation *it, const hal_node_record *node) {
    hal_tensor in[MAX_ARITY], out[MAX_ARITY];
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? it->values[node->in[i]] : (hal_tensor){.dtype = HAL_NO_DTYPE};
    for (uint32_t o = 0; o < node->n_out; o++) out[o] = it->values[node->first_out + o];
    return hal_op_reference(node->op, node->attrs, in, node->n_in, out, node->n_out, NULL);
}

hal_status interpret_run(interpretation *it) {
    for (uint32_t id = 1; id < it->graph->n_nodes; id++)
        HAL_TRY(node_run(it, hal_graph_node_at(it->graph, id)));
    return HAL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs computed over bytes that are there already: the variable they are assigned to, or an operand that
 * dies.
 *
 * A variable may be overwritten by any op once nothing reads its old content any more. An op that itself
 * reads the old content has to be one that says so, and read it element by element: the same view, nothing
 * else.
 */
#include "plan_internal.h"

/* Whether `op` may write output k over input i. */
static bool permitted(uint32_t op, uint32_t i, uint32_t k)
{
    static const uint32_t adamw[] = {0, 2, 3}, sgd[] = {0, 2};
    switch (op) {
    case HAL_OP_POINTWISE: return true;
    case HAL_OP_CROSS_ENTROPY_GRAD: return i == 1;
    case HAL_OP_SET_ROWS: return i == 0;
    case HAL_OP_ADAMW: return i == adamw[k];
    case HAL_OP_SGD: return i == sgd[k];
    default: return false;
    }
}

static bool same_shape(const hal_shape *a, const hal_shape *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (!hal_dim_equal(a->size[d], b->size[d]))
            return false;
    return true;
}

/* Whether `value`, a view, is element by element what `out`, row-major, is. */
static bool same_view(const hal_plan *plan, uint32_t value, uint32_t out)
{
    const hal_shape *shape = &hal_graph_value(plan->graph, out)->shape;
    const hal_view *a = &plan->views[value], *b = &plan->views[out];
    if (a->offset || !same_shape(&hal_graph_value(plan->graph, value)->shape, shape))
        return false;
    for (uint32_t d = 0; d < shape->rank; d++)
        if (!hal_dim_equal(a->stride[d], b->stride[d]))
            return false;
    return true;
}

/* Whether every operand of the node that reads `root` may be overwritten by output k. */
static bool overwrites(const hal_plan *plan, const hal_node_record *n, uint32_t root, uint32_t k)
{
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!n->in[i] || plan->views[n->in[i]].root != root)
            continue;
        if (!permitted(n->op, i, k) || !same_view(plan, n->in[i], n->first_out + k))
            return false;
    }
    return true;
}

/* Over the variable the output is assigned to. */
static bool over_variable(hal_plan *plan, uint32_t node, uint32_t k, uint32_t variable)
{
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    const hal_plan_device *device = &plan->devices[plan->device_of[node]];
    if (!variable || plan->storages[plan->home[variable]].memory != device->memory ||
        hal_layout_opaque(plan, n->first_out + k))
        return false;
    if (plan->last_use[variable] > node)
        return false;
    if (plan->last_use[variable] == node && !(device->in_place && overwrites(plan, n, variable, k)))
        return false;
    plan->home[n->first_out + k] = plan->home[variable];
    return true;
}

static bool taken(const hal_plan *plan, const hal_node_record *n, uint32_t k, uint32_t storage)
{
    for (uint32_t j = 0; j < k; j++)
        if (plan->home[n->first_out + j] == storage)
            return true;
    return false;
}

/* Over input i, if its bytes are of this step and nothing reads them later. */
static bool over_operand(hal_plan *plan, uint32_t node, uint32_t k, uint32_t i)
{
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    if (!n->in[i] || !permitted(n->op, i, k))
        return false;
    uint32_t root = plan->views[n->in[i]].root, out = n->first_out + k;
    if (hal_graph_value(plan->graph, root)->origin != HAL_ORIGIN_NODE || plan->last_use[root] != node)
        return false;
    const hal_storage *s = &plan->storages[plan->home[root]], *own = &plan->storages[plan->home[out]];
    if (s->kind != HAL_BINDING_ARENA || s->memory != own->memory || s->bytes != own->bytes)
        return false;
    if (!overwrites(plan, n, root, k) || taken(plan, n, k, plan->home[root]))
        return false;
    plan->home[out] = plan->home[root];
    return true;
}

static void apply_node(hal_plan *plan, uint32_t node, const uint32_t *variable_of)
{
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    for (uint32_t k = 0; k < n->n_out; k++) {
        if (over_variable(plan, node, k, variable_of[n->first_out + k]))
            continue;
        if (!plan->devices[plan->device_of[node]].in_place)
            continue;
        for (uint32_t i = 0; i < n->n_in && !over_operand(plan, node, k, i); i++)
            continue;
    }
}

hal_status hal_inplace_apply(hal_plan *plan)
{
    const hal_graph *g = plan->graph;
    uint32_t *variable_of = hal_allocate_array(plan->allocator, g->n_values, sizeof *variable_of);
    if (!variable_of)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t v = g->n_values; v-- > 1;) {
        const hal_value_record *r = hal_graph_value(g, v);
        if (r->origin == HAL_ORIGIN_VARIABLE && r->assigned)
            variable_of[r->assigned] = v;
    }
    for (uint32_t n = 1; n < g->n_nodes; n++)
        if (hal_lower_computes(plan, n))
            apply_node(plan, n, variable_of);
    hal_deallocate(plan->allocator, variable_of);
    return HAL_OK;
}

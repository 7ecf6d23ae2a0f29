/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes to actions: storages for what is computed, transfers where an op reads another memory, copies at
 * the end. */
#include "plan_internal.h"

/* -------------------------------------------------------------------------------- liveness and views -- */

static void keep(hal_plan *plan, uint32_t value)
{
    const hal_value_record *v = hal_graph_value(plan->graph, value);
    if (value && v->origin == HAL_ORIGIN_NODE)
        plan->live[v->node] = true;
}

static void mark_live(hal_plan *plan)
{
    const hal_graph *g = plan->graph;
    for (uint32_t v = 1; v < g->n_values; v++) {
        const hal_value_record *r = hal_graph_value(g, v);
        if (r->output)
            keep(plan, v);
        if (r->origin == HAL_ORIGIN_VARIABLE)
            keep(plan, r->assigned);
    }
    for (uint32_t n = g->n_nodes; n-- > 1;)
        for (uint32_t i = 0; plan->live[n] && i < hal_graph_node_at(g, n)->n_in; i++)
            keep(plan, hal_graph_node_at(g, n)->in[i]);
}

static hal_status own_view(hal_plan *plan, uint32_t value)
{
    const hal_value_record *v = hal_graph_value(plan->graph, value);
    plan->views[value].root = value;
    plan->views[value].offset = 0;
    if (hal_view_contiguous(&v->shape, plan->graph->symbols, plan->views[value].stride))
        return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "the bytes of \"%s\" cannot be counted in 64 bits", v->name);
}

/* All outputs of a node as aliases of its input; false when one of them needs computing. */
static bool alias(hal_plan *plan, const hal_node_record *n)
{
    if (hal_op_describe(n->op)->kind != HAL_OP_KIND_VIEW || hal_layout_opaque(plan, n->in[0]))
        return false;
    for (uint32_t k = 0; k < n->n_out; k++)
        if (!hal_view_derive(plan->graph, n, k, &plan->views[n->in[0]], &plan->views[n->first_out + k]))
            return false;
    return true;
}

hal_status hal_lower_views(hal_plan *plan)
{
    const hal_graph *g = plan->graph;
    hal_deallocate(plan->allocator, plan->live);
    hal_deallocate(plan->allocator, plan->views);
    hal_deallocate(plan->allocator, plan->layouts);
    plan->views = NULL;
    plan->layouts = NULL;
    plan->live = hal_allocate_array(plan->allocator, g->n_nodes + 1, sizeof *plan->live);
    if (plan->live)
        plan->views = hal_allocate_array(plan->allocator, g->n_values, sizeof *plan->views);
    if (plan->views)
        plan->layouts = hal_allocate_array(plan->allocator, g->n_values, sizeof *plan->layouts);
    if (!plan->layouts)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    mark_live(plan);
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->origin != HAL_ORIGIN_NODE)
            HAL_TRY(own_view(plan, v));
    for (uint32_t n = 1; n < g->n_nodes; n++) {
        const hal_node_record *record = hal_graph_node_at(g, n);
        if (alias(plan, record))
            continue;
        for (uint32_t k = 0; k < record->n_out; k++)
            HAL_TRY(own_view(plan, record->first_out + k));
    }
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------ storages -- */

/* Last readers, and the device of the first reader for inputs and variables that are not pinned. */
static void mark_uses(hal_plan *plan)
{
    const hal_graph *g = plan->graph;
    for (uint32_t n = 1; n < g->n_nodes; n++) {
        const hal_node_record *record = hal_graph_node_at(g, n);
        for (uint32_t i = 0; hal_lower_computes(plan, n) && i < record->n_in; i++) {
            if (!record->in[i])
                continue;
            uint32_t root = plan->views[record->in[i]].root;
            plan->last_use[root] = n;
            if (plan->pin_of[root] == HAL_NONE)
                plan->pin_of[root] = plan->device_of[n];
        }
    }
    for (uint32_t v = 1; v < g->n_values; v++) {
        const hal_value_record *r = hal_graph_value(g, v);
        if (r->output)
            plan->last_use[plan->views[v].root] = g->n_nodes;
        if (r->origin != HAL_ORIGIN_VARIABLE || !r->assigned)
            continue;
        plan->last_use[plan->views[r->assigned].root] = g->n_nodes;
        const hal_value_record *by = hal_graph_value(g, plan->views[r->assigned].root);
        if (plan->pin_of[v] == HAL_NONE && by->origin == HAL_ORIGIN_NODE)
            plan->pin_of[v] = plan->device_of[by->node];
    }
}

static hal_status add_storage(hal_plan *plan, hal_binding_kind kind, uint32_t value, uint32_t memory,
                              uint32_t *storage)
{
    const hal_value_record *v = hal_graph_value(plan->graph, value);
    if (!HAL_PLAN_GROW(plan, storages))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_storage s = {.kind = kind, .value = value, .memory = memory, .first = HAL_NONE};
    if (!hal_view_bytes(&v->shape, plan->graph->symbols, &s.bytes) ||
        !hal_view_contiguous(&v->shape, plan->graph->symbols, s.stride))
        return HAL_FAIL(INVALID_ARGUMENT, "the bytes of \"%s\" cannot be counted in 64 bits", v->name);
    plan->storages[plan->n_storages] = s;
    *storage = plan->n_storages++;
    return HAL_OK;
}

/* A storage for the bytes of a root as they are, strided or not. */
static hal_status add_root(hal_plan *plan, hal_binding_kind kind, uint32_t root, uint32_t memory, uint32_t *storage)
{
    HAL_TRY(add_storage(plan, kind, root, memory, storage));
    hal_storage *s = &plan->storages[*storage];
    s->layout = plan->layouts[root];
    if (s->layout.opaque)
        s->bytes = s->layout.bytes;
    return HAL_OK;
}

static hal_status add_source(hal_plan *plan, uint32_t value)
{
    const hal_value_record *v = hal_graph_value(plan->graph, value);
    uint32_t device = plan->pin_of[value] == HAL_NONE ? 0 : plan->pin_of[value];
    if (v->origin == HAL_ORIGIN_INPUT && !plan->last_use[value])
        return HAL_OK;
    hal_binding_kind kind = v->origin == HAL_ORIGIN_INPUT ? HAL_BINDING_INPUT : HAL_BINDING_VARIABLE;
    HAL_TRY(add_root(plan, kind, value, plan->devices[device].memory, &plan->home[value]));
    if (kind == HAL_BINDING_INPUT)
        plan->storages[plan->home[value]].first = 0;
    return HAL_OK;
}

static hal_status add_homes(hal_plan *plan)
{
    const hal_graph *g = plan->graph;
    for (uint32_t v = 0; v < g->n_values; v++)
        plan->home[v] = plan->fetch[v] = HAL_NONE;
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->origin != HAL_ORIGIN_NODE)
            HAL_TRY(add_source(plan, v));
    for (uint32_t n = 1; n < g->n_nodes; n++) {
        const hal_node_record *record = hal_graph_node_at(g, n);
        for (uint32_t k = 0; hal_lower_computes(plan, n) && k < record->n_out; k++) {
            uint32_t value = record->first_out + k;
            HAL_TRY(add_root(plan, HAL_BINDING_ARENA, value, plan->devices[plan->device_of[n]].memory,
                             &plan->home[value]));
        }
    }
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- actions -- */

/* Copies of roots in other memories, by device (the first of its memory) and root. */
typedef struct lowering {
    hal_plan *plan;
    uint32_t *replicas;
} lowering;

static void touch(hal_plan *plan, uint32_t storage)
{
    hal_storage *s = &plan->storages[storage];
    if (s->first == HAL_NONE)
        s->first = plan->n_actions;
    s->last = plan->n_actions;
}

static hal_status add_operand(hal_plan *plan, uint32_t value, uint32_t storage, bool contiguous)
{
    if (!HAL_PLAN_GROW(plan, operands))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    plan->operands[plan->n_operands++] = (hal_operand){value, storage, contiguous};
    if (value)
        touch(plan, storage);
    return HAL_OK;
}

static hal_status add_action(hal_plan *plan, hal_action action)
{
    if (!HAL_PLAN_GROW(plan, actions))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    action.first = plan->n_operands - action.n_in - action.n_out;
    plan->actions[plan->n_actions++] = action;
    return HAL_OK;
}

static uint32_t device_with(const hal_plan *plan, uint32_t memory)
{
    uint32_t d = 0;
    while (plan->devices[d].memory != memory)
        d++;
    return d;
}

static hal_status add_transfer(hal_plan *plan, uint32_t device, uint32_t from, uint32_t to)
{
    HAL_TRY(add_operand(plan, plan->storages[from].value, from, true));
    HAL_TRY(add_operand(plan, plan->storages[to].value, to, true));
    return add_action(plan, (hal_action){.device = device, .n_in = 1, .n_out = 1});
}

/* A copy runs on the queue of the device whose memory the host does not reach; where neither is reached, between peers, or
 * over the host. */
static hal_status transfer(hal_plan *plan, uint32_t from, uint32_t to)
{
    uint32_t source = device_with(plan, plan->storages[from].memory),
             target = device_with(plan, plan->storages[to].memory);
    if (plan->devices[source].host_access)
        return add_transfer(plan, target, from, to);
    if (plan->devices[target].host_access)
        return add_transfer(plan, source, from, to);
    if (hal_device_peer(plan->devices[target].device, plan->devices[source].device) == HAL_OK)
        return add_transfer(plan, target, from, to);
    uint32_t half;
    HAL_TRY(add_root(plan, HAL_BINDING_ARENA, plan->storages[from].value, HAL_MEMORY_HOST, &half));
    HAL_TRY(add_transfer(plan, source, from, half));
    return add_transfer(plan, target, half, to);
}

/* The storage where `device` reads `root`; transfers it once a step when it lives elsewhere. */
static hal_status reach(lowering *l, uint32_t root, uint32_t device, uint32_t *storage)
{
    hal_plan *plan = l->plan;
    uint32_t home = plan->home[root], memory = plan->devices[device].memory;
    if (plan->storages[home].memory == memory) {
        *storage = home;
        return HAL_OK;
    }
    uint32_t *replica = &l->replicas[(uint64_t)device_with(plan, memory) * plan->graph->n_values + root];
    if (!*replica) {
        uint32_t made;
        HAL_TRY(add_root(plan, HAL_BINDING_ARENA, root, memory, &made));
        HAL_TRY(transfer(plan, home, made));
        *replica = made + 1;
    }
    *storage = *replica - 1;
    return HAL_OK;
}

static hal_status lower_node(lowering *l, uint32_t node)
{
    hal_plan *plan = l->plan;
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    uint32_t device = plan->device_of[node], storage;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i])
            HAL_TRY(reach(l, plan->views[n->in[i]].root, device, &storage));
    for (uint32_t i = 0; i < n->n_in; i++) {
        storage = HAL_NONE;
        if (n->in[i])
            HAL_TRY(reach(l, plan->views[n->in[i]].root, device, &storage));
        HAL_TRY(add_operand(plan, n->in[i], storage, false));
    }
    for (uint32_t k = 0; k < n->n_out; k++)
        HAL_TRY(add_operand(plan, n->first_out + k, plan->home[n->first_out + k], false));
    return add_action(
        plan, (hal_action){.op = n->op, .device = device, .node = node, .n_in = n->n_in, .n_out = n->n_out});
}

/* --------------------------------------------------------------------------------- the end of a step -- */

/* Copies `value`, or its row-major copy in `from` unless HAL_NONE, into the row-major storage `to`; what is packed is
 * unpacked. */
static hal_status copy_into(lowering *l, uint32_t value, uint32_t from, uint32_t to)
{
    hal_plan *plan = l->plan;
    uint32_t device = device_with(plan, plan->storages[to].memory), source = from;
    if (from == HAL_NONE)
        HAL_TRY(reach(l, plan->views[value].root, device, &source));
    HAL_TRY(add_operand(plan, value, source, from != HAL_NONE));
    HAL_TRY(add_operand(plan, value, to, true));
    uint32_t op = plan->storages[source].layout.opaque ? HAL_OP_UNPACK : HAL_OP_COPY;
    return add_action(plan, (hal_action){.op = op, .device = device, .n_in = 1, .n_out = 1});
}

/* Whether a view covers its whole root in row-major order. */
static bool covers(const hal_plan *plan, uint32_t value)
{
    const hal_view *view = &plan->views[value];
    const hal_shape *shape = &hal_graph_value(plan->graph, value)->shape;
    hal_dim stride[HAL_MAX_RANK];
    uint64_t bytes;
    if (view->offset || hal_layout_opaque(plan, value) ||
        !hal_view_contiguous(shape, plan->graph->symbols, stride))
        return false;
    for (uint32_t d = 0; d < shape->rank; d++)
        if (!hal_dim_equal(stride[d], view->stride[d]))
            return false;
    return hal_view_bytes(shape, plan->graph->symbols, &bytes) &&
           bytes == plan->storages[plan->home[view->root]].bytes;
}

/* An output that has a whole storage to itself is computed straight into what it is fetched from; others are
 * copied. */
static hal_status lower_output(lowering *l, uint32_t value)
{
    hal_plan *plan = l->plan;
    uint32_t home = plan->home[plan->views[value].root];
    hal_storage *s = &plan->storages[home];
    if (s->kind == HAL_BINDING_ARENA && covers(plan, value)) {
        s->kind = HAL_BINDING_OUTPUT;
        plan->fetch[value] = home;
        return HAL_OK;
    }
    HAL_TRY(add_storage(plan, HAL_BINDING_OUTPUT, value, s->memory, &plan->fetch[value]));
    return copy_into(l, value, HAL_NONE, plan->fetch[value]);
}

/* The old content of a variable that becomes the new one of another is saved before anything is overwritten.
 */
static hal_status save_assigned(lowering *l, uint32_t variable, uint32_t *saved)
{
    hal_plan *plan = l->plan;
    uint32_t value = hal_graph_value(plan->graph, variable)->assigned;
    *saved = HAL_NONE;
    if (!value || value == variable)
        return HAL_OK;
    if (hal_graph_value(plan->graph, plan->views[value].root)->origin != HAL_ORIGIN_VARIABLE)
        return HAL_OK;
    HAL_TRY(add_storage(plan, HAL_BINDING_ARENA, value, plan->storages[plan->home[variable]].memory, saved));
    return copy_into(l, value, HAL_NONE, *saved);
}

static hal_status lower_assign(lowering *l, uint32_t variable, uint32_t saved)
{
    const hal_plan *plan = l->plan;
    uint32_t value = hal_graph_value(plan->graph, variable)->assigned;
    if (!value || value == variable || plan->home[value] == plan->home[variable])
        return HAL_OK;
    return copy_into(l, value, saved, plan->home[variable]);
}

static hal_status lower_end(lowering *l, uint32_t *saved)
{
    hal_plan *plan = l->plan;
    const hal_graph *g = plan->graph;
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->output)
            HAL_TRY(lower_output(l, v));
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->origin == HAL_ORIGIN_VARIABLE)
            HAL_TRY(save_assigned(l, v, &saved[v]));
    for (uint32_t v = 1; v < g->n_values; v++)
        if (hal_graph_value(g, v)->origin == HAL_ORIGIN_VARIABLE)
            HAL_TRY(lower_assign(l, v, saved[v]));
    for (uint32_t s = 0; s < plan->n_storages; s++)
        if (plan->storages[s].kind == HAL_BINDING_OUTPUT)
            plan->storages[s].last = plan->n_actions;
    return HAL_OK;
}

static hal_status lower_all(lowering *l)
{
    hal_plan *plan = l->plan;
    for (uint32_t n = 1; n < plan->graph->n_nodes; n++)
        if (hal_lower_computes(plan, n))
            HAL_TRY(lower_node(l, n));
    uint32_t *saved = hal_allocate_array(plan->allocator, plan->graph->n_values, sizeof *saved);
    if (!saved)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = lower_end(l, saved);
    hal_deallocate(plan->allocator, saved);
    return status;
}

hal_status hal_lower(hal_plan *plan)
{
    size_t n = plan->graph->n_values;
    plan->last_use = hal_allocate_array(plan->allocator, n, sizeof *plan->last_use);
    if (plan->last_use)
        plan->home = hal_allocate_array(plan->allocator, n, sizeof *plan->home);
    if (plan->home)
        plan->fetch = hal_allocate_array(plan->allocator, n, sizeof *plan->fetch);
    if (!plan->fetch)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    mark_uses(plan);
    HAL_TRY(add_homes(plan));
    HAL_TRY(hal_inplace_apply(plan));
    lowering l = {plan, hal_allocate_array(plan->allocator, n * plan->n_devices, sizeof *l.replicas)};
    if (!l.replicas)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = lower_all(&l);
    hal_deallocate(plan->allocator, l.replicas);
    return status;
}

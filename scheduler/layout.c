/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opaque layouts of values. The output of a `pack` has the one its attribute names; a variable gets one where the caller
 * lets the plan choose, its only readers are products that ask for it, and nothing assigns it. All else is strided.
 */
#include "plan_internal.h"

void hal_layout_mark(hal_description_tensor *t, const hal_plan_layout *layout)
{
    t->layout_kind = layout->opaque;
    t->layout_id = layout->id;
    t->layout_bytes = layout->bytes;
}

static hal_description_tensor layout_tensor(const hal_plan *plan, uint32_t value)
{
    hal_description_tensor t = hal_program_tensor(plan, value, false, 0, 0);
    hal_layout_mark(&t, &plan->layouts[plan->views[value].root]);
    return t;
}

void hal_layout_describe_node(const hal_plan *plan, hal_describe *d, uint32_t node)
{
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    hal_describe_op(d, hal_op_describe(n->op), n->attrs, hal_plan_node_name(plan->graph, node), n->n_in,
                    n->n_out);
    for (uint32_t i = 0; i < n->n_in + n->n_out; i++) {
        uint32_t value = i < n->n_in ? n->in[i] : n->first_out + i - n->n_in;
        hal_description_tensor t = {0};
        if (value)
            t = layout_tensor(plan, value);
        hal_describe_operand(d, value ? &t : NULL);
    }
}

void hal_layout_describe_begin(const hal_plan *plan, hal_describe *d)
{
    const hal_graph *g = plan->graph;
    hal_describe_begin(d, plan->allocator);
    hal_describe_binding(d, HAL_BINDING_ARENA, INT64_MAX);
    for (uint32_t s = 0; s < g->n_symbols; s++)
        hal_describe_symbol(d, g->symbols[s].min, g->symbols[s].max, g->symbols[s].multiple);
}

/* What the node's device says to one of its operands. */
static hal_status ask(hal_plan *plan, uint32_t node, uint32_t operand, hal_layout_answer *answer)
{
    hal_describe d;
    hal_description *block;
    hal_layout_describe_begin(plan, &d);
    hal_layout_describe_node(plan, &d, node);
    HAL_TRY(hal_describe_finish(&d, &block));
    hal_status status =
        hal_device_layout(plan->devices[plan->device_of[node]].device, block, 0, operand, answer);
    hal_deallocate(plan->allocator, block);
    return status;
}

hal_status hal_layout_ask(hal_plan *plan)
{
    for (uint32_t n = 1; n < plan->graph->n_nodes; n++) {
        const hal_node_record *record = hal_graph_node_at(plan->graph, n);
        hal_layout_answer answer;
        if (record->op != HAL_OP_PACK)
            continue;
        HAL_TRY(ask(plan, n, 1, &answer));
        plan->layouts[record->first_out] =
            (hal_plan_layout){true, answer.id, plan->device_of[n], answer.bytes};
    }
    return HAL_OK;
}

bool hal_layout_opaque(const hal_plan *plan, uint32_t value)
{
    uint32_t root = plan->views[value].root;
    const hal_value_record *v = hal_graph_value(plan->graph, root);
    return plan->layouts[root].opaque ||
           (v->origin == HAL_ORIGIN_NODE && hal_graph_node_at(plan->graph, v->node)->op == HAL_OP_PACK);
}

const char *hal_layout_objection(const hal_plan *plan, uint32_t node)
{
    const hal_node_record *n = hal_graph_node_at(plan->graph, node);
    const hal_backend *mine = hal_device_backend(plan->devices[plan->device_of[node]].device);
    if (n->op == HAL_OP_PACK && !plan->layouts[n->first_out].id)
        return "the device has no such layout for this tensor";
    if (n->op == HAL_OP_UNPACK && !plan->layouts[plan->views[n->in[0]].root].opaque)
        return "its operand is not packed";
    for (uint32_t i = 0; i < n->n_in; i++) {
        const hal_plan_layout *l = n->in[i] ? &plan->layouts[plan->views[n->in[i]].root] : NULL;
        if (l && l->opaque && hal_device_backend(plan->devices[l->device].device) != mine)
            return "an operand lies in a layout of another backend";
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- the plan's choice -- */

/* What is known of a variable while its readers are asked. */
typedef struct candidate {
    bool out; /* of the question: it stays strided */
    uint32_t device;
    hal_layout_answer answer; /* that of the first reader */
} candidate;

/* Whatever but a computed node reads it, or changes it, wants it strided. */
static void rule_out_ends(const hal_plan *plan, candidate *c)
{
    const hal_graph *g = plan->graph;
    for (uint32_t v = 1; v < g->n_values; v++) {
        const hal_value_record *r = hal_graph_value(g, v);
        if (r->origin != HAL_ORIGIN_VARIABLE || (r->assigned && r->assigned != v))
            c[v].out = true;
        if (r->output)
            c[plan->views[v].root].out = true;
        if (r->origin == HAL_ORIGIN_VARIABLE && r->assigned && r->assigned != v)
            c[plan->views[r->assigned].root].out = true;
    }
}

static hal_status consider(hal_plan *plan, uint32_t node, uint32_t operand, candidate *all)
{
    uint32_t value = hal_graph_node_at(plan->graph, node)->in[operand];
    hal_layout_answer answer = {0};
    if (!value || all[plan->views[value].root].out)
        return HAL_OK;
    candidate *c = &all[plan->views[value].root];
    if (plan->views[value].root == value)
        HAL_TRY(ask(plan, node, operand, &answer));
    uint32_t device = plan->device_of[node], pin = plan->pin_of[plan->views[value].root];
    bool same = !c->answer.id || (c->answer.id == answer.id && c->device == device);
    if (!answer.id || !same || (pin != HAL_NONE && pin != device))
        c->out = true;
    c->answer = answer;
    c->device = device;
    return HAL_OK;
}

static hal_status consider_all(hal_plan *plan, candidate *c)
{
    rule_out_ends(plan, c);
    for (uint32_t n = 1; n < plan->graph->n_nodes; n++)
        for (uint32_t i = 0; hal_lower_computes(plan, n) && i < hal_graph_node_at(plan->graph, n)->n_in; i++)
            HAL_TRY(consider(plan, n, i, c));
    return HAL_OK;
}

hal_status hal_layout_choose(hal_plan *plan)
{
    candidate *c = hal_allocate_array(plan->allocator, plan->graph->n_values, sizeof *c);
    if (!c)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = consider_all(plan, c);
    for (uint32_t v = 1; v < plan->graph->n_values && status == HAL_OK; v++)
        if (!c[v].out && c[v].answer.id)
            plan->layouts[v] = (hal_plan_layout){true, c[v].answer.id, c[v].device, c[v].answer.bytes};
    hal_deallocate(plan->allocator, c);
    return status;
}

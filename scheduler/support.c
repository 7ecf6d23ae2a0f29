/* SPDX-License-Identifier: Apache-2.0 */
/* Asks every device about its nodes, decomposes what it refuses, and fuses. Each pass gives a new graph to
 * carry on with. */
#include "plan_internal.h"

/* Device and reason of the nodes of `to`: those of the old nodes whose outputs they compute. What a
   decomposition made in between belongs to the next node that has an origin, because passes rebuild in order.
 */
static void carry_nodes(const hal_plan *plan, const hal_graph *to, const uint32_t *map, uint32_t *device,
                        uint32_t *reason)
{
    for (uint32_t n = 0; n < to->n_nodes; n++)
        device[n] = HAL_NONE;
    for (uint32_t v = 1; v < plan->graph->n_values; v++) {
        if (!map[v] || hal_graph_value(plan->graph, v)->origin != HAL_ORIGIN_NODE)
            continue;
        if (hal_graph_value(to, map[v])->origin != HAL_ORIGIN_NODE)
            continue;
        uint32_t node = hal_graph_value(to, map[v])->node, old = hal_graph_value(plan->graph, v)->node;
        device[node] = plan->device_of[old];
        reason[node] = plan->reason_of[old];
    }
    for (uint32_t n = to->n_nodes; n-- > 1;) {
        if (device[n] != HAL_NONE)
            continue;
        device[n] = n + 1 < to->n_nodes ? device[n + 1] : 0;
        reason[n] = n + 1 < to->n_nodes ? reason[n + 1] : 0;
    }
}

static void carry_values(hal_plan *plan, const hal_graph *to, const uint32_t *map, uint32_t *pin_of)
{
    for (uint32_t v = 0; v < to->n_values; v++)
        pin_of[v] = HAL_NONE;
    for (uint32_t v = 1; v < plan->graph->n_values; v++)
        if (map[v] && hal_graph_value(plan->graph, v)->origin != HAL_ORIGIN_NODE)
            pin_of[map[v]] = plan->pin_of[v];
    for (uint32_t v = 1; v < plan->n_source; v++)
        plan->map[v] = plan->map[v] ? map[plan->map[v]] : 0;
}

static void replace(const hal_allocator *allocator, uint32_t **array, uint32_t *with)
{
    hal_deallocate(allocator, *array);
    *array = with;
}

/* Goes on with the graph a pass made; takes the reference of `to`, also on failure. */
static hal_status adopt(hal_plan *plan, hal_graph *to, const uint32_t *map)
{
    uint32_t *device = hal_allocate_array(plan->allocator, to->n_nodes, sizeof *device);
    uint32_t *reason = hal_allocate_array(plan->allocator, to->n_nodes, sizeof *reason);
    uint32_t *pin_of = hal_allocate_array(plan->allocator, to->n_values, sizeof *pin_of);
    if (!device || !reason || !pin_of) {
        hal_deallocate(plan->allocator, device);
        hal_deallocate(plan->allocator, reason);
        hal_deallocate(plan->allocator, pin_of);
        hal_graph_release(to);
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    carry_nodes(plan, to, map, device, reason);
    carry_values(plan, to, map, pin_of);
    replace(plan->allocator, &plan->device_of, device);
    replace(plan->allocator, &plan->reason_of, reason);
    replace(plan->allocator, &plan->pin_of, pin_of);
    hal_graph_release(plan->graph);
    plan->graph = to;
    return hal_lower_views(plan);
}

/* ----------------------------------------------------------------------------------------- questions -- */

/* All computed nodes of one device as a description over one binding. */
static hal_status describe_device(const hal_plan *plan, uint32_t device, hal_description **block)
{
    const hal_graph *g = plan->graph;
    hal_describe d;
    hal_layout_describe_begin(plan, &d);
    for (uint32_t n = 1; n < g->n_nodes; n++)
        if (plan->device_of[n] == device && hal_lower_computes(plan, n))
            hal_layout_describe_node(plan, &d, n);
    return hal_describe_finish(&d, block);
}

/* What a device says to one node: `refused` by node, and the text of the refusal as index of a reason. */
typedef struct verdicts {
    bool *refused;
    uint32_t *text;
    uint32_t n_refused;
} verdicts;

static void note(hal_plan *plan, uint32_t device, const hal_support_answer *answers, verdicts *v)
{
    for (uint32_t n = 1, k = 0; n < plan->graph->n_nodes; n++) {
        if (plan->device_of[n] != device || !hal_lower_computes(plan, n))
            continue;
        const hal_support_answer *a = &answers[k++];
        const char *objection = hal_layout_objection(plan, n);
        if (a->support != HAL_SUPPORT_NO && !objection)
            continue;
        v->refused[n] = true;
        v->text[n] = hal_plan_reason(plan, "%s refuses %s: %.*s", plan->devices[device].alias,
                                     hal_op_describe(hal_graph_node_at(plan->graph, n)->op)->name,
                                     (int)sizeof a->reason,
                                     objection      ? objection
                                     : a->reason[0] ? a->reason
                                                    : "no reason given");
        v->n_refused++;
    }
}

static hal_status ask_device(hal_plan *plan, uint32_t device, verdicts *v)
{
    hal_description *block;
    HAL_TRY(describe_device(plan, device, &block));
    hal_status status = HAL_OK;
    if (block->n_ops) {
        hal_support_answer *answers = hal_allocate_array(plan->allocator, block->n_ops, sizeof *answers);
        status = answers ? hal_device_support(plan->devices[device].device, block, answers)
                         : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
        if (status == HAL_OK)
            note(plan, device, answers, v);
        hal_deallocate(plan->allocator, answers);
    }
    hal_deallocate(plan->allocator, block);
    return status;
}

static void verdicts_free(const hal_plan *plan, verdicts *v)
{
    hal_deallocate(plan->allocator, v->refused);
    hal_deallocate(plan->allocator, v->text);
}

/* Asks all devices about the present graph. */
static hal_status ask(hal_plan *plan, verdicts *v)
{
    *v = (verdicts){hal_allocate_array(plan->allocator, plan->graph->n_nodes, sizeof *v->refused),
                    hal_allocate_array(plan->allocator, plan->graph->n_nodes, sizeof *v->text), 0};
    hal_status status = v->refused && v->text ? hal_layout_ask(plan)
                                              : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t d = 0; d < plan->n_devices && status == HAL_OK; d++)
        status = ask_device(plan, d, v);
    if (status != HAL_OK)
        verdicts_free(plan, v);
    return status;
}

/* -------------------------------------------------------------------------------------------- passes -- */

typedef enum pass { SIMPLIFY, DECOMPOSE, PRIMITIVES, FUSE } pass;

static hal_status apply(hal_plan *plan, pass which, const bool *flags, hal_graph **to, uint32_t **map)
{
    *map = hal_allocate_array(plan->allocator, plan->graph->n_values, sizeof **map);
    if (!*map)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status;
    if (which == SIMPLIFY)
        status = hal_pass_simplify(plan->graph, plan->device_of, to, *map);
    else if (which == FUSE)
        status = hal_pass_fuse(plan->graph, plan->device_of, to, *map);
    else
        status = hal_pass_decompose(plan->graph, flags, which == PRIMITIVES, to, *map);
    if (status != HAL_OK)
        hal_deallocate(plan->allocator, *map);
    return status;
}

static hal_status run_pass(hal_plan *plan, pass which, const bool *flags)
{
    hal_graph *to;
    uint32_t *map;
    HAL_TRY(apply(plan, which, flags, &to, &map));
    hal_status status = adopt(plan, to, map);
    hal_deallocate(plan->allocator, map);
    return status;
}

/* ------------------------------------------------------------------------------------------- refusal -- */

/* Moves a refused node to the next device of the plan that takes it, where the policy allows that. */
static hal_status fall_back(hal_plan *plan, uint32_t node, uint32_t text, hal_fallback policy)
{
    const char *why = plan->reasons[text] ? plan->reasons[text] : "refused";
    if (policy == HAL_FALLBACK_FORBID || plan->device_of[node] + 1 >= plan->n_devices) {
        return HAL_FAIL(
            UNSUPPORTED, "\"%s\": %s%s", hal_plan_node_name(plan->graph, node), why,
            policy == HAL_FALLBACK_FORBID ? "" : "; no other device of the plan is left to fall back to");
    }
    plan->device_of[node]++;
    plan->reason_of[node] = hal_plan_reason(plan, "fallback: %s", why);
    return HAL_OK;
}

/* One answer to refusals: decomposes the composites among them, or falls back for the others. */
static hal_status answer(hal_plan *plan, verdicts *v, hal_fallback policy)
{
    uint32_t composites = 0;
    for (uint32_t n = 1; n < plan->graph->n_nodes; n++) {
        if (!v->refused[n])
            continue;
        if (hal_op_describe(hal_graph_node_at(plan->graph, n)->op)->kind == HAL_OP_KIND_COMPOSITE) {
            composites++;
            plan->reason_of[n] = hal_plan_reason(plan, "emulated: %s",
                                                 plan->reasons[v->text[n]] ? plan->reasons[v->text[n]] : "");
            continue;
        }
        v->refused[n] = false;
        HAL_TRY(fall_back(plan, n, v->text[n], policy));
    }
    return composites ? run_pass(plan, DECOMPOSE, v->refused) : HAL_OK;
}

/* Ends: each round decomposes a level or moves a node to a later device. */
static hal_status settle_unfused(hal_plan *plan, hal_fallback policy)
{
    for (;;) {
        verdicts v;
        HAL_TRY(ask(plan, &v));
        hal_status status = v.n_refused ? answer(plan, &v, policy) : HAL_OK;
        bool done = v.n_refused == 0;
        verdicts_free(plan, &v);
        if (done || status != HAL_OK)
            return status;
    }
}

static hal_status decompose_all(hal_plan *plan)
{
    bool *all = hal_allocate_array(plan->allocator, plan->graph->n_nodes, sizeof *all);
    if (!all)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t n = 1; n < plan->graph->n_nodes; n++) {
        all[n] = hal_op_describe(hal_graph_node_at(plan->graph, n)->op)->kind == HAL_OP_KIND_COMPOSITE;
        if (all[n])
            plan->reason_of[n] = hal_plan_reason(plan, "emulated: primitives only");
    }
    hal_status status = run_pass(plan, PRIMITIVES, all);
    hal_deallocate(plan->allocator, all);
    return status;
}

hal_status hal_support_settle(hal_plan *plan, const hal_plan_options *options, bool *refused)
{
    HAL_TRY(run_pass(plan, SIMPLIFY, NULL));
    if (options->primitives_only)
        HAL_TRY(decompose_all(plan));
    HAL_TRY(settle_unfused(plan, options->fallback));
    *refused = false;
    if (options->no_fusion)
        return HAL_OK;
    HAL_TRY(run_pass(plan, FUSE, NULL));
    verdicts v;
    HAL_TRY(ask(plan, &v));
    *refused = v.n_refused != 0;
    verdicts_free(plan, &v);
    return HAL_OK;
}

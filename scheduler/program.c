/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the actions of a plan into steps: runs of ops of one device become programs, transfers stay alone. */
#include "plan_internal.h"

hal_description_tensor hal_program_tensor(const hal_plan *plan, uint32_t value, bool contiguous,
                                          uint32_t binding, uint64_t base)
{
    const hal_shape *shape = &hal_graph_value(plan->graph, value)->shape;
    const hal_view *view = &plan->views[value];
    hal_description_tensor t = {.dtype = (uint32_t)shape->dtype, .rank = shape->rank, .binding = binding};
    t.offset = base + (contiguous ? 0 : view->offset);
    memcpy(t.size, shape->size, sizeof t.size);
    if (contiguous)
        hal_view_contiguous(shape, plan->graph->symbols, t.stride);
    else
        memcpy(t.stride, view->stride, sizeof t.stride);
    return t;
}

/* A program under construction: the binding each storage has in it. */
typedef struct cutter {
    hal_plan *plan;
    hal_describe d;
    uint32_t *binding_of; /* by storage, HAL_NONE; the arena's stands behind the last storage */
    uint32_t first_binding;
} cutter;

static hal_status add_binding(cutter *c, bool arena, uint32_t index, hal_binding_kind kind, uint64_t bytes,
                              uint32_t *binding)
{
    hal_plan *plan = c->plan;
    if (!HAL_PLAN_GROW(plan, bindings))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    plan->bindings[plan->n_bindings++] = (hal_plan_binding){arena, index};
    *binding = hal_describe_binding(&c->d, kind, bytes);
    return HAL_OK;
}

static hal_status bind(cutter *c, uint32_t storage, uint32_t *binding)
{
    const hal_storage *s = &c->plan->storages[storage];
    bool arena = s->kind == HAL_BINDING_ARENA;
    uint32_t *known = &c->binding_of[arena ? c->plan->n_storages : storage];
    if (*known == HAL_NONE) {
        uint32_t index = arena ? hal_arena_find(c->plan, s->memory) : storage;
        HAL_TRY(
            add_binding(c, arena, index, s->kind, arena ? c->plan->arenas[index].bytes : s->bytes, known));
    }
    *binding = *known;
    return HAL_OK;
}

static hal_status describe_operand(cutter *c, const hal_operand *o)
{
    if (!o->value) {
        hal_describe_operand(&c->d, NULL);
        return HAL_OK;
    }
    const hal_storage *s = &c->plan->storages[o->storage];
    uint32_t binding;
    HAL_TRY(bind(c, o->storage, &binding));
    uint64_t base = s->kind == HAL_BINDING_ARENA ? s->offset : 0;
    hal_description_tensor t = hal_program_tensor(c->plan, o->value, o->contiguous, binding, base);
    hal_layout_mark(&t, &s->layout);
    hal_describe_operand(&c->d, &t);
    return HAL_OK;
}

static hal_status describe_action(cutter *c, const hal_action *a)
{
    static const hal_copy_attrs copy = {HAL_HEAD(hal_copy_attrs)};
    static const hal_unpack_attrs unpack = {HAL_HEAD(hal_unpack_attrs)};
    const hal_plan *plan = c->plan;
    const void *own = a->op == HAL_OP_UNPACK ? (const void *)&unpack : &copy;
    const void *attrs = a->node ? hal_graph_node_at(plan->graph, a->node)->attrs : own;
    const char *name = a->node ? hal_plan_node_name(plan->graph, a->node)
                               : hal_graph_value(plan->graph, plan->operands[a->first].value)->name;
    hal_describe_op(&c->d, hal_op_describe(a->op), attrs, name, a->n_in, a->n_out);
    for (uint32_t i = 0; i < a->n_in + a->n_out; i++)
        HAL_TRY(describe_operand(c, &plan->operands[a->first + i]));
    return HAL_OK;
}

static hal_status describe_step(cutter *c, hal_step *step)
{
    hal_plan *plan = c->plan;
    const hal_graph *g = plan->graph;
    for (uint32_t s = 0; s <= plan->n_storages; s++)
        c->binding_of[s] = HAL_NONE;
    step->first_binding = plan->n_bindings;
    hal_describe_begin(&c->d, plan->allocator);
    for (uint32_t s = 0; s < g->n_symbols; s++)
        hal_describe_symbol(&c->d, g->symbols[s].min, g->symbols[s].max, g->symbols[s].multiple);
    hal_status status = HAL_OK;
    for (uint32_t i = 0; i < step->n && status == HAL_OK; i++)
        status = describe_action(c, &plan->actions[step->first + i]);
    step->n_bindings = plan->n_bindings - step->first_binding;
    if (status == HAL_OK)
        return hal_describe_finish(&c->d, &step->program);
    hal_describe_discard(&c->d);
    return status;
}

static bool continues(const hal_plan *plan, const hal_step *step, const hal_action *next)
{
    return next->op && plan->actions[step->first].op && next->device == step->device;
}

static hal_status add_step(hal_plan *plan, uint32_t action)
{
    if (!HAL_PLAN_GROW(plan, steps))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    plan->steps[plan->n_steps++] = (hal_step){.device = plan->actions[action].device, .first = action};
    return HAL_OK;
}

hal_status hal_program_cut(hal_plan *plan)
{
    for (uint32_t a = 0; a < plan->n_actions; a++) {
        if (!plan->n_steps || !continues(plan, &plan->steps[plan->n_steps - 1], &plan->actions[a]))
            HAL_TRY(add_step(plan, a));
        plan->steps[plan->n_steps - 1].n++;
    }
    cutter c = {.plan = plan,
                .binding_of = hal_allocate_array(plan->allocator, plan->n_storages + 1u, sizeof(uint32_t))};
    if (!c.binding_of)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = HAL_OK;
    for (uint32_t s = 0; s < plan->n_steps && status == HAL_OK; s++)
        if (plan->actions[plan->steps[s].first].op)
            status = describe_step(&c, &plan->steps[s]);
    hal_deallocate(plan->allocator, c.binding_of);
    return status;
}

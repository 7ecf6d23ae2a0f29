/* SPDX-License-Identifier: Apache-2.0 */
/* Making and dropping a plan. */
#include "plan_internal.h"

void hal_plan_weaken(hal_plan *plan)
{
    plan->weak = true;
    for (uint32_t d = 0; d < plan->n_devices; d++)
        hal_device_release(plan->devices[d].device);
    hal_instance_release(plan->instance);
}

static void plan_free(hal_plan *plan)
{
    const hal_allocator *a = plan->allocator;
    for (uint32_t s = 0; s < plan->n_steps; s++)
        hal_deallocate(a, plan->steps[s].program);
    for (uint32_t r = 0; r < plan->n_reasons; r++)
        hal_deallocate(a, plan->reasons[r]);
    for (uint32_t d = 0; d < plan->n_devices && !plan->weak; d++)
        hal_device_release(plan->devices[d].device);
    void *arrays[] = {plan->map,      plan->device_of, plan->reason_of, plan->live,     plan->views,    plan->layouts,
                      plan->pin_of,   plan->last_use,  plan->home,      plan->fetch,    plan->reasons,
                      plan->devices,  plan->storages,  plan->actions,   plan->operands, plan->steps,
                      plan->bindings, plan->arenas};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hal_deallocate(a, arrays[i]);
    hal_graph_release(plan->graph);
    hal_instance *instance = plan->weak ? NULL : plan->instance;
    hal_deallocate(a, plan);
    hal_instance_release(instance);
}

hal_plan *hal_plan_retain(hal_plan *plan)
{
    if (plan)
        atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
    return plan;
}

void hal_plan_release(hal_plan *plan)
{
    if (plan && atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) == 1)
        plan_free(plan);
}

static hal_status add_device(hal_plan *plan, const char *alias)
{
    hal_plan_device *d = &plan->devices[plan->n_devices];
    void *backend_device;
    hal_device_info info;
    hal_memory_info memory;
    if (!alias)
        return HAL_FAIL(INVALID_ARGUMENT, "device %u of the plan has no name", plan->n_devices);
    HAL_TRY(hal_device_find(plan->instance, alias, &d->device));
    plan->n_devices++;
    for (uint32_t i = 0; i + 1 < plan->n_devices; i++)
        if (plan->devices[i].device == d->device)
            return HAL_FAIL(INVALID_ARGUMENT, "device \"%s\" is named twice", alias);
    HAL_TRY(hal_device_activate(d->device, &backend_device));
    hal_device_describe(d->device, &info);
    hal_memory_describe(hal_memory_get(plan->instance, info.memory), &memory);
    uint64_t features = hal_device_backend(d->device)->features;
    d->alias = hal_device_alias(d->device);
    d->memory = info.memory;
    d->host_access = memory.host_access;
    d->in_place = (features & HAL_FEATURE_IN_PLACE) != 0;
    d->dynamic = (features & HAL_FEATURE_DYNAMIC) != 0;
    return HAL_OK;
}

static hal_status add_devices(hal_plan *plan, const hal_plan_options *options)
{
    static const char *const usual[] = {"cpu0"};
    const char *const *names = options->n_devices ? options->devices : usual;
    uint32_t n = options->n_devices ? options->n_devices : 1;
    if (!names)
        return HAL_FAIL(INVALID_ARGUMENT, "%u devices but no names", n);
    plan->devices = hal_allocate_array(plan->allocator, n, sizeof *plan->devices);
    if (!plan->devices)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t i = 0; i < n; i++)
        HAL_TRY(add_device(plan, names[i]));
    return HAL_OK;
}

/* The arrays of the source graph, every value mapped to itself. */
static hal_status begin(hal_plan *plan, hal_graph *graph)
{
    const hal_allocator *a = plan->allocator;
    plan->graph = hal_graph_retain(graph);
    plan->source = graph;
    plan->n_source = graph->n_values;
    plan->map = hal_allocate_array(a, graph->n_values + 1u, sizeof *plan->map);
    plan->device_of = hal_allocate_array(a, graph->n_nodes + 1u, sizeof *plan->device_of);
    plan->reason_of = hal_allocate_array(a, graph->n_nodes + 1u, sizeof *plan->reason_of);
    plan->pin_of = hal_allocate_array(a, graph->n_values + 1u, sizeof *plan->pin_of);
    if (!plan->map || !plan->device_of || !plan->reason_of || !plan->pin_of || !HAL_PLAN_GROW(plan, reasons))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    plan->reasons[plan->n_reasons++] = NULL;
    for (uint32_t v = 0; v < graph->n_values; v++)
        plan->map[v] = v;
    return HAL_OK;
}

static hal_status fill(hal_plan *plan, hal_graph *graph, const hal_plan_options *options, bool *refused)
{
    HAL_TRY(add_devices(plan, options));
    HAL_TRY(begin(plan, graph));
    HAL_TRY(hal_place(plan, options));
    HAL_TRY(hal_support_settle(plan, options, refused));
    if (*refused)
        return HAL_OK;
    if (options->pack_variables)
        HAL_TRY(hal_layout_choose(plan));
    HAL_TRY(hal_lower(plan));
    if (!plan->n_actions)
        return HAL_FAIL(INVALID_ARGUMENT, "the graph computes nothing: mark an output or assign a variable");
    HAL_TRY(hal_arena_pack(plan));
    HAL_TRY(hal_arena_check(plan, 1, NULL));
    return hal_program_cut(plan);
}

static hal_status make(hal_instance *instance, hal_graph *graph, const hal_plan_options *options,
                       hal_plan **plan, bool *refused)
{
    const hal_allocator *allocator = hal_instance_allocator(instance);
    hal_plan *p = hal_allocate(allocator, sizeof *p);
    if (!p)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    atomic_init(&p->references, 1);
    p->instance = hal_instance_retain(instance);
    p->allocator = allocator;
    hal_status status = fill(p, graph, options, refused);
    if (status == HAL_OK && !*refused)
        *plan = p;
    else
        plan_free(p);
    return status;
}

/* Options as this library knows them, from a caller who may know fewer. */
static hal_plan_options known(const hal_plan_options *options)
{
    hal_plan_options o = {HAL_HEAD(hal_plan_options)};
    size_t size = options && options->head.size < sizeof o ? options->head.size : sizeof o;
    if (options)
        memcpy(&o, options, size);
    return o;
}

hal_status hal_plan_create(hal_instance *instance, hal_graph *graph, const hal_plan_options *options,
                           hal_plan **plan)
{
    if (!instance || !graph || !plan)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "hal_plan_create needs an instance, a graph and a place for the plan");
    HAL_TRY(hal_instance_check(instance));
    HAL_TRY(hal_graph_status(graph));
    hal_plan_options o = known(options);
    if (o.n_pins && !o.pins)
        return HAL_FAIL(INVALID_ARGUMENT, "%u pins but no array of pins", o.n_pins);
    bool refused = false;
    hal_status status = make(instance, graph, &o, plan, &refused);
    if (status != HAL_OK || !refused)
        return status;
    o.no_fusion = true;
    return make(instance, graph, &o, plan, &refused);
}

void hal_plan_describe(const hal_plan *plan, hal_plan_info *info)
{
    hal_plan_info i = {.devices = plan->n_devices};
    for (uint32_t s = 0; s < plan->n_steps; s++)
        *(plan->steps[s].program ? &i.programs : &i.transfers) += 1;
    for (uint32_t a = 0; a < plan->n_actions; a++)
        i.ops += plan->actions[a].op != 0;
    for (uint32_t a = 0; a < plan->n_arenas; a++)
        i.arena_bytes += plan->arenas[a].bytes;
    for (uint32_t s = 0; s < plan->n_storages; s++)
        if (plan->storages[s].kind == HAL_BINDING_VARIABLE)
            i.variable_bytes += plan->storages[s].bytes;
    *info = i;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Making and dropping sessions, their variables and programs. */
#include "session_internal.h"

/* How long the library itself waits for work before it reports a device as hung. */
#define PATIENCE_MS 600000
#define RELEASE_MS  10000

static const hal_status no_memory = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);

/* ------------------------------------------------------------------------------------------- freeing -- */

static void free_slot(const hal_session *s, hal_session_slot *slot)
{
    const hal_plan *plan = s->plan;
    for (uint32_t a = 0; slot->arenas && a < plan->n_arenas; a++)
        hal_buffer_release(slot->arenas[a]);
    for (uint32_t i = 0; slot->staged && i < plan->n_storages; i++)
        hal_deallocate(s->allocator, slot->staged[i]);
    void *arrays[] = {slot->arenas, slot->host, slot->where, slot->from, slot->staged, slot->staged_bytes};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hal_deallocate(s->allocator, arrays[i]);
}

static void free_variant(const hal_session *s, hal_variant *v)
{
    for (uint32_t i = 0; v->programs && i < s->plan->n_steps; i++)
        hal_program_release(v->programs[i]);
    hal_deallocate(s->allocator, v->programs);
    hal_deallocate(s->allocator, v->symbols);
}

static void session_free(hal_session *s)
{
    bool idle = true;
    for (uint32_t d = 0; s->queues && d < s->plan->n_devices; d++)
        if (s->queues[d] && hal_queue_release(s->queues[d], hal_deadline_ms(RELEASE_MS)) != HAL_OK)
            idle = false;
    /* A device that hangs may still write to host memory of the session: that is left to it. */
    for (uint32_t i = 0; idle && s->slots && i < s->n_slots; i++)
        free_slot(s, &s->slots[i]);
    for (uint32_t i = 0; i < s->n_variants; i++)
        free_variant(s, &s->variants[i]);
    for (uint32_t i = 0; s->variables && i < s->plan->n_storages; i++)
        hal_buffer_release(s->variables[i]);
    hal_timeline_release(s->timeline);
    void *arrays[] = {s->queues,   s->variables, s->shared, idle ? s->slots : NULL,
                      s->variants, s->required,  s->fed,    s->symbols,
                      s->resolved, s->bindings,  s->points};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hal_deallocate(s->allocator, arrays[i]);
    hal_session_release(s->parent);
    hal_plan *plan = s->plan;
    hal_deallocate(s->allocator, s);
    hal_plan_release(plan);
}

hal_session *hal_session_retain(hal_session *session)
{
    if (session)
        atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
    return session;
}

void hal_session_release(hal_session *session)
{
    if (session && atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) == 1)
        session_free(session);
}

/* ----------------------------------------------------------------------------------------- variables -- */

static bool same_shape(const hal_shape *a, const hal_shape *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (!hal_dim_equal(a->size[d], b->size[d]))
            return false;
    return true;
}

/* Storage of the variable of that full name, HAL_NONE when there is none. */
static uint32_t find_variable(const hal_session *s, const char *name)
{
    const hal_plan *plan = s->plan;
    for (uint32_t i = 0; i < plan->n_storages; i++)
        if (plan->storages[i].kind == HAL_BINDING_VARIABLE &&
            !strcmp(hal_graph_value(plan->graph, plan->storages[i].value)->name, name))
            return i;
    return HAL_NONE;
}

/* Whether the same bytes mean the same to both. */
static bool same_layout(const hal_session *s, const hal_storage *a, const hal_session *t, const hal_storage *b)
{
    if (!a->layout.opaque || !b->layout.opaque)
        return a->layout.opaque == b->layout.opaque;
    return a->layout.id == b->layout.id && a->bytes == b->bytes &&
           hal_device_backend(s->plan->devices[a->layout.device].device) ==
               hal_device_backend(t->plan->devices[b->layout.device].device);
}

static hal_status share_variable(hal_session *s, uint32_t storage)
{
    const hal_storage *mine = &s->plan->storages[storage];
    const hal_value_record *value = hal_graph_value(s->plan->graph, mine->value);
    uint32_t other = find_variable(s->parent, value->name);
    if (other == HAL_NONE)
        return HAL_OK;
    const hal_storage *theirs = &s->parent->plan->storages[other];
    if (!same_shape(&hal_graph_value(s->parent->plan->graph, theirs->value)->shape, &value->shape))
        return HAL_OK;
    if (theirs->memory != mine->memory)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "variable \"%s\" cannot be shared: the sessions keep it in different memories; pin it to "
            "the same device in both plans",
            value->name);
    if (!same_layout(s, mine, s->parent, theirs))
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "variable \"%s\" cannot be shared: one session keeps it packed and the other does not, or "
            "otherwise; plan both with or without pack_variables, and both with products as its only readers",
            value->name);
    s->variables[storage] = hal_buffer_retain(s->parent->variables[other]);
    s->shared[storage] = true;
    return HAL_OK;
}

static hal_status share_variables(hal_session *s)
{
    for (uint32_t i = 0; s->parent && i < s->plan->n_storages; i++)
        if (s->plan->storages[i].kind == HAL_BINDING_VARIABLE)
            HAL_TRY(share_variable(s, i));
    return HAL_OK;
}

uint32_t hal_session_device(const hal_session *s, uint32_t memory)
{
    for (uint32_t d = 0; d < s->plan->n_devices; d++)
        if (s->plan->devices[d].memory == memory)
            return d;
    return 0;
}

static hal_status create_variables(hal_session *s)
{
    const hal_plan *plan = s->plan;
    for (uint32_t i = 0; i < plan->n_storages; i++) {
        const hal_storage *t = &plan->storages[i];
        if (t->kind != HAL_BINDING_VARIABLE || s->variables[i])
            continue;
        hal_device *device = plan->devices[hal_session_device(s, t->memory)].device;
        HAL_TRY(hal_buffer_create(device, t->bytes ? t->bytes : 1, &s->variables[i]));
    }
    return HAL_OK;
}

/* --------------------------------------------------------------------------------------------- slots -- */

hal_binding hal_session_place(const hal_session *s, const hal_session_slot *slot, uint32_t storage)
{
    const hal_storage *t = &s->plan->storages[storage];
    if (t->kind == HAL_BINDING_VARIABLE)
        return (hal_binding){s->variables[storage], NULL, 0};
    if (t->memory == HAL_MEMORY_HOST)
        return (hal_binding){NULL, slot->host, t->offset};
    uint32_t arena = hal_arena_find(s->plan, t->memory);
    return (hal_binding){arena == HAL_NONE ? NULL : slot->arenas[arena], NULL, t->offset};
}

static hal_status create_slot(hal_session *s, hal_session_slot *slot)
{
    const hal_plan *plan = s->plan;
    slot->arenas = hal_allocate_array(s->allocator, plan->n_arenas + 1u, sizeof(hal_buffer *));
    slot->where = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *slot->where);
    slot->staged = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *slot->staged);
    slot->staged_bytes = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *slot->staged_bytes);
    slot->from = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *slot->from);
    if (!slot->arenas || !slot->where || !slot->from || !slot->staged || !slot->staged_bytes)
        return no_memory;
    for (uint32_t a = 0; a < plan->n_arenas; a++) {
        const hal_arena *arena = &plan->arenas[a];
        if (arena->memory == HAL_MEMORY_HOST) {
            slot->host = hal_allocate(s->allocator, arena->bytes);
            if (!slot->host)
                return no_memory;
        } else {
            hal_device *device = plan->devices[hal_session_device(s, arena->memory)].device;
            HAL_TRY(hal_buffer_create(device, arena->bytes, &slot->arenas[a]));
        }
    }
    for (uint32_t i = 0; i < plan->n_storages; i++)
        slot->where[i] = hal_session_place(s, slot, i);
    return HAL_OK;
}

static hal_status create_slots(hal_session *s, uint32_t n)
{
    s->slots = hal_allocate_array(s->allocator, n, sizeof *s->slots);
    if (!s->slots)
        return no_memory;
    s->n_slots = n;
    for (uint32_t i = 0; i < n; i++)
        HAL_TRY(create_slot(s, &s->slots[i]));
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------ programs -- */

static hal_status compile_step(hal_session *s, const hal_step *step, const int64_t *symbols,
                               hal_program **program)
{
    const hal_plan_device *d = &s->plan->devices[step->device];
    int64_t deadline = hal_deadline_ms(PATIENCE_MS);
    if (d->dynamic || !step->program->n_symbols)
        return hal_program_compile(d->device, step->program, step->program->bytes, deadline, program);
    hal_description *constant;
    HAL_TRY(hal_describe_specialise(s->allocator, step->program, symbols, &constant));
    hal_status status = hal_program_compile(d->device, constant, constant->bytes, deadline, program);
    hal_deallocate(s->allocator, constant);
    return status;
}

static hal_status compile_all(hal_session *s, const int64_t *symbols, hal_program **programs)
{
    const hal_plan *plan = s->plan;
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        const hal_step *step = &plan->steps[i];
        if (!step->program)
            continue;
        if (s->n_variants && plan->devices[step->device].dynamic)
            programs[i] = hal_program_retain(s->variants[0].programs[i]);
        else
            HAL_TRY(compile_step(s, step, symbols, &programs[i]));
    }
    return HAL_OK;
}

static hal_status add_variant(hal_session *s)
{
    uint32_t n = s->plan->graph->n_symbols;
    hal_variant v = {hal_allocate_array(s->allocator, n + 1u, sizeof *v.symbols),
                     hal_allocate_array(s->allocator, s->plan->n_steps, sizeof *v.programs)};
    hal_status status = v.symbols && v.programs ? compile_all(s, s->symbols, v.programs) : no_memory;
    if (status == HAL_OK && !hal_array_grow(s->allocator, (void **)(void *)&s->variants, s->n_variants,
                                            &s->variants_capacity, sizeof *s->variants))
        status = no_memory;
    if (status != HAL_OK) {
        free_variant(s, &v);
        return status;
    }
    memcpy(v.symbols, s->symbols, n * sizeof *v.symbols);
    s->variants[s->n_variants++] = v;
    return HAL_OK;
}

hal_status hal_session_variant(hal_session *s, hal_program ***programs)
{
    size_t bytes = s->plan->graph->n_symbols * sizeof *s->symbols;
    uint32_t i = 0;
    while (!s->one_variant && i < s->n_variants && memcmp(s->variants[i].symbols, s->symbols, bytes))
        i++;
    if (i == s->n_variants)
        HAL_TRY(add_variant(s));
    *programs = s->variants[i].programs;
    return HAL_OK;
}

/* Programs that do not depend on symbols are compiled now; others when a step brings the sizes. */
static hal_status create_programs(hal_session *s)
{
    const hal_plan *plan = s->plan;
    hal_program **programs;
    s->one_variant = true;
    for (uint32_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].program && plan->graph->n_symbols && !plan->devices[plan->steps[i].device].dynamic)
            s->one_variant = false;
    return s->one_variant ? hal_session_variant(s, &programs) : HAL_OK;
}

/* ---------------------------------------------------------------------------------------------- rest -- */

static hal_status create_queues(hal_session *s)
{
    const hal_plan *plan = s->plan;
    for (uint32_t d = 0; d < plan->n_devices; d++) {
        for (uint32_t p = 0; s->parent && p < s->parent->plan->n_devices && !s->queues[d]; p++)
            if (s->parent->plan->devices[p].device == plan->devices[d].device)
                s->queues[d] = hal_queue_retain(s->parent->queues[p]);
        if (!s->queues[d])
            HAL_TRY(hal_queue_create(plan->devices[d].device, &s->queues[d]));
    }
    return HAL_OK;
}

static void list_required(hal_session *s)
{
    for (uint32_t i = 0; i < s->plan->n_storages; i++)
        if (s->plan->storages[i].kind == HAL_BINDING_INPUT)
            s->required[s->n_required++] = s->plan->storages[i].value;
}

static hal_status create_arrays(hal_session *s)
{
    const hal_plan *plan = s->plan;
    uint32_t most = 0;
    for (uint32_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].n_bindings > most)
            most = plan->steps[i].n_bindings;
    s->queues = hal_allocate_array(s->allocator, plan->n_devices, sizeof *s->queues);
    s->variables = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *s->variables);
    s->shared = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *s->shared);
    s->required = hal_allocate_array(s->allocator, plan->n_storages + 1u, sizeof *s->required);
    s->fed = hal_allocate_array(s->allocator, plan->graph->n_values, sizeof *s->fed);
    s->symbols = hal_allocate_array(s->allocator, plan->graph->n_symbols + 1u, sizeof *s->symbols);
    s->resolved = hal_allocate_array(s->allocator, plan->graph->n_symbols + 1u, sizeof *s->resolved);
    s->bindings = hal_allocate_array(s->allocator, most + 1u, sizeof *s->bindings);
    bool there = s->queues && s->variables && s->shared && s->required && s->fed && s->symbols &&
                 s->resolved && s->bindings;
    return there ? HAL_OK : no_memory;
}

static hal_status fill(hal_session *s, const hal_session_options *options)
{
    s->n_points = 8;
    s->points = hal_allocate_array(s->allocator, s->n_points, sizeof *s->points);
    if (!s->points)
        return no_memory;
    HAL_TRY(create_arrays(s));
    list_required(s);
    HAL_TRY(share_variables(s));
    HAL_TRY(hal_arena_check(s->plan, options->in_flight ? options->in_flight : 1, s->shared));
    HAL_TRY(create_queues(s));
    HAL_TRY(hal_timeline_create(s->plan->instance, &s->timeline));
    HAL_TRY(create_programs(s));
    HAL_TRY(create_variables(s));
    return create_slots(s, options->in_flight ? options->in_flight : 1);
}

hal_status hal_session_create(hal_plan *plan, const hal_session_options *options, hal_session **session)
{
    if (!plan || !session)
        return HAL_FAIL(INVALID_ARGUMENT, "hal_session_create needs a plan and a place for the session");
    HAL_TRY(hal_instance_check(plan->instance));
    hal_session_options o = {HAL_HEAD(hal_session_options)};
    if (options)
        memcpy(&o, options, options->head.size < sizeof o ? options->head.size : sizeof o);
    if (o.in_flight > 1024)
        return HAL_FAIL(INVALID_ARGUMENT, "%u steps in flight are too many: at most 1024", o.in_flight);
    if (o.convert_ms < 0)
        return HAL_FAIL(INVALID_ARGUMENT, "convert_ms is %lld: a wait cannot be negative", (long long)o.convert_ms);
    hal_session *s = hal_allocate(plan->allocator, sizeof *s);
    if (!s)
        return no_memory;
    atomic_init(&s->references, 1);
    s->plan = hal_plan_retain(plan);
    s->allocator = plan->allocator;
    s->parent = hal_session_retain(o.variables_of);
    s->convert_ms = o.convert_ms ? o.convert_ms : PATIENCE_MS;
    hal_status status = fill(s, &o);
    if (status == HAL_OK)
        *session = s;
    else
        session_free(s);
    return status;
}

hal_status hal_session_settle(hal_session *session)
{
    for (hal_session *s = session; s; s = s->parent) {
        hal_status status =
            s->point ? hal_timeline_wait(s->timeline, s->point, hal_deadline_ms(PATIENCE_MS)) : HAL_OK;
        if (hal_status_code(status) == HAL_CODE_DEADLINE_EXCEEDED)
            return status;
    }
    return HAL_OK;
}

/* The storage of a variable for reading or writing all of it: bytes of its logical, row-major form. */
static hal_status open_variable(hal_session *s, const char *name, const void *host, uint64_t bytes,
                                uint32_t *storage)
{
    uint64_t there;
    if (!s || !name || (!host && bytes))
        return HAL_FAIL(INVALID_ARGUMENT, "a session, a variable's name and host memory are needed");
    HAL_TRY(hal_instance_check(s->plan->instance));
    uint32_t found = find_variable(s, name);
    if (found == HAL_NONE)
        return HAL_FAIL(NOT_FOUND, "the session has no variable \"%s\"", name);
    const hal_shape *shape = &hal_graph_value(s->plan->graph, s->plan->storages[found].value)->shape;
    if (!hal_view_bytes(shape, s->plan->graph->symbols, &there) || there != bytes)
        return HAL_FAIL(INVALID_ARGUMENT, "variable \"%s\" has %llu bytes, not %llu", name,
                        (unsigned long long)there, (unsigned long long)bytes);
    HAL_TRY(hal_session_settle(s));
    *storage = found;
    return HAL_OK;
}

hal_status hal_session_write(hal_session *session, const char *variable, const void *host, uint64_t bytes)
{
    uint32_t i;
    HAL_TRY(open_variable(session, variable, host, bytes, &i));
    if (!bytes)
        return HAL_OK;
    if (session->plan->storages[i].layout.opaque)
        return hal_session_pack(session, i, host, bytes);
    return hal_buffer_write(session->variables[i], 0, host, bytes);
}

hal_status hal_session_read(hal_session *session, const char *variable, void *host, uint64_t bytes)
{
    uint32_t i;
    HAL_TRY(open_variable(session, variable, host, bytes, &i));
    if (!bytes)
        return HAL_OK;
    if (session->plan->storages[i].layout.opaque)
        return hal_session_unpack(session, i, host, bytes);
    return hal_buffer_read(session->variables[i], 0, host, bytes);
}

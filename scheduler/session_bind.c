/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds and fetches of one step: checked, symbols resolved, and bound to storages or marked for a copy. */
#include "session_internal.h"

#define PATIENCE_MS 600000

hal_binding hal_session_binding(const hal_tensor *t)
{
    return (hal_binding){t->buffer, t->host, t->offset};
}

bool hal_session_same(hal_binding a, hal_binding b)
{
    return a.buffer == b.buffer && a.host == b.host && a.offset == b.offset;
}

/* Value of the plan's graph, 0 when the plan has dropped it. Only for values that `check_value` let pass. */
static uint32_t planned(const hal_session *s, hal_value value)
{
    return s->plan->map[value.id];
}

uint32_t hal_session_storage(const hal_session *s, uint32_t value, bool fetch)
{
    const hal_plan *plan = s->plan;
    uint32_t id = value < plan->n_source ? plan->map[value] : 0;
    if (!id)
        return HAL_NONE;
    return fetch ? plan->fetch[id] : plan->home[id];
}

uint64_t hal_session_bytes(const hal_session *s, uint32_t storage)
{
    const hal_plan *plan = s->plan;
    const hal_dim *stride = plan->storages[storage].stride;
    const hal_shape *shape = &hal_graph_value(plan->graph, plan->storages[storage].value)->shape;
    uint64_t bytes = hal_dtype_describe(shape->dtype)->block_bytes;
    if (hal_dtype_describe(shape->dtype)->block_elements != 1 || plan->storages[storage].layout.opaque)
        return plan->storages[storage].bytes;
    for (uint32_t d = 0; d < shape->rank; d++) {
        int64_t size = hal_dim_value(shape->size[d], s->symbols);
        if (size == 0)
            return 0;
        bytes += (uint64_t)((size - 1) * hal_dim_value(stride[d], s->symbols));
    }
    return bytes;
}

/* ------------------------------------------------------------------------------------- what is asked -- */

static hal_status check_value(const hal_session *s, hal_value value, const char *what, uint32_t index)
{
    if (value.graph == s->plan->source && value.id && value.id < s->plan->n_source)
        return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s %u names no value of the graph the session was planned from", what,
                    index);
}

static hal_status check_tensor(const hal_tensor *t, const hal_value_record *v, const char *what)
{
    if (!t->buffer == !t->host && !(hal_tensor_elements(t) == 0 && !t->buffer))
        return HAL_FAIL(INVALID_ARGUMENT, "%s of \"%s\": exactly one of buffer and host has to be set", what,
                        v->name);
    if (t->layout.kind)
        return HAL_FAIL(INVALID_ARGUMENT, "%s of \"%s\": an opaque layout is the plan's affair", what,
                        v->name);
    if (t->dtype != v->shape.dtype) {
        const hal_dtype_info *is = hal_dtype_describe(t->dtype), *wanted = hal_dtype_describe(v->shape.dtype);
        return HAL_FAIL(INVALID_ARGUMENT, "%s of \"%s\" has dtype %s, but the graph says %s", what, v->name,
                        is ? is->name : "?", wanted->name);
    }
    if (t->rank != v->shape.rank)
        return HAL_FAIL(INVALID_ARGUMENT, "%s of \"%s\" has %u sizes, but the graph says %u", what, v->name,
                        t->rank, v->shape.rank);
    return t->buffer ? hal_tensor_validate(t) : HAL_OK;
}

static hal_status check_sizes(const hal_session *s, const hal_tensor *t, const hal_value_record *v,
                              const char *what)
{
    for (uint32_t d = 0; d < t->rank; d++) {
        int64_t wanted = hal_dim_value(v->shape.size[d], s->symbols);
        if (t->size[d] != wanted)
            return HAL_FAIL(INVALID_ARGUMENT,
                            "%s of \"%s\" has size %lld on axis %u, but this step makes it %lld", what,
                            v->name, (long long)t->size[d], d, (long long)wanted);
    }
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- symbols -- */

static hal_status check_symbol(const hal_symbol_record *symbol, int64_t value, const char *feed)
{
    if (value < symbol->min || value > symbol->max)
        return HAL_FAIL(INVALID_ARGUMENT, "feed \"%s\" makes size \"%s\" %lld, which is outside %lld..%lld",
                        feed, symbol->name, (long long)value, (long long)symbol->min, (long long)symbol->max);
    if (symbol->multiple > 1 && value % symbol->multiple)
        return HAL_FAIL(INVALID_ARGUMENT, "feed \"%s\" makes size \"%s\" %lld, which is no multiple of %lld",
                        feed, symbol->name, (long long)value, (long long)symbol->multiple);
    return HAL_OK;
}

/* Solves size = base + factor * symbol. */
static hal_status resolve_size(hal_session *s, hal_dim dim, int64_t size, const hal_value_record *v,
                               uint32_t axis)
{
    if (dim.symbol < 0 || s->resolved[dim.symbol])
        return HAL_OK;
    int64_t rest;
    if (size < 0 || __builtin_sub_overflow(size, dim.base, &rest) || rest % dim.factor)
        return HAL_FAIL(INVALID_ARGUMENT, "feed \"%s\": no value of \"%s\" makes the size %lld on axis %u",
                        v->name, s->plan->graph->symbols[dim.symbol].name, (long long)size, axis);
    HAL_TRY(check_symbol(&s->plan->graph->symbols[dim.symbol], rest / dim.factor, v->name));
    s->symbols[dim.symbol] = rest / dim.factor;
    s->resolved[dim.symbol] = true;
    return HAL_OK;
}

static hal_status resolve_feed(hal_session *s, const hal_feed *feed, uint32_t index)
{
    HAL_TRY(check_value(s, feed->value, "feed", index));
    uint32_t id = planned(s, feed->value);
    if (!id)
        return HAL_OK;
    const hal_value_record *v = hal_graph_value(s->plan->graph, id);
    if (v->origin != HAL_ORIGIN_INPUT)
        return HAL_FAIL(INVALID_ARGUMENT, "feed \"%s\" is no input of the graph%s", v->name,
                        v->origin == HAL_ORIGIN_VARIABLE ? ": variables are written with hal_session_write"
                                                         : "");
    HAL_TRY(check_tensor(&feed->tensor, v, "feed"));
    for (uint32_t d = 0; d < v->shape.rank; d++)
        HAL_TRY(resolve_size(s, v->shape.size[d], feed->tensor.size[d], v, d));
    s->fed[id] = s->step;
    return HAL_OK;
}

hal_status hal_session_resolve(hal_session *s, const hal_feed *feeds, uint32_t n)
{
    const hal_graph *g = s->plan->graph;
    for (uint32_t k = 0; k < g->n_symbols; k++) {
        s->resolved[k] = false;
        s->symbols[k] = g->symbols[k].min;
    }
    for (uint32_t i = 0; i < n; i++)
        HAL_TRY(resolve_feed(s, &feeds[i], i));
    for (uint32_t i = 0; i < s->n_required; i++)
        if (s->fed[s->required[i]] != s->step)
            return HAL_FAIL(INVALID_ARGUMENT, "input \"%s\" is not fed",
                            hal_graph_value(g, s->required[i])->name);
    return HAL_OK;
}

/* --------------------------------------------------------------------------------------------- feeds -- */

/* Whether the tensor has the strides that the programs expect of a storage. */
static bool laid_out(const hal_session *s, const hal_tensor *t, uint32_t storage)
{
    if (hal_tensor_elements(t) == 0)
        return true;
    for (uint32_t d = 0; d < t->rank; d++)
        if (t->size[d] != 1 &&
            t->stride[d] != hal_dim_value(s->plan->storages[storage].stride[d], s->symbols))
            return false;
    return true;
}

/* Whether the device of a storage's memory reaches these bytes as they are. */
static bool reachable(const hal_session *s, const hal_tensor *t, uint32_t storage)
{
    uint32_t memory = s->plan->storages[storage].memory;
    if (t->buffer)
        return hal_buffer_memory(t->buffer) == memory;
    return s->plan->devices[hal_session_device(s, memory)].host_access;
}

/* Copies element by element from any strides to those of the storage. */
static void gather(const hal_session *s, const hal_tensor *t, uint32_t storage, const char *from, char *to)
{
    const hal_dim *stride = s->plan->storages[storage].stride;
    size_t bytes = hal_dtype_describe(t->dtype)->block_bytes;
    int64_t index[HAL_MAX_RANK] = {0};
    for (int64_t left = hal_tensor_elements(t); left > 0; left--) {
        memcpy(to, from, bytes);
        for (uint32_t d = t->rank; d-- > 0;) {
            int64_t step = hal_dim_value(stride[d], s->symbols);
            from += t->stride[d];
            to += step;
            if (++index[d] < t->size[d])
                break;
            from -= t->stride[d] * t->size[d];
            to -= step * t->size[d];
            index[d] = 0;
        }
    }
}

/* The feed may be written until the step's waits are reached, and its copy read until the step before is
 * done. */
static hal_status wait_before_staging(hal_session *s, const hal_chain *chain)
{
    for (uint32_t i = 0; i < chain->n_waits; i++)
        HAL_TRY(
            hal_timeline_wait(chain->waits[i].timeline, chain->waits[i].value, hal_deadline_ms(PATIENCE_MS)));
    return hal_session_settle(s);
}

/* Gathers a feed from where the host reaches it; device memory is read whole first, which allocates. */
static hal_status gather_feed(const hal_session *s, const hal_tensor *t, uint32_t storage, char *to)
{
    const char *from = t->buffer ? hal_buffer_host(t->buffer) : t->host;
    if (from) {
        gather(s, t, storage, from + t->offset, to);
        return HAL_OK;
    }
    uint64_t bytes = hal_buffer_size(t->buffer);
    char *copy = hal_allocate(s->allocator, bytes);
    if (!copy)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = hal_buffer_read(t->buffer, 0, copy, bytes);
    if (status == HAL_OK)
        gather(s, t, storage, copy + t->offset, to);
    hal_deallocate(s->allocator, copy);
    return status;
}

/* Makes a row-major copy of a strided feed in host memory of the slot. */
static hal_status stage(hal_session *s, hal_session_slot *slot, const hal_tensor *t, uint32_t storage,
                        const hal_chain *chain)
{
    uint64_t bytes = s->plan->storages[storage].bytes;
    if (hal_dtype_describe(t->dtype)->block_elements != 1)
        return HAL_FAIL(INVALID_ARGUMENT, "feed \"%s\" is of a block type and has to be row-major",
                        hal_graph_value(s->plan->graph, s->plan->storages[storage].value)->name);
    HAL_TRY(wait_before_staging(s, chain));
    if (slot->staged_bytes[storage] < bytes) {
        void *host = hal_allocate(s->allocator, bytes);
        if (!host)
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
        hal_deallocate(s->allocator, slot->staged[storage]);
        slot->staged[storage] = host;
        slot->staged_bytes[storage] = bytes;
    }
    return gather_feed(s, t, storage, slot->staged[storage]);
}

/* Sets `where` and `from` of the storage; they differ when the bytes have to be copied first. */
static hal_status bind_feed(hal_session *s, hal_session_slot *slot, const hal_tensor *t, uint32_t storage,
                            const hal_chain *chain)
{
    hal_tensor plain = *t;
    hal_binding from = hal_session_binding(t), place = hal_session_place(s, slot, storage);
    if (!laid_out(s, t, storage)) {
        HAL_TRY(stage(s, slot, t, storage, chain));
        from = (hal_binding){NULL, slot->staged[storage], 0};
        plain.buffer = NULL;
    }
    bool empty = hal_tensor_elements(t) == 0;
    slot->where[storage] = !empty && reachable(s, &plain, storage) ? from : place;
    slot->from[storage] = empty ? place : from;
    return HAL_OK;
}

hal_status hal_session_bind_feeds(hal_session *s, hal_session_slot *slot, const hal_feed *feeds, uint32_t n,
                                  const hal_chain *chain)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t storage = hal_session_storage(s, feeds[i].value.id, false), id = planned(s, feeds[i].value);
        if (!id)
            continue;
        HAL_TRY(check_sizes(s, &feeds[i].tensor, hal_graph_value(s->plan->graph, id), "feed"));
        if (storage != HAL_NONE)
            HAL_TRY(bind_feed(s, slot, &feeds[i].tensor, storage, chain));
    }
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- fetches -- */

static bool row_major(const hal_tensor *t)
{
    hal_tensor plain = hal_tensor_host(t->host, t->dtype, t->rank, t->size);
    for (uint32_t d = 0; d < t->rank; d++)
        if (t->size[d] != 1 && t->stride[d] != plain.stride[d])
            return false;
    return true;
}

static hal_status check_fetch(const hal_session *s, const hal_fetch *fetch, uint32_t index)
{
    HAL_TRY(check_value(s, fetch->value, "fetch", index));
    uint32_t id = planned(s, fetch->value);
    if (!id || s->plan->fetch[id] == HAL_NONE)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "fetch %u is no output of the graph: mark it with hal_graph_output before planning",
                        index);
    const hal_value_record *v = hal_graph_value(s->plan->graph, id);
    HAL_TRY(check_tensor(&fetch->tensor, v, "fetch"));
    HAL_TRY(check_sizes(s, &fetch->tensor, v, "fetch"));
    if (hal_tensor_elements(&fetch->tensor) == 0)
        return HAL_OK;
    if (!row_major(&fetch->tensor))
        return HAL_FAIL(INVALID_ARGUMENT, "fetch of \"%s\" has to be row-major", v->name);
    uint32_t storage = s->plan->fetch[id];
    if (s->plan->storages[storage].value != id || laid_out(s, &fetch->tensor, storage))
        return HAL_OK;
    return HAL_FAIL(
        UNSUPPORTED,
        "\"%s\" has rows of two sizes that change between steps: reshape it to one before fetching", v->name);
}

hal_status hal_session_bind_fetches(hal_session *s, hal_session_slot *slot, const hal_fetch *fetches,
                                    uint32_t n, uint32_t *copies)
{
    const hal_plan *plan = s->plan;
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        HAL_TRY(check_fetch(s, &fetches[i], i));
    for (uint32_t i = 0; i < plan->n_storages; i++)
        if (plan->storages[i].kind == HAL_BINDING_OUTPUT)
            slot->where[i] = hal_session_place(s, slot, i);
    for (uint32_t i = 0; i < n; i++) {
        const hal_tensor *t = &fetches[i].tensor;
        if (hal_tensor_elements(t) == 0)
            continue;
        uint32_t storage = hal_session_storage(s, fetches[i].value.id, true);
        bool bound = !hal_session_same(slot->where[storage], hal_session_place(s, slot, storage));
        if (!bound && reachable(s, t, storage))
            slot->where[storage] = hal_session_binding(t);
        else
            count++;
    }
    *copies = count;
    return HAL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Packs storages whose lifetimes do not meet into the same bytes: largest first, each into the tightest gap.
 */
#include "plan_internal.h"

#include <stdlib.h>

#define ALIGNMENT 64u

uint32_t hal_arena_find(const hal_plan *plan, uint32_t memory)
{
    for (uint32_t a = 0; a < plan->n_arenas; a++)
        if (plan->arenas[a].memory == memory)
            return a;
    return HAL_NONE;
}

static bool packed(const hal_storage *s)
{
    return s->kind != HAL_BINDING_VARIABLE && s->first != HAL_NONE;
}

/* Largest first, then in the order they were made: the same plan always packs the same way. */
static int by_size(const void *a, const void *b)
{
    const hal_storage *x = *(hal_storage *const *)a, *y = *(hal_storage *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool meet(const hal_storage *a, const hal_storage *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Bytes a storage takes in an arena; at least one, so that every binding has an address. */
static uint64_t room(const hal_storage *s)
{
    return (s->bytes + !s->bytes + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

/* The tightest gap between the storages placed (ordered by offset) that live at the same time; else behind
 * them. */
static uint64_t gap(const hal_storage *s, hal_storage *const *placed, uint32_t n)
{
    uint64_t end = 0, best = UINT64_MAX, slack = UINT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (!meet(s, placed[i]))
            continue;
        if (placed[i]->offset >= end + room(s) && placed[i]->offset - end - room(s) < slack) {
            best = end;
            slack = placed[i]->offset - end - room(s);
        }
        if (placed[i]->offset + room(placed[i]) > end)
            end = placed[i]->offset + room(placed[i]);
    }
    return best == UINT64_MAX ? end : best;
}

static void insert(hal_storage *s, hal_storage **placed, uint32_t n)
{
    uint32_t i = n;
    for (; i > 0 && placed[i - 1]->offset > s->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = s;
}

/* Packs the storages of one memory; `order` holds them by size and `placed` is as large. */
static uint64_t pack(hal_storage *const *order, uint32_t n, hal_storage **placed)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        order[i]->offset = gap(order[i], placed, i);
        insert(order[i], placed, i);
        if (order[i]->offset + room(order[i]) > bytes)
            bytes = order[i]->offset + room(order[i]);
    }
    return bytes;
}

static hal_status add_arena(hal_plan *plan, uint32_t memory)
{
    if (hal_arena_find(plan, memory) != HAL_NONE)
        return HAL_OK;
    if (!HAL_PLAN_GROW(plan, arenas))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    plan->arenas[plan->n_arenas++] = (hal_arena){memory, 0};
    return HAL_OK;
}

static uint32_t collect(const hal_plan *plan, uint32_t memory, hal_storage **order)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < plan->n_storages; s++)
        if (packed(&plan->storages[s]) && plan->storages[s].memory == memory)
            order[n++] = &plan->storages[s];
    qsort(order, n, sizeof *order, by_size);
    return n;
}

/* The offsets of no arena may wrap: all rooms together have to be countable. */
static hal_status check_total(const hal_plan *plan)
{
    uint64_t total = 0;
    for (uint32_t s = 0; s < plan->n_storages; s++) {
        const hal_storage *t = &plan->storages[s];
        if (t->bytes > INT64_MAX - ALIGNMENT || __builtin_add_overflow(total, room(t), &total) ||
            total > INT64_MAX)
            return HAL_FAIL(OUT_OF_MEMORY,
                            "\"%s\" needs %llu bytes: the values of a step cannot be counted in 64 bits",
                            hal_graph_value(plan->graph, t->value)->name, (unsigned long long)t->bytes);
    }
    return HAL_OK;
}

hal_status hal_arena_pack(hal_plan *plan)
{
    HAL_TRY(check_total(plan));
    for (uint32_t s = 0; s < plan->n_storages; s++)
        if (packed(&plan->storages[s]))
            HAL_TRY(add_arena(plan, plan->storages[s].memory));
    size_t n = plan->n_storages + 1u;
    hal_storage **order = hal_allocate_array(plan->allocator, 2 * n, sizeof(hal_storage *));
    if (!order)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t a = 0; a < plan->n_arenas; a++)
        plan->arenas[a].bytes = pack(order, collect(plan, plan->arenas[a].memory, order), order + n);
    hal_deallocate(plan->allocator, order);
    return HAL_OK;
}

/* -------------------------------------------------------------------------------------------- memory -- */

static uint64_t variable_bytes(const hal_plan *plan, uint32_t memory, const bool *shared)
{
    uint64_t bytes = 0;
    for (uint32_t s = 0; s < plan->n_storages; s++) {
        const hal_storage *t = &plan->storages[s];
        if (t->kind == HAL_BINDING_VARIABLE && t->memory == memory && !(shared && shared[s]))
            bytes += room(t);
    }
    return bytes;
}

/* The largest value of a memory, the one to name when it does not fit. */
static const char *largest(const hal_plan *plan, uint32_t memory, uint64_t *bytes)
{
    const hal_storage *most = NULL;
    for (uint32_t s = 0; s < plan->n_storages; s++) {
        const hal_storage *t = &plan->storages[s];
        if (t->memory == memory && (!most || t->bytes > most->bytes))
            most = t;
    }
    *bytes = most ? most->bytes : 0;
    return most ? hal_graph_value(plan->graph, most->value)->name : "";
}

static hal_status check_memory(const hal_plan *plan, uint32_t memory, uint32_t slots, const bool *shared)
{
    hal_memory_info info;
    hal_memory_describe(hal_memory_get(plan->instance, memory), &info);
    uint32_t arena = hal_arena_find(plan, memory);
    uint64_t variables = variable_bytes(plan, memory, shared), needed, biggest;
    uint64_t one = arena == HAL_NONE ? 0 : plan->arenas[arena].bytes;
    bool overflow =
        __builtin_mul_overflow(one, slots, &needed) || __builtin_add_overflow(needed, variables, &needed);
    uint64_t there = shared || !info.capacity ? info.available : info.capacity;
    if (!there || (!overflow && needed <= there))
        return HAL_OK;
    const char *name = largest(plan, memory, &biggest);
    return HAL_FAIL(
        OUT_OF_MEMORY,
        "memory \"%s\" is too small: variables need %llu bytes and values of a step %u times %llu, but "
        "%llu are there; the largest is \"%s\" with %llu: take a smaller batch, context or model, or pin "
        "parts "
        "elsewhere",
        info.name, (unsigned long long)variables, slots, (unsigned long long)one, (unsigned long long)there,
        name, (unsigned long long)biggest);
}

hal_status hal_arena_check(const hal_plan *plan, uint32_t slots, const bool *shared)
{
    for (uint32_t d = 0; d < plan->n_devices; d++) {
        uint32_t first = 0;
        while (plan->devices[first].memory != plan->devices[d].memory)
            first++;
        if (first == d)
            HAL_TRY(check_memory(plan, plan->devices[d].memory, slots, shared));
    }
    return HAL_OK;
}

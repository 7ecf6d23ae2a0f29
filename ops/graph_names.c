/* SPDX-License-Identifier: Apache-2.0 */
/* Names of values: scopes, uniqueness, and the index from names to values. */
#include <ops/graph_names.h>
#include <hal/core.h>
#include <stdarg.h>

static uint32_t text_hash(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

/* Slot where `full` stands or would be put. The table is never full. */
static uint32_t slot_of(const hal_graph *g, const char *full)
{
    uint32_t mask = g->hash_size - 1, slot = text_hash(full) & mask;
    while (g->hash[slot] && strcmp(g->values[g->hash[slot]].name, full)) slot = (slot + 1) & mask;
    return slot;
}

/* Keeps the table at most half full. */
static bool index_reserve(hal_graph *g)
{
    if (g->hash && g->n_values <= g->hash_size / 2) return true;
    uint32_t size = g->hash_size ? g->hash_size * 2 : 64, *old = g->hash, old_size = g->hash_size;
    if (!size) return false;
    uint32_t *table = hal_allocate_array(&g->allocator, size, sizeof *table);
    if (!table) return false;
    g->hash = table;
    g->hash_size = size;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i]) g->hash[slot_of(g, g->values[old[i]].name)] = old[i];
    hal_deallocate(&g->allocator, old);
    return true;
}

uint32_t hal_graph_name_find(const hal_graph *graph, const char *full)
{
    return graph->hash ? graph->hash[slot_of(graph, full)] : 0;
}

void hal_graph_name_remove(hal_graph *graph, uint32_t id)
{
    uint32_t mask = graph->hash_size - 1, hole = slot_of(graph, graph->values[id].name);
    if (graph->hash[hole] != id) return;
    graph->hash[hole] = 0;
    /* Entries behind the hole move into it when their own chain runs through it, so that no marks for deleted
     * ones are needed. */
    for (uint32_t i = (hole + 1) & mask; graph->hash[i]; i = (i + 1) & mask) {
        uint32_t home = text_hash(graph->values[graph->hash[i]].name) & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        graph->hash[hole] = graph->hash[i];
        graph->hash[i] = 0;
        hole = i;
    }
}

/* Writes "<full>.<n>" (n 0: "<full>") and says whether it is free. */
static bool name_try(const hal_graph *g, const char *full, uint32_t n, char *text, size_t size)
{
    if (n) snprintf(text, size, "%s.%u", full, n);
    else snprintf(text, size, "%s", full);
    return !hal_graph_name_find(g, text);
}

/* Numbers are given in order, so the first free one is found by doubling and halving instead of one by one.
 */
static void name_free(const hal_graph *g, const char *full, char *text, size_t size)
{
    uint32_t taken = 0, free_ = 1;
    if (name_try(g, full, 0, text, size)) return;
    while (!name_try(g, full, free_, text, size)) {
        taken = free_;
        free_ *= 2;
    }
    while (free_ - taken > 1) {
        uint32_t middle = taken + (free_ - taken) / 2;
        if (name_try(g, full, middle, text, size)) free_ = middle;
        else taken = middle;
    }
    name_try(g, full, free_, text, size);
}

bool hal_graph_name_give_full(hal_graph *graph, uint32_t id, const char *full)
{
    size_t size = strlen(full) + 16;
    char *text = hal_allocate(&graph->allocator, size);
    if (!text || !index_reserve(graph)) {
        hal_deallocate(&graph->allocator, text);
        return false;
    }
    hal_value_record *value = &graph->values[id];
    if (value->name) hal_graph_name_remove(graph, id);
    name_free(graph, full, text, size);
    hal_deallocate(&graph->allocator, value->name);
    value->name = text;
    graph->hash[slot_of(graph, text)] = id;
    return true;
}

bool hal_graph_names_replace(hal_graph *graph, uint32_t first, uint32_t n, const char *const *full)
{
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) {
        hal_graph_name_remove(graph, first + i);
        hal_deallocate(&graph->allocator, graph->values[first + i].name);
        graph->values[first + i].name = NULL;
    }
    for (uint32_t i = 0; i < n; i++) ok = hal_graph_name_give_full(graph, first + i, full[i]) && ok;
    return ok;
}

/* Between the parts of a scope stands LEVEL instead of a dot, since a pushed name may itself hold dots
 * ("layer.3"). */
#define LEVEL '\x1f'

void hal_graph_name_join(const hal_graph *graph, const char *name, char *text, size_t size)
{
    int used = snprintf(text, size, "%s%s%s", graph->scope, *graph->scope ? "." : "", name);
    for (int i = 0; i < used && (size_t)i < size; i++)
        if (text[i] == LEVEL) text[i] = '.';
}

bool hal_graph_name_give(hal_graph *graph, uint32_t id, const char *name)
{
    size_t size = strlen(graph->scope) + strlen(name) + 2;
    char *full = hal_allocate(&graph->allocator, size);
    if (!full) return false;
    hal_graph_name_join(graph, name, full, size);
    bool ok = hal_graph_name_give_full(graph, id, full);
    hal_deallocate(&graph->allocator, full);
    return ok;
}

static void name_no_memory(hal_graph *g)
{
    hal_graph_fail(g, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY),
                   "graph: no host memory for a name; free memory");
}

void hal_graph_push(hal_graph *graph, const char *format, ...)
{
    if (!graph) return;
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    size_t size = strlen(graph->scope) + strlen(name) + 2;
    char *scope = hal_allocate(&graph->allocator, size);
    if (!scope) {
        name_no_memory(graph);
        return;
    }
    size_t used = strlen(graph->scope);
    memcpy(scope, graph->scope, used);
    if (used) scope[used++] = LEVEL;
    memcpy(scope + used, name, strlen(name) + 1);
    hal_deallocate(&graph->allocator, graph->scope);
    graph->scope = scope;
}

void hal_graph_pop(hal_graph *graph)
{
    if (!graph) return;
    char *level = strrchr(graph->scope, LEVEL);
    *(level ? level : graph->scope) = 0;
}

void hal_graph_set_name(hal_graph *graph, hal_value value, const char *name)
{
    if (!graph || graph->status != HAL_OK || !name || !*name) return;
    if (!value.id || value.id >= graph->n_values || value.graph != graph) return;
    if (!hal_graph_name_give(graph, value.id, name)) name_no_memory(graph);
}

const char *hal_graph_name(const hal_graph *graph, hal_value value)
{
    if (!graph || !value.id || value.id >= graph->n_values || value.graph != graph) return "";
    return graph->values[value.id].name;
}

hal_value hal_graph_find(const hal_graph *graph, const char *name)
{
    uint32_t id = graph && name ? hal_graph_name_find(graph, name) : 0;
    return id ? (hal_value){(hal_graph *)(uintptr_t)graph, id} : HAL_NO_VALUE;
}

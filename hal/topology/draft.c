/* SPDX-License-Identifier: Apache-2.0 */
/* Additions to a draft. Arrays of a device have room for the next power of two of their entries, so that
   growing them needs no count of its own. */
#include "hal/topology/model.h"

#include <stdarg.h>
#include <stdio.h>

#define BLOCK_BYTES 16384u

void *hal_block_take(hal_topology *t, size_t bytes)
{
    size_t rounded, total;
    hal_block *b = t->blocks;
    if (__builtin_add_overflow(bytes, _Alignof(max_align_t) - 1, &rounded))
        goto starved;
    rounded &= ~(_Alignof(max_align_t) - 1);
    if (b == NULL || b->size - b->used < rounded) {
        size_t size = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
        if (__builtin_add_overflow(size, sizeof *b, &total) ||
            (b = hal_allocate(&t->allocator, total)) == NULL)
            goto starved;
        b->size = size;
        b->next = t->blocks;
        t->blocks = b;
    }
    b->used += rounded;
    return b->bytes + (b->used - rounded);
starved:
    t->starved = true;
    return NULL;
}

static const char *copy_text(hal_topology *t, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return "";
    size_t bytes = strlen(text) + 1;
    char *copy = hal_block_take(t, bytes);
    return copy == NULL ? "" : memcpy(copy, text, bytes);
}

static void copy_texts(hal_topology *t, void *object, const hal_text_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const char **text = hal_text_at(object, &table->rows[i]);
        *text = copy_text(t, *text);
    }
}

static uint32_t round_up(uint32_t count)
{
    uint32_t room = 1;
    while (room < count && room < 1u << 31)
        room *= 2;
    return room;
}

static void *copy_array(hal_topology *t, const void *items, uint32_t *count, size_t size)
{
    size_t bytes;
    if (*count == 0 || items == NULL) {
        *count = 0;
        return NULL;
    }
    void *copy =
        __builtin_mul_overflow((size_t)round_up(*count), size, &bytes) ? NULL : hal_block_take(t, bytes);
    if (copy == NULL) {
        t->starved = true;
        *count = 0;
        return NULL;
    }
    return memcpy(copy, items, *count * size);
}

/* Room for one more entry at the end of an array, zeroed; the array moves when it is full. */
static void *append(hal_topology *t, const void **items, uint32_t *count, size_t size)
{
    const uint32_t n = *count;
    if ((n & (n - 1)) == 0) {
        size_t bytes;
        void *grown = __builtin_mul_overflow(n == 0 ? 1 : 2 * (size_t)n, size, &bytes)
                          ? NULL
                          : hal_block_take(t, bytes);
        if (grown == NULL)
            return NULL;
        if (n > 0)
            memcpy(grown, *items, n * size);
        *items = grown;
    }
    *count = n + 1;
    union { /* what was given out as const was made here */
        const void *in;
        char *out;
    } base = {*items};
    return base.out + n * size;
}

hal_status hal_draft_create(const hal_allocator *allocator, hal_draft **draft)
{
    hal_draft *d = hal_allocate(allocator, sizeof *d);
    if (d == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (allocator != NULL)
        d->topology.allocator = *allocator;
    atomic_init(&d->topology.references, 1);
    d->topology.memory_left = UINT64_MAX;
    copy_texts(&d->topology, &d->topology.host, &hal_texts_host);
    *draft = d;
    return HAL_OK;
}

void hal_draft_destroy(hal_draft *draft)
{
    if (draft != NULL)
        hal_topology_free(&draft->topology);
}

/* A slot for one more object; NULL when out of memory. */
static void *more(hal_topology *t, void **items, uint32_t count, uint32_t *room, size_t size)
{
    if (count == HAL_NOWHERE - 1 || !hal_array_grow(&t->allocator, items, count, room, size)) {
        t->starved = true;
        return NULL;
    }
    return (char *)*items + count * size;
}

static void name(hal_topology *t, hal_name_space space, const char *id, uint32_t index)
{
    if (id[0] != '\0' && !hal_lookup_add(t, space, id, index))
        t->starved = true;
}

uint32_t hal_draft_add_place(hal_draft *draft, const hal_topology_place *place)
{
    hal_topology *t = &draft->topology;
    hal_topology_place *p = more(t, (void **)&t->places, t->n_places, &t->room_places, sizeof *p);
    if (p == NULL)
        return HAL_NOWHERE;
    *p = *place;
    copy_texts(t, p, &hal_texts_place);
    name(t, HAL_SPACE_PLACE, p->id, t->n_places);
    return t->n_places++;
}

uint32_t hal_draft_add_memory(hal_draft *draft, const hal_topology_memory *memory)
{
    hal_topology *t = &draft->topology;
    hal_topology_memory *m = more(t, (void **)&t->memories, t->n_memories, &t->room_memories, sizeof *m);
    if (m == NULL)
        return HAL_NOWHERE;
    *m = *memory;
    copy_texts(t, m, &hal_texts_memory);
    name(t, HAL_SPACE_MEMORY, m->id, t->n_memories);
    return t->n_memories++;
}

static const char *const *copy_list(hal_topology *t, const char *const *list, uint32_t *count)
{
    const char **copy = copy_array(t, list, count, sizeof *copy);
    for (uint32_t i = 0; i < *count; i++)
        copy[i] = copy_text(t, copy[i]);
    return copy;
}

static void copy_arrays(hal_topology *t, hal_topology_device *d)
{
    hal_native_index *indices = copy_array(t, d->indices, &d->n_indices, sizeof *indices);
    hal_compute_rate *rates = copy_array(t, d->rates, &d->n_rates, sizeof *rates);
    hal_rung *rungs = copy_array(t, d->rungs, &d->n_rungs, sizeof *rungs);
    for (uint32_t i = 0; i < d->n_indices; i++)
        indices[i].api = copy_text(t, indices[i].api);
    for (uint32_t i = 0; i < d->n_rates; i++) {
        rates[i].dtype = copy_text(t, rates[i].dtype);
        rates[i].op_class = copy_text(t, rates[i].op_class);
    }
    for (uint32_t i = 0; i < d->n_rungs; i++) {
        rungs[i].code = copy_text(t, rungs[i].code);
        rungs[i].evidence = copy_text(t, rungs[i].evidence);
    }
    d->memories = copy_array(t, d->memories, &d->n_memories, sizeof *d->memories);
    d->indices = indices;
    d->rates = rates;
    d->rungs = rungs;
    d->features = copy_list(t, d->features, &d->n_features);
    d->nodes = copy_list(t, d->nodes, &d->n_nodes);
    d->ways = copy_list(t, d->ways, &d->n_ways);
}

uint32_t hal_draft_add_device(hal_draft *draft, const hal_topology_device *device)
{
    hal_topology *t = &draft->topology;
    hal_topology_device *d = more(t, (void **)&t->devices, t->n_devices, &t->room_devices, sizeof *d);
    if (d == NULL)
        return HAL_NOWHERE;
    *d = *device;
    copy_texts(t, d, &hal_texts_device);
    copy_arrays(t, d);
    name(t, HAL_SPACE_DEVICE, d->id, t->n_devices);
    name(t, HAL_SPACE_DEVICE, d->address, t->n_devices);
    return t->n_devices++;
}

uint32_t hal_draft_add_link(hal_draft *draft, const hal_topology_link *link)
{
    hal_topology *t = &draft->topology;
    hal_topology_link *l = more(t, (void **)&t->links, t->n_links, &t->room_links, sizeof *l);
    if (l == NULL)
        return HAL_NOWHERE;
    *l = *link;
    copy_texts(t, l, &hal_texts_link);
    return t->n_links++;
}

uint32_t hal_draft_add_diagnostic(hal_draft *draft, const hal_topology_diagnostic *diagnostic)
{
    hal_topology *t = &draft->topology;
    hal_topology_diagnostic *d =
        more(t, (void **)&t->diagnostics, t->n_diagnostics, &t->room_diagnostics, sizeof *d);
    if (d == NULL)
        return HAL_NOWHERE;
    *d = *diagnostic;
    copy_texts(t, d, &hal_texts_diagnostic);
    return t->n_diagnostics++;
}

void hal_draft_report(hal_draft *draft, const char *code, const char *evidence)
{
    const hal_topology *t = &draft->topology;
    const hal_code_row *row = hal_code_explain(code);
    for (uint32_t i = 0; i < t->n_diagnostics; i++)
        if (strcmp(t->diagnostics[i].code, code) == 0 && strcmp(t->diagnostics[i].evidence, evidence) == 0)
            return;
    if (row != NULL)
        hal_draft_add_diagnostic(draft, &(hal_topology_diagnostic){.code = row->code,
                                                                   .severity = row->severity,
                                                                   .device = HAL_NOWHERE,
                                                                   .summary = row->summary,
                                                                   .evidence = evidence,
                                                                   .cause = row->cause,
                                                                   .remedy = row->remedy});
}

hal_topology_host *hal_draft_host(hal_draft *draft)
{
    return &draft->topology.host;
}
hal_topology_place *hal_draft_place(hal_draft *draft, uint32_t index)
{
    return index < draft->topology.n_places ? &draft->topology.places[index] : NULL;
}
hal_topology_memory *hal_draft_memory(hal_draft *draft, uint32_t index)
{
    return index < draft->topology.n_memories ? &draft->topology.memories[index] : NULL;
}
hal_topology_device *hal_draft_device(hal_draft *draft, uint32_t index)
{
    return index < draft->topology.n_devices ? &draft->topology.devices[index] : NULL;
}
hal_topology_link *hal_draft_link(hal_draft *draft, uint32_t index)
{
    return index < draft->topology.n_links ? &draft->topology.links[index] : NULL;
}
uint32_t hal_draft_place_count(const hal_draft *draft)
{
    return draft->topology.n_places;
}
uint32_t hal_draft_memory_count(const hal_draft *draft)
{
    return draft->topology.n_memories;
}
uint32_t hal_draft_device_count(const hal_draft *draft)
{
    return draft->topology.n_devices;
}
uint32_t hal_draft_link_count(const hal_draft *draft)
{
    return draft->topology.n_links;
}

const char *hal_draft_text(hal_draft *draft, const char *text)
{
    return copy_text(&draft->topology, text);
}

const char *hal_draft_format(hal_draft *draft, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = length <= 0 ? NULL : hal_block_take(&draft->topology, (size_t)length + 1);
    if (text == NULL)
        return "";
    va_start(list, format);
    vsnprintf(text, (size_t)length + 1, format, list);
    va_end(list);
    return text;
}

void hal_draft_device_memory(hal_draft *draft, uint32_t device, uint32_t memory)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d == NULL || memory == HAL_NOWHERE)
        return;
    uint32_t *m = append(&draft->topology, (const void **)&d->memories, &d->n_memories, sizeof *m);
    if (m != NULL)
        *m = memory;
}

void hal_draft_device_index(hal_draft *draft, uint32_t device, const char *api, uint32_t platform,
                            uint32_t index)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d == NULL)
        return;
    hal_native_index *i = append(&draft->topology, (const void **)&d->indices, &d->n_indices, sizeof *i);
    if (i != NULL)
        *i = (hal_native_index){hal_draft_text(draft, api), platform, index};
}

void hal_draft_device_rate(hal_draft *draft, uint32_t device, const char *dtype, const char *op_class,
                           hal_figure rate)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d == NULL)
        return;
    hal_compute_rate *r = append(&draft->topology, (const void **)&d->rates, &d->n_rates, sizeof *r);
    if (r != NULL)
        *r = (hal_compute_rate){hal_draft_text(draft, dtype), hal_draft_text(draft, op_class), rate};
}

/* Words say something: empty ones are not kept. */
static void add_word(hal_draft *draft, const char *const **list, uint32_t *count, const char *word)
{
    const char **w = word[0] == '\0' ? NULL : append(&draft->topology, (const void **)list, count, sizeof *w);
    if (w != NULL)
        *w = hal_draft_text(draft, word);
}

void hal_draft_device_feature(hal_draft *draft, uint32_t device, const char *feature)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d != NULL)
        add_word(draft, &d->features, &d->n_features, feature);
}

void hal_draft_device_node(hal_draft *draft, uint32_t device, const char *node)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d != NULL)
        add_word(draft, &d->nodes, &d->n_nodes, node);
}

void hal_draft_device_way(hal_draft *draft, uint32_t device, const char *way)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d != NULL)
        add_word(draft, &d->ways, &d->n_ways, way);
}

void hal_draft_device_rung(hal_draft *draft, uint32_t device, const hal_rung *rung)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d == NULL)
        return;
    hal_rung *r = append(&draft->topology, (const void **)&d->rungs, &d->n_rungs, sizeof *r);
    if (r == NULL)
        return;
    *r = *rung;
    r->code = hal_draft_text(draft, rung->code);
    r->evidence = hal_draft_text(draft, rung->evidence);
}

static bool is_place(const hal_topology *t, uint32_t index, const char *id)
{
    return index < t->n_places && strcmp(t->places[index].id, id) == 0;
}
static bool is_memory(const hal_topology *t, uint32_t index, const char *id)
{
    return index < t->n_memories && strcmp(t->memories[index].id, id) == 0;
}
static bool is_device(const hal_topology *t, uint32_t index, const char *id)
{
    return index < t->n_devices &&
           (strcmp(t->devices[index].id, id) == 0 || strcmp(t->devices[index].address, id) == 0);
}

/* Objects that were renamed in place are not in the table under their new name. */
static uint32_t find(const hal_topology *t, hal_name_space space, uint32_t count, const char *id,
                     bool (*is)(const hal_topology *t, uint32_t index, const char *name))
{
    uint32_t index = id[0] == '\0' ? HAL_NOWHERE : hal_lookup_find(t, space, id, is);
    for (uint32_t i = 0; index == HAL_NOWHERE && id[0] != '\0' && i < count; i++)
        if (is(t, i, id))
            index = i;
    return index;
}

uint32_t hal_draft_find_place(const hal_draft *draft, const char *id)
{
    return find(&draft->topology, HAL_SPACE_PLACE, draft->topology.n_places, id, is_place);
}
uint32_t hal_draft_find_memory(const hal_draft *draft, const char *id)
{
    return find(&draft->topology, HAL_SPACE_MEMORY, draft->topology.n_memories, id, is_memory);
}
uint32_t hal_draft_find_device(const hal_draft *draft, const char *id_or_address)
{
    return find(&draft->topology, HAL_SPACE_DEVICE, draft->topology.n_devices, id_or_address, is_device);
}

void hal_draft_refer(hal_draft *draft, const struct hal_answers *answers)
{
    draft->answers = answers;
}

const struct hal_answers *hal_draft_answers(const hal_draft *draft)
{
    return draft->answers;
}

void hal_figure_improve(hal_figure *into, hal_figure figure)
{
    if (figure.source > into->source || (figure.source == into->source && figure.when >= into->when))
        *into = figure;
}

hal_status hal_draft_seal(hal_draft *draft, hal_topology **topology)
{
    hal_topology *t = &draft->topology;
    hal_status s = HAL_OK;
    if (t->n_places == 0)
        hal_draft_add_place(
            draft, &(hal_topology_place){
                       .kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine", .name = "machine"});
    hal_seal_switches(t);
    if (t->starved)
        s = HAL_FAIL(OUT_OF_MEMORY, "the description of the machine does not fit into memory; free some");
    s = s != HAL_OK ? s : hal_seal_order(t);
    s = s != HAL_OK ? s : hal_seal_complete(t);
    s = s != HAL_OK ? s : hal_seal_check(t);
    if (s != HAL_OK) {
        hal_topology_free(t);
        return s;
    }
    *topology = t;
    return HAL_OK;
}

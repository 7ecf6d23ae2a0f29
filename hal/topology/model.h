/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind hal_topology and hal_draft: one object, which is a draft until it is sealed. Texts and
 * small arrays lie in blocks that are freed with it. Only files of hal/topology/ read this.
 */
#ifndef HAL_TOPOLOGY_MODEL_H
#define HAL_TOPOLOGY_MODEL_H

#include "hal/topology/build.h"

#include <stdatomic.h>

typedef struct hal_block {
    struct hal_block *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
} hal_block;

/* Which objects a name stands for. */
typedef enum hal_name_space { HAL_SPACE_PLACE, HAL_SPACE_MEMORY, HAL_SPACE_DEVICE } hal_name_space;

/* Names to indices; entries are found by hash and are only hints: who asks compares with the object itself.
 */
typedef struct hal_lookup_entry {
    uint32_t hash, space, index;
} hal_lookup_entry;
typedef struct hal_lookup {
    hal_lookup_entry *slots; /* an index of HAL_NOWHERE: empty */
    uint32_t size, used;     /* size: 0 or a power of two */
} hal_lookup;

struct hal_topology {
    _Atomic uint32_t references;
    bool starved; /* an addition ran out of memory */
    hal_allocator allocator;
    hal_block *blocks;
    hal_topology_host host;
    uint64_t memory_left; /* bytes that this process may take of all memories together; UINT64_MAX when nothing tells */
    hal_topology_place *places;
    hal_topology_memory *memories;
    hal_topology_device *devices;
    hal_topology_link *links;
    hal_topology_diagnostic *diagnostics;
    uint32_t n_places, n_memories, n_devices, n_links, n_diagnostics;
    uint32_t room_places, room_memories, room_devices, room_links, room_diagnostics;
    hal_lookup lookup;
    /* Bandwidths of memories before measured ones took their place; of unknown source where none did. */
    struct {
        hal_figure *memories;
        uint32_t n_memories;
    } measured;
};

struct hal_draft {
    hal_topology topology;
    const struct hal_answers *answers; /* borrowed */
};

/* Zeroed bytes that live as long as `t`; NULL when out of memory, which `t` remembers. */
void *hal_block_take(hal_topology *t, size_t bytes);
/* Frees everything, `t` included. */
void hal_topology_free(hal_topology *t);

/* A name more. False when out of memory. */
bool hal_lookup_add(hal_topology *t, hal_name_space space, const char *name, uint32_t index);
/* The first entry of that name for which `is` holds, or HAL_NOWHERE. */
uint32_t hal_lookup_find(const hal_topology *t, hal_name_space space, const char *name,
                         bool (*is)(const hal_topology *t, uint32_t index, const char *name));
void hal_lookup_clear(hal_topology *t);

/* Order of devices of one kind: PCI addresses by number, before others by strverscmp. */
int hal_address_compare(const char *a, const char *b);

/* Adds links between devices that the same switches of a fabric join. */
void hal_seal_switches(hal_topology *t);
/* Steps of sealing. Sorts devices and renumbers what refers to them; OUT_OF_MEMORY. */
hal_status hal_seal_order(hal_topology *t);
/* Gives aliases to devices that have none; in their order. OUT_OF_MEMORY. */
hal_status hal_seal_aliases(hal_topology *t);
/* Aliases, group numbers, tiers, units of figures that are not known. */
hal_status hal_seal_complete(hal_topology *t);
/* Everything that a reader relies on; INVALID_ARGUMENT names the object. */
hal_status hal_seal_check(hal_topology *t);

/* The names of an enum in its order. */
typedef struct hal_word_list {
    const char *const *words;
    uint32_t count;
} hal_word_list;
extern const hal_word_list hal_words_unit, hal_words_source, hal_words_device, hal_words_memory,
    hal_words_place, hal_words_usability, hal_words_copy, hal_words_rung, hal_words_severity, hal_words_end;
/* Position of `word`, or HAL_NOWHERE. */
uint32_t hal_word_find(const hal_word_list *list, const char *word);

/* The figures of an object with the unit each must have; what JSON calls them. */
typedef struct hal_figure_row {
    const char *name;
    size_t offset;
    hal_unit unit;
} hal_figure_row;
typedef struct hal_figure_table {
    const hal_figure_row *rows;
    uint32_t count;
} hal_figure_table;
extern const hal_figure_table hal_figures_host, hal_figures_place, hal_figures_memory, hal_figures_device,
    hal_figures_link;
/* The texts of an object and what JSON calls them. */
typedef struct hal_text_row {
    const char *name;
    size_t offset;
} hal_text_row;
typedef struct hal_text_table {
    const hal_text_row *rows;
    uint32_t count;
} hal_text_table;
extern const hal_text_table hal_texts_host, hal_texts_place, hal_texts_memory, hal_texts_device,
    hal_texts_link, hal_texts_diagnostic;

static inline hal_figure *hal_figure_at(void *object, const hal_figure_row *row)
{
    return (hal_figure *)(void *)((char *)object + row->offset);
}
static inline const hal_figure *hal_figure_see(const void *object, const hal_figure_row *row)
{
    return (const hal_figure *)(const void *)((const char *)object + row->offset);
}
static inline const char **hal_text_at(void *object, const hal_text_row *row)
{
    return (const char **)(void *)((char *)object + row->offset);
}
static inline const char *hal_text_see(const void *object, const hal_text_row *row)
{
    return *(const char *const *)(const void *)((const char *)object + row->offset);
}

#endif

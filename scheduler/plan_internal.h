/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a plan, shared by the files of scheduler/.
 *
 * A plan is made in this order: place.c gives every node a device; support.c asks the devices, decomposes and
 * fuses; lower.c turns nodes into actions on storages; arena.c packs the storages; program.c cuts the actions
 * into steps.
 */
#ifndef HAL_SCHEDULER_PLAN_INTERNAL_H
#define HAL_SCHEDULER_PLAN_INTERNAL_H

#include <hal/core.h>
#include <hal/plan.h>
#include <stdatomic.h>

#include "describe.h"
#include "view.h"

/* Memory index of bytes that only the host sees: the half-way house of copies between two device memories. */
#define HAL_MEMORY_HOST UINT32_MAX
#define HAL_NONE        UINT32_MAX

/* How a value lies in memory: strided, or as its device's backend numbers its layouts. */
typedef struct hal_plan_layout {
    bool opaque;
    uint32_t id, device; /* id 0: asked for by a node, and the device has no such layout */
    uint64_t bytes;
} hal_plan_layout;

/* Bytes that live for a while: one value's layout. */
typedef struct hal_storage {
    hal_binding_kind kind;
    uint32_t value;               /* whose row-major layout it has */
    uint32_t memory;              /* index in the instance, or HAL_MEMORY_HOST */
    uint32_t first, last;         /* actions between which the content matters */
    uint64_t bytes, offset;       /* offset in the arena of `memory`; unused for variables */
    hal_dim stride[HAL_MAX_RANK]; /* row-major, whatever view the value itself is */
    hal_plan_layout layout;       /* opaque: the strides are those of the logical value only */
} hal_storage;

/* An operand of an action: the value's shape over a storage. value 0: absent. */
typedef struct hal_operand {
    uint32_t value, storage;
    bool contiguous; /* row-major, not the value's view */
} hal_operand;

/* An op or a transfer, in the order of the plan. */
typedef struct hal_action {
    uint32_t op;           /* number in ops.def; 0: a transfer of storage operand 0 to storage operand 1 */
    uint32_t device, node; /* index in the plan's devices; node 0: made by the plan */
    uint32_t first, n_in, n_out; /* operands */
} hal_action;

/* What a binding of a program stands on. */
typedef struct hal_plan_binding {
    bool arena;
    uint32_t index;
} hal_plan_binding; /* index of an arena, else of a storage */

/* Consecutive actions of one device as a program, or one transfer. */
typedef struct hal_step {
    uint32_t device, first, n; /* actions */
    hal_description *program;  /* NULL: a transfer */
    uint32_t first_binding, n_bindings;
} hal_step;

typedef struct hal_plan_device {
    hal_device *device;
    const char *alias;
    uint32_t memory;
    bool host_access, in_place, dynamic;
} hal_plan_device;

typedef struct hal_arena {
    uint32_t memory;
    uint64_t bytes;
} hal_arena;

struct hal_plan {
    atomic_uint references;
    bool weak; /* holds no handle of the instance and its devices: see hal_plan_weaken */
    hal_instance *instance;
    const hal_allocator *allocator;
    const hal_graph *source; /* identity only: the caller may have released it */
    uint32_t n_source;       /* values of the source */
    uint32_t *map;           /* source value -> value of `graph`, 0 when gone */
    hal_graph *graph;        /* as it runs: decomposed and fused */
    uint32_t *device_of;     /* by node of `graph` */
    uint32_t *reason_of;     /* by node: index into reasons */
    bool *live;              /* by node: computed, or a view that something reads */
    hal_view *views;         /* by value */
    hal_plan_layout *layouts; /* by root */
    uint32_t *pin_of;        /* by value: device an input or variable is pinned to; HAL_NONE */
    uint32_t
        *last_use;   /* by root: last node that reads it, n_nodes when the end of the step does; 0: nothing */
    uint32_t *home;  /* by root: its storage; HAL_NONE */
    uint32_t *fetch; /* by value: storage an output is fetched from; HAL_NONE */
    char **reasons;
    uint32_t n_reasons, reasons_capacity; /* reasons[0] is NULL */
    hal_plan_device *devices;
    uint32_t n_devices;
    hal_storage *storages;
    uint32_t n_storages, storages_capacity;
    hal_action *actions;
    uint32_t n_actions, actions_capacity;
    hal_operand *operands;
    uint32_t n_operands, operands_capacity;
    hal_step *steps;
    uint32_t n_steps, steps_capacity;
    hal_plan_binding *bindings;
    uint32_t n_bindings, bindings_capacity;
    hal_arena *arenas;
    uint32_t n_arenas, arenas_capacity;
};

/* Room for one more in a plan's array of `items`, with n_items and items_capacity beside it. */
#define HAL_PLAN_GROW(plan, items)                                                                           \
    hal_array_grow((plan)->allocator, (void **)(void *)&(plan)->items, (plan)->n_##items,                    \
                   &(plan)->items##_capacity, sizeof *(plan)->items)

/* Index of a new reason (the text is copied), 0 when out of memory. */
uint32_t hal_plan_reason(hal_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Name of a node for people: its origins, else its first output. */
const char *hal_plan_node_name(const hal_graph *graph, uint32_t node);

/* Gives back the handles of instance and devices. For plans in a device's cache, which would keep the
   instance for ever; the cache is emptied before the instance goes. */
void hal_plan_weaken(hal_plan *plan);
/* Names for people: of a memory, of what an action computes or moves. plan_print.c. */
const char *hal_plan_memory_name(const hal_plan *plan, uint32_t memory);
const char *hal_plan_layout_reason(const hal_storage *storage); /* NULL: strided, as everything is unless asked */
const char *hal_plan_action_name(const hal_plan *plan, const hal_action *action);

/* place.c: device_of, reason_of and pin_of. */
hal_status hal_place(hal_plan *plan, const hal_plan_options *options);
/* support.c: simplify, ask, decompose, fuse. `refused`: a device does not take a fused node; plan again
 * without fusion. */
hal_status hal_support_settle(hal_plan *plan, const hal_plan_options *options, bool *refused);
/* layout.c: layouts of what `pack` nodes make, as their devices answer now. */
hal_status hal_layout_ask(hal_plan *plan);
/* Layouts of variables; the graph and the devices of its nodes are settled. */
hal_status hal_layout_choose(hal_plan *plan);
/* Whether the bytes of a value, or of what it is a view of, are opaque. */
bool hal_layout_opaque(const hal_plan *plan, uint32_t value);
/* What speaks against a node for the layouts of its operands, whatever its device says; NULL when nothing does. */
const char *hal_layout_objection(const hal_plan *plan, uint32_t node);
/* A description for questions: its binding and symbols; a node; a tensor of it with its layout. */
void hal_layout_describe_begin(const hal_plan *plan, hal_describe *d);
void hal_layout_describe_node(const hal_plan *plan, hal_describe *d, uint32_t node);
void hal_layout_mark(hal_description_tensor *t, const hal_plan_layout *layout);
/* lower.c: live nodes and views of the plan's present graph; actions and storages. */
hal_status hal_lower_views(hal_plan *plan);
hal_status hal_lower(hal_plan *plan);
/* Whether a node computes something, as opposed to a dead one or an alias. */
static inline bool hal_lower_computes(const hal_plan *plan, uint32_t node)
{
    uint32_t out = hal_graph_node_at(plan->graph, node)->first_out;
    return plan->live[node] && plan->views[out].root == out;
}
/* inplace.c: home storages of outputs that are computed over a variable or over an operand. */
hal_status hal_inplace_apply(hal_plan *plan);
/* arena.c: offsets of all storages but variables, and the arenas. */
hal_status hal_arena_pack(hal_plan *plan);
/* Checks that `slots` arenas and the variables fit. `shared` marks variables (by storage) that exist already,
 * or NULL. */
hal_status hal_arena_check(const hal_plan *plan, uint32_t slots, const bool *shared);
/* The arena of a memory, HAL_NONE when there is none. */
uint32_t hal_arena_find(const hal_plan *plan, uint32_t memory);
/* program.c: steps and their descriptions. */
hal_status hal_program_cut(hal_plan *plan);
/* A tensor of the description: the shape of `value` over `binding`. */
hal_description_tensor hal_program_tensor(const hal_plan *plan, uint32_t value, bool contiguous,
                                          uint32_t binding, uint64_t base);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a graph, shared by ops/ (constructors, gradient, passes, text) and read by scheduler/.
 * Ids count from 1; id 0 means none. Nodes are in topological order by construction: a node's inputs have lower ids.
 */
#ifndef HAL_OPS_GRAPH_INTERNAL_H
#define HAL_OPS_GRAPH_INTERNAL_H

#include <hal/graph.h>

/* What a value comes from. */
typedef enum hal_origin { HAL_ORIGIN_NODE, HAL_ORIGIN_INPUT, HAL_ORIGIN_VARIABLE } hal_origin;

typedef struct hal_value_record {
    char *name;              /* full dotted name; owned */
    hal_shape shape;
    hal_origin origin;
    uint32_t node, index;    /* the node and which of its outputs, for HAL_ORIGIN_NODE */
    uint32_t assigned;       /* for variables: value assigned to it, or 0 */
    bool output;             /* marked by hal_graph_output */
} hal_value_record;

typedef struct hal_node_record {
    uint32_t op;             /* number in ops.def */
    void *attrs;             /* attrs_size bytes, owned, checked */
    uint32_t n_in, n_out;
    uint32_t *in;            /* value ids, 0 = absent; owned, n_in entries */
    uint32_t first_out;      /* outputs are value ids first_out .. first_out + n_out - 1 */
    char *names;             /* names of origin, comma separated (fusion joins them); NULL: the name of output 0 */
} hal_node_record;

typedef struct hal_symbol_record { char *name; int64_t min, max, multiple; } hal_symbol_record;

struct hal_graph {
    hal_allocator allocator;
    uint32_t references;
    hal_status status;                 /* first failure */
    char failure[512];                 /* its text */
    hal_value_record *values;  uint32_t n_values, values_capacity;   /* values[0] is unused */
    hal_node_record *nodes;    uint32_t n_nodes, nodes_capacity;     /* nodes[0] is unused */
    hal_symbol_record *symbols; uint32_t n_symbols, symbols_capacity;
    char *scope;                       /* "outer.inner" */
    uint32_t hash_size, *hash;         /* name -> value id, open addressing */
};

/* Record of a value id that is known to be valid. */
static inline hal_value_record *hal_graph_value(const hal_graph *g, uint32_t id) { return &g->values[id]; }
static inline hal_node_record *hal_graph_node_at(const hal_graph *g, uint32_t id) { return &g->nodes[id]; }

/* Records the first failure of a graph (text also becomes the thread's detail) and returns `status`. */
hal_status hal_graph_fail(hal_graph *graph, hal_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies symbols, inputs and variables of `from` into the empty graph `to`; map[old value id] = new id. Passes rebuild graphs
   node by node with this and hal_graph_node. `map` has from->n_values entries. */
hal_status hal_graph_copy_sources(const hal_graph *from, hal_graph *to, uint32_t *map);

/* Gradients by one backward sweep; ops/gradient.c. Passes; ops/pass_*.c: each builds a new graph, `map` as above (id 0 for
   values that are gone). pins[old node id]: nodes of different pins never merge (NULL: no pins). */
hal_status hal_pass_simplify(const hal_graph *from, const uint32_t *pins, hal_graph **to, uint32_t *map);
/* Decomposes the nodes `decompose[node id]` says, to primitives where `primitives_only`. */
hal_status hal_pass_decompose(const hal_graph *from, const bool *decompose, bool primitives_only, hal_graph **to, uint32_t *map);
/* Fuses chains of pointwise nodes and matmul epilogues; keeps outputs, assigned values and pins apart. */
hal_status hal_pass_fuse(const hal_graph *from, const uint32_t *pins, hal_graph **to, uint32_t *map);

#endif

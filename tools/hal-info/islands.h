/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices hang together by one kind of link, and how evenly. */
#ifndef HAL_INFO_ISLANDS_H
#define HAL_INFO_ISLANDS_H

#include "tools/hal-info/links.h"

enum { ISLAND_CHIPS = 32, ISLANDS = 64, SEA_NODES = 4096 };

/* The ends of the links of one kind as small numbers. A memory of the host stands for its processor. */
typedef struct sea {
    const hal_topology *topology;
    const char *kind;
    hal_link_end ends[SEA_NODES];
    uint32_t group[SEA_NODES]; /* the end that stands for all that hang together */
    uint32_t first[SEA_NODES]; /* edge of the node, edges + 1 */
    uint32_t n, n_edges;
    struct edge *edges;
} sea;

/* Things that are linked by one kind of link, directly or not. */
typedef struct island {
    const char *kind;
    uint32_t nodes[ISLAND_CHIPS], switches[ISLAND_CHIPS], n_nodes, n_switches;
    uint32_t alike;  /* further islands that look the same */
    bool band;       /* all reach all, or all hang on switches */
    bool arcs;       /* some pairs reach each other faster than by the band, or there is none */
    hal_figure each; /* what any two have at least */
} island;

/* Whether links of this kind are drawn apart from the boxes. */
bool islands_draw(const hal_topology_link *l);
/* Starts with the links of one kind; sea_clear frees. False when memory is out. */
bool sea_create(const hal_topology *t, const char *kind, sea *out);
void sea_clear(sea *s);
/* The islands, at most ISLANDS; those that look alike are counted at the first. Islands of too many chips are
 * left out. */
uint32_t islands_find(const sea *s, island *islands);

/* The better link between two nodes, in either direction, or NULL. */
const hal_topology_link *island_link(const sea *s, uint32_t a, uint32_t b);
/* Whether chips number a and b are linked, and better than what any two have. */
bool island_arc(const sea *s, const island *i, uint32_t a, uint32_t b);
/* What a node gets through all switches of the island together. */
hal_figure island_to_switches(const sea *s, const island *i, uint32_t node);

#endif

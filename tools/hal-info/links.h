/* SPDX-License-Identifier: Apache-2.0 */
/* The best link between any two devices, which the matrix, the picture and the exports want. */
#ifndef HAL_INFO_LINKS_H
#define HAL_INFO_LINKS_H

#include "tools/hal-info/info.h"

typedef struct link_grid {
    uint32_t n;
    const hal_topology_link **best; /* n x n, from x to; NULL where there is none */
} link_grid;

/* False when memory is out. */
bool link_grid_create(const hal_topology *t, link_grid *out);
void link_grid_clear(link_grid *g);
static inline const hal_topology_link *link_at(const link_grid *g, uint32_t from, uint32_t to)
{
    return g->best[(size_t)from * g->n + to];
}

/* Whether a says more than b, which may be NULL. */
bool link_better(const hal_topology_link *a, const hal_topology_link *b);

/* The device an end means: itself, or for a memory of the host the processor that it belongs to. */
uint32_t link_device(const hal_topology *t, hal_link_end end);
const char *link_end_name(const hal_topology *t, hal_link_end end);

#endif

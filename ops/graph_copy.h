/* SPDX-License-Identifier: Apache-2.0 */
/* What passes use to rebuild a graph: values of the old one become values of the new one through `map`. */
#ifndef HAL_OPS_GRAPH_COPY_H
#define HAL_OPS_GRAPH_COPY_H

#include <ops/graph_internal.h>

/* Starts a pass: an empty graph with the allocator of `from`, holding its sources. `map` is filled. */
hal_status hal_graph_copy_begin(const hal_graph *from, hal_graph **to, uint32_t *map);
/* Copies a node whose inputs are mapped; maps its outputs and keeps their names. */
hal_status hal_graph_copy_node(const hal_graph *from, uint32_t node, hal_graph *to, uint32_t *map);
/* Gives the outputs of the newest node of `to` the names of the old values `old`, and maps those to them. */
hal_status hal_graph_copy_names(const hal_graph *from, const uint32_t *old, uint32_t n, hal_graph *to,
                                uint32_t *map);
/* Copies outputs and assignments; every value they name is mapped. */
hal_status hal_graph_copy_sinks(const hal_graph *from, hal_graph *to, const uint32_t *map);
/* Names of origin of a node: its own list, or the name of its first output. */
const char *hal_graph_node_names(const hal_graph *graph, uint32_t node);
/* live[node id] = whether an output or an assignment needs it. n_nodes entries, all false before. */
void hal_graph_mark_live(const hal_graph *graph, bool *live);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: stride arithmetic on symbolic sizes. A view is an offset and strides into the bytes of the value it
 * stems from.
 */
#ifndef HAL_SCHEDULER_VIEW_H
#define HAL_SCHEDULER_VIEW_H

#include <graph_internal.h>

typedef struct hal_view {
    uint32_t root; /* value whose bytes these are; the value itself when it has its own */
    uint64_t offset;
    hal_dim stride[HAL_MAX_RANK];
} hal_view;

/* Largest value of a size over the ranges of its symbol. */
int64_t hal_dim_largest(hal_dim d, const hal_symbol_record *symbols);
/* a * b where at most one of them has a symbol and nothing overflows. */
bool hal_dim_product(hal_dim a, hal_dim b, hal_dim *product);
/* Row-major strides. A stride that would depend on two symbols is that of the largest sizes: the rows are
 * padded. */
bool hal_view_contiguous(const hal_shape *shape, const hal_symbol_record *symbols, hal_dim *stride);
/* Bytes of the row-major layout at the largest sizes; false on overflow. */
bool hal_view_bytes(const hal_shape *shape, const hal_symbol_record *symbols, uint64_t *bytes);
/* View of output `index` of a node of kind VIEW on a value that has the view `from`; false when it has to be
 * computed. */
bool hal_view_derive(const hal_graph *graph, const hal_node_record *node, uint32_t index,
                     const hal_view *from, hal_view *view);

#endif

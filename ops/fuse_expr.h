/* SPDX-License-Identifier: Apache-2.0 */
/* One expression out of a group of pointwise nodes, behind a matmul or not. */
#ifndef HAL_OPS_FUSE_EXPR_H
#define HAL_OPS_FUSE_EXPR_H

#include <ops/graph_internal.h>

#define HAL_FUSE_MAX_MEMBERS 64

/* Node ids in rising order. At most one is a matmul. */
typedef struct hal_fuse_group { uint32_t n, member[HAL_FUSE_MAX_MEMBERS]; } hal_fuse_group;

/* The node that replaces a group: `in` and `out` are value ids of the old graph. */
typedef struct hal_fused {
    uint32_t op, n_in, in[16], n_out, out[HAL_EXPR_MAX_OUTPUTS];
    union { hal_pointwise_attrs pointwise; hal_matmul_attrs matmul; } attrs;
} hal_fused;

/* Whether a node can be in a group at all. */
bool hal_fuse_possible(const hal_graph *graph, uint32_t node);
/* Whether the value is needed by anything outside the group. */
typedef bool hal_fuse_needed_fn(const void *context, const hal_fuse_group *group, uint32_t value);
/* False when limits of expressions are passed, or the matmul would read what the group computes. */
bool hal_fuse_build(const hal_graph *graph, const hal_fuse_group *group, hal_fuse_needed_fn *needed,
                    const void *context, hal_fused *fused);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of shelf.def, and what they add to a draft. */
#ifndef HAL_TOPOLOGY_SHELF_H
#define HAL_TOPOLOGY_SHELF_H

#include "hal/topology/build.h"

typedef struct hal_shelf_value {
    double value;
    hal_source source;
} hal_shelf_value;

typedef struct hal_shelf_device {
    const char *word;
    hal_device_kind kind;
    const char *name, *vendor;
    hal_memory_kind memory;
    hal_shelf_value gib, gb_per_second, bf16, fp32, int8; /* the last three in 10^12 operations per second */
    const char *source;
} hal_shelf_device;

typedef enum hal_link_shape {
    HAL_SHAPE_AUTO,
    HAL_SHAPE_MESH,
    HAL_SHAPE_SWITCH,
    HAL_SHAPE_PAIR,
    HAL_SHAPE_HOST
} hal_link_shape;

typedef struct hal_shelf_link {
    const char *word, *kind, *path;
    uint32_t generation, lanes;
    hal_link_shape shape;
    hal_shelf_value gb_per_second;
    const char *source;
} hal_shelf_link;

/* A row whose word is the first `length` bytes of `word`. INVALID_ARGUMENT lists the words that there are;
   `where` begins the sentence. */
hal_status hal_shelf_find_device(const char *where, const char *word, size_t length,
                                 const hal_shelf_device **row);
hal_status hal_shelf_find_link(const char *where, const char *word, size_t length,
                               const hal_shelf_link **row);

/* What the row knows and device `device` lacks: name, vendor, rates, and its memory, which is added where
 * there is none. */
void hal_shelf_apply(hal_draft *draft, uint32_t device, const hal_shelf_device *row);
/* Links among `count` devices of one machine. A link of that kind that is there gets its bandwidth; pairs and
   switches that are not there are added; switches of which no link is told join the pairs. `id` is the
   switch's, should one be needed. INVALID_ARGUMENT when a mesh would be too large. */
hal_status hal_shelf_connect(hal_draft *draft, const uint32_t *devices, uint32_t count,
                             const hal_shelf_link *row, const char *id);
/* The bandwidth of a pair out of `count`. */
hal_figure hal_shelf_bandwidth(const hal_shelf_link *row, uint32_t count);

#endif

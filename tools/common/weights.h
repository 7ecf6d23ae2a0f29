/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a checkpoint, whether one file or many shards hold them.
 *
 * weights_open takes a .safetensors file, or a directory with either model.safetensors or
 * model.safetensors.index.json ({"weight_map": {name: file}}). Every shard named is opened and validated
 * (see safetensors.h); each name of the map must be in the shard the map says, each tensor of a shard must be
 * in the map, and no tensor may be in two shards. File names of the map must be plain names: an absolute
 * path, a '/' or ".." is refused, as is more than WEIGHTS_MAX_SHARDS files.
 *
 * Threads: an open object is immutable.
 */
#ifndef TOOLS_COMMON_WEIGHTS_H
#define TOOLS_COMMON_WEIGHTS_H

#include "tools/common/safetensors.h"

enum { WEIGHTS_MAX_SHARDS = 1024 };

typedef struct weights weights;

/* One tensor and the shard that holds it. Both owned by the weights object. */
typedef struct weights_entry {
    const safetensors *shard;
    const safetensors_tensor *tensor;
} weights_entry;

int weights_open(const char *path, weights **out, tool_error *err);
void weights_close(weights *object);

/* All tensors in the order of their names. */
size_t weights_count(const weights *object);
const weights_entry *weights_at(const weights *object, size_t index);

/* The tensor of that name, or NULL. */
const weights_entry *weights_find(const weights *object, const char *name);

/* Read as safetensors_read does. */
int weights_read(const weights_entry *entry, uint64_t offset, void *out, size_t bytes, tool_error *err);

/* Check dtype-free what a model expects of a name: it exists and has this shape. The error tells both shapes.
 */
int weights_expect(const weights *object, const char *name, uint32_t rank, const uint64_t *shape,
                   const weights_entry **out, tool_error *err);

#endif

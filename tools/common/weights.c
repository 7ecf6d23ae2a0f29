/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/file.h"
#include "tools/common/json_input.h"

struct weights {
    char *path;
    size_t shard_count;
    safetensors **shards;
    size_t count;
    weights_entry *entries; /* by name */
};

/* --- collecting the shards --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weights_entry *)a)->tensor->name, ((const weights_entry *)b)->tensor->name);
}

static int add_shard(weights *object, const char *path, tool_error *err)
{
    safetensors **shards = reallocarray(object->shards, object->shard_count + 1, sizeof *shards);
    if (!shards) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory for its shards", object->path);
    }
    object->shards = shards;
    int code = safetensors_open(path, &shards[object->shard_count], err);
    if (code == 0) {
        object->shard_count++;
    }
    return code;
}

static int index_tensors(weights *object, tool_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < object->shard_count; i++) {
        total += safetensors_count(object->shards[i]);
    }
    object->entries = calloc(total + 1, sizeof *object->entries);
    if (!object->entries) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory for %zu tensors", object->path, total);
    }
    for (size_t i = 0; i < object->shard_count; i++) {
        for (size_t j = 0; j < safetensors_count(object->shards[i]); j++) {
            object->entries[object->count++] =
                (weights_entry){object->shards[i], safetensors_at(object->shards[i], j)};
        }
    }
    qsort(object->entries, object->count, sizeof *object->entries, by_name);
    for (size_t i = 1; i < object->count; i++) {
        if (by_name(&object->entries[i - 1], &object->entries[i]) == 0) {
            return tool_fail(err, TOOL_BAD_INPUT, "%s: tensor \"%s\" is in two shards", object->path,
                             object->entries[i].tensor->name);
        }
    }
    return 0;
}

/* --- the index of a sharded checkpoint --- */

static int check_file_name(const weights *object, const char *name, tool_error *err)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "%s: its index names the file \"%s\"; only plain names are read", object->path,
                         name);
    }
    return 0;
}

/* Where in `files` (an object used as a set: name -> shard number) a file is; opened when it is new. */
static int open_named(weights *object, const char *name, json_t *files, tool_error *err)
{
    char path[PATH_MAX];
    int code = check_file_name(object, name, err);
    code = code ? code : file_join(object->path, name, path, sizeof path, err);
    if (code || json_object_get(files, name)) {
        return code;
    }
    if (object->shard_count >= WEIGHTS_MAX_SHARDS) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: its index names more than %d files", object->path,
                         WEIGHTS_MAX_SHARDS);
    }
    code = add_shard(object, path, err);
    if (code == 0 &&
        json_object_set_new(files, name, json_integer((json_int_t)object->shard_count - 1)) != 0) {
        code = tool_fail(err, TOOL_INTERNAL, "%s: no memory for its shards", object->path);
    }
    return code;
}

static int open_map(weights *object, json_t *map, json_t *files, tool_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value)) {
            return tool_fail(err, TOOL_BAD_INPUT, "%s: weight_map: the file of \"%s\" is not a string",
                             object->path, name);
        }
        const char *file = json_string_value(value);
        int code = open_named(object, file, files, err);
        if (code) {
            return code;
        }
        json_int_t shard = json_integer_value(json_object_get(files, file));
        if (!safetensors_find(object->shards[shard], name)) {
            return tool_fail(err, TOOL_BAD_INPUT, "%s: tensor \"%s\" is not in %s, as the index says",
                             object->path, name, file);
        }
    }
    return 0;
}

static int open_index(weights *object, const char *path, tool_error *err)
{
    json_t *root;
    int code = json_input_load(path, SAFETENSORS_MAX_HEADER, &root, err);
    if (code) {
        return code;
    }
    json_t *map = json_object_get(root, "weight_map");
    json_t *files = json_object();
    if (!json_is_object(map) || json_object_size(map) == 0) {
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: no \"weight_map\" with entries", path);
    } else if (!files) {
        code = tool_fail(err, TOOL_INTERNAL, "%s: no memory for its shards", path);
    } else {
        code = open_map(object, map, files, err);
    }
    code = code ? code : index_tensors(object, err);
    if (code == 0 && object->count != json_object_size(map)) {
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: the shards hold %zu tensors, the index names %zu", path,
                         object->count, json_object_size(map));
    }
    json_decref(files);
    json_decref(root);
    return code;
}

static int open_directory(weights *object, tool_error *err)
{
    char whole[PATH_MAX];
    char index[PATH_MAX];
    int code = file_join(object->path, "model.safetensors", whole, sizeof whole, err);
    code = code ? code : file_join(object->path, "model.safetensors.index.json", index, sizeof index, err);
    if (code) {
        return code;
    }
    if (access(whole, F_OK) == 0) {
        code = add_shard(object, whole, err);
        return code ? code : index_tensors(object, err);
    }
    if (access(index, F_OK) == 0) {
        return open_index(object, index, err);
    }
    return tool_fail(err, TOOL_NOT_FOUND,
                     "%s: neither model.safetensors nor model.safetensors.index.json is there", object->path);
}

/* --- public --- */

int weights_open(const char *path, weights **out, tool_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return tool_fail_errno(err, errno, "cannot open", path);
    }
    weights *object = calloc(1, sizeof *object);
    if (!object || !(object->path = strdup(path))) {
        free(object);
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to open it", path);
    }
    int code;
    if (S_ISDIR(info.st_mode)) {
        code = open_directory(object, err);
    } else {
        code = add_shard(object, path, err);
        code = code ? code : index_tensors(object, err);
    }
    if (code) {
        weights_close(object);
        return code;
    }
    *out = object;
    return 0;
}

void weights_close(weights *object)
{
    if (!object) {
        return;
    }
    for (size_t i = 0; i < object->shard_count; i++) {
        safetensors_close(object->shards[i]);
    }
    free(object->shards);
    free(object->entries);
    free(object->path);
    free(object);
}

size_t weights_count(const weights *object)
{
    return object->count;
}

const weights_entry *weights_at(const weights *object, size_t index)
{
    return &object->entries[index];
}

const weights_entry *weights_find(const weights *object, const char *name)
{
    safetensors_tensor named = {.name = name};
    weights_entry key = {.tensor = &named};
    return bsearch(&key, object->entries, object->count, sizeof key, by_name);
}

int weights_read(const weights_entry *entry, uint64_t offset, void *out, size_t bytes, tool_error *err)
{
    return safetensors_read(entry->shard, entry->tensor, offset, out, bytes, err);
}

static void format_shape(uint32_t rank, const uint64_t *shape, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (uint32_t i = 0; i < rank && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%" PRIu64, i ? ", " : "", shape[i]);
    }
    if (used < size) {
        snprintf(out + used, size - used, "]");
    }
}

int weights_expect(const weights *object, const char *name, uint32_t rank, const uint64_t *shape,
                   const weights_entry **out, tool_error *err)
{
    const weights_entry *entry = weights_find(object, name);
    if (!entry) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: the model needs a tensor \"%s\", which is not there",
                         object->path, name);
    }
    const safetensors_tensor *tensor = entry->tensor;
    if (tensor->rank != rank || (rank > 0 && memcmp(tensor->shape, shape, rank * sizeof *shape) != 0)) {
        char wanted[256];
        char found[256];
        format_shape(rank, shape, wanted, sizeof wanted);
        format_shape(tensor->rank, tensor->shape, found, sizeof found);
        return tool_fail(err, TOOL_BAD_INPUT, "%s: tensor \"%s\" has shape %s; the model needs %s",
                         object->path, name, found, wanted);
    }
    *out = entry;
    return 0;
}

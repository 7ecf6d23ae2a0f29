/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/safetensors_writer.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/file.h"

enum { HEADER_ALIGNMENT = 64 };

typedef struct declaration {
    char *name;
    safetensors_dtype dtype;
    uint32_t rank;
    uint64_t shape[SAFETENSORS_MAX_RANK];
    uint64_t offset; /* in the data section; set by the layout */
    uint64_t bytes;
    uint64_t written;
} declaration;

struct safetensors_writer {
    int fd;
    char *path;
    json_t *header;
    json_t *metadata;
    declaration *tensors;
    size_t count;
    size_t capacity;
    uint64_t data_start; /* 0 until the header is written */
};

static void writer_free(safetensors_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        free(writer->tensors[i].name);
    }
    free(writer->tensors);
    json_decref(writer->header);
    json_decref(writer->metadata);
    free(writer->path);
    free(writer);
}

static int fail_memory(const safetensors_writer *writer, tool_error *err)
{
    return tool_fail(err, TOOL_INTERNAL, "%s: no memory for its header", writer->path);
}

int safetensors_writer_begin(const char *path, safetensors_writer **out, tool_error *err)
{
    safetensors_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to write it", path);
    }
    writer->path = strdup(path);
    writer->header = json_object();
    writer->metadata = json_object();
    if (!writer->path || !writer->header || !writer->metadata) {
        writer_free(writer);
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to write it", path);
    }
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        int code = tool_fail_errno(err, errno, "cannot create", path);
        writer_free(writer);
        return code;
    }
    *out = writer;
    return 0;
}

/* --- declarations --- */

static int reserve(safetensors_writer *writer, tool_error *err)
{
    if (writer->count < writer->capacity) {
        return 0;
    }
    size_t capacity = writer->capacity ? writer->capacity * 2 : 64;
    declaration *tensors = reallocarray(writer->tensors, capacity, sizeof *tensors);
    if (!tensors) {
        return fail_memory(writer, err);
    }
    writer->tensors = tensors;
    writer->capacity = capacity;
    return 0;
}

static int check_declaration(const safetensors_writer *writer, const char *name, uint32_t rank,
                             tool_error *err)
{
    const char *problem = NULL;
    if (writer->data_start) {
        problem = "declared after the first data";
    } else if (!*name || strcmp(name, "__metadata__") == 0) {
        problem = "not a name for a tensor";
    } else if (rank > SAFETENSORS_MAX_RANK) {
        problem = "has too many dimensions";
    } else if (json_object_get(writer->header, name)) {
        problem = "declared twice";
    }
    return problem ? tool_fail(err, TOOL_BAD_INPUT, "%s: tensor \"%s\": %s", writer->path, name, problem) : 0;
}

int safetensors_writer_add(safetensors_writer *writer, const char *name, safetensors_dtype dtype,
                           uint32_t rank, const uint64_t *shape, size_t *out_index, tool_error *err)
{
    declaration tensor = {.dtype = dtype, .rank = rank};
    int code = check_declaration(writer, name, rank, err);
    code = code ? code : safetensors_shape_bytes(name, dtype, rank, shape, &tensor.bytes, err);
    code = code ? code : reserve(writer, err);
    if (code) {
        return code;
    }
    if (rank > 0) {
        memcpy(tensor.shape, shape, rank * sizeof *shape);
    }
    /* jansson refuses a key that is not UTF-8; the entry is filled once the layout is known. */
    if (json_object_set_new(writer->header, name, json_object()) != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: a tensor's name is not UTF-8, or memory is out",
                         writer->path);
    }
    tensor.name = strdup(name);
    if (!tensor.name) {
        return fail_memory(writer, err);
    }
    *out_index = writer->count;
    writer->tensors[writer->count++] = tensor;
    return 0;
}

int safetensors_writer_metadata(safetensors_writer *writer, const char *key, const char *value,
                                tool_error *err)
{
    if (writer->data_start) {
        return tool_fail(err, TOOL_INTERNAL, "%s: metadata \"%s\" set after the first data", writer->path,
                         key);
    }
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: metadata \"%s\" is not UTF-8, or memory is out",
                         writer->path, key);
    }
    return 0;
}

/* --- layout and header --- */

/* One pass per element size, largest first: every tensor starts at a multiple of its element. */
static int lay_out(safetensors_writer *writer, tool_error *err)
{
    uint64_t end = 0;
    for (size_t element = 8; element > 0; element /= 2) {
        for (size_t i = 0; i < writer->count; i++) {
            declaration *tensor = &writer->tensors[i];
            if (safetensors_dtype_bytes(tensor->dtype) != element) {
                continue;
            }
            tensor->offset = end;
            if (__builtin_add_overflow(end, tensor->bytes, &end) || end > INT64_MAX / 2) {
                return tool_fail(err, TOOL_BAD_INPUT, "%s: the tensors together are beyond any file",
                                 writer->path);
            }
        }
    }
    return 0;
}

static bool fill_entry(json_t *entry, const declaration *tensor)
{
    json_t *shape = json_array();
    bool good = shape != NULL;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        good = good && json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) == 0;
    }
    json_t *offsets =
        json_pack("[II]", (json_int_t)tensor->offset, (json_int_t)(tensor->offset + tensor->bytes));
    json_t *dtype = json_string(safetensors_dtype_name(tensor->dtype));
    /* Each set takes its value over, also when it fails. */
    int failed = json_object_set_new(entry, "dtype", dtype);
    failed |= json_object_set_new(entry, "shape", shape);
    failed |= json_object_set_new(entry, "data_offsets", offsets);
    return good && !failed;
}

static char *format_header(safetensors_writer *writer)
{
    if (json_object_size(writer->metadata) > 0 &&
        json_object_set(writer->header, "__metadata__", writer->metadata) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < writer->count; i++) {
        const declaration *tensor = &writer->tensors[i];
        if (!fill_entry(json_object_get(writer->header, tensor->name), tensor)) {
            return NULL;
        }
    }
    return json_dumps(writer->header, JSON_COMPACT);
}

static int write_padded(safetensors_writer *writer, const char *text, tool_error *err)
{
    size_t used = strlen(text);
    size_t total = (8 + used + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
    if (total - 8 > SAFETENSORS_MAX_HEADER) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: a header of %zu bytes; the format allows %d", writer->path,
                         total - 8, SAFETENSORS_MAX_HEADER);
    }
    char *block = malloc(total);
    if (!block) {
        return fail_memory(writer, err);
    }
    uint64_t length = htole64(total - 8);
    memcpy(block, &length, 8);
    memcpy(block + 8, text, used);
    memset(block + 8 + used, ' ', total - 8 - used);
    int code = file_write_at(writer->fd, writer->path, 0, block, total, err);
    free(block);
    if (code == 0) {
        writer->data_start = total;
    }
    return code;
}

static int write_header(safetensors_writer *writer, tool_error *err)
{
    int code = lay_out(writer, err);
    if (code) {
        return code;
    }
    char *text = format_header(writer);
    if (!text) {
        return fail_memory(writer, err);
    }
    code = write_padded(writer, text, err);
    free(text);
    return code;
}

/* --- data --- */

int safetensors_writer_write(safetensors_writer *writer, size_t index, const void *data, size_t bytes,
                             tool_error *err)
{
    if (index >= writer->count) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no tensor %zu was declared", writer->path, index);
    }
    if (!writer->data_start) {
        int code = write_header(writer, err);
        if (code) {
            return code;
        }
    }
    declaration *tensor = &writer->tensors[index];
    if (bytes > tensor->bytes - tensor->written) {
        return tool_fail(err, TOOL_INTERNAL, "%s: tensor \"%s\": more than its %" PRIu64 " bytes",
                         writer->path, tensor->name, tensor->bytes);
    }
    uint64_t position = writer->data_start + tensor->offset + tensor->written;
    int code = file_write_at(writer->fd, writer->path, position, data, bytes, err);
    if (code == 0) {
        tensor->written += bytes;
    }
    return code;
}

static int check_complete(safetensors_writer *writer, tool_error *err)
{
    for (size_t i = 0; i < writer->count; i++) {
        const declaration *tensor = &writer->tensors[i];
        if (tensor->written != tensor->bytes) {
            return tool_fail(err, TOOL_INTERNAL,
                             "%s: tensor \"%s\": %" PRIu64 " of its %" PRIu64 " bytes were written",
                             writer->path, tensor->name, tensor->written, tensor->bytes);
        }
    }
    return 0;
}

int safetensors_writer_finish(safetensors_writer **owner, tool_error *err)
{
    safetensors_writer *writer = *owner;
    *owner = NULL;
    int code = writer->data_start ? 0 : write_header(writer, err);
    code = code ? code : check_complete(writer, err);
    if (code == 0 && fsync(writer->fd) != 0) {
        code = tool_fail_errno(err, errno, "cannot sync", writer->path);
    }
    if (close(writer->fd) != 0 && code == 0) {
        code = tool_fail_errno(err, errno, "cannot close", writer->path);
    }
    if (code) {
        unlink(writer->path);
    }
    writer_free(writer);
    return code;
}

void safetensors_writer_abort(safetensors_writer *writer)
{
    if (writer) {
        close(writer->fd);
        unlink(writer->path);
        writer_free(writer);
    }
}

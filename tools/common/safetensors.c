/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/safetensors.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/file.h"
#include "tools/common/json_input.h"

struct safetensors {
    int fd;
    char *label;
    uint64_t data_start;
    uint64_t data_bytes;
    json_t *root; /* owns the names and the metadata */
    size_t count;
    safetensors_tensor *tensors; /* by name */
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[SAFETENSORS_DTYPE_COUNT] = {
    [SAFETENSORS_BOOL] = {"BOOL", 1},       [SAFETENSORS_U8] = {"U8", 1},
    [SAFETENSORS_I8] = {"I8", 1},           [SAFETENSORS_F8_E5M2] = {"F8_E5M2", 1},
    [SAFETENSORS_F8_E4M3] = {"F8_E4M3", 1}, [SAFETENSORS_I16] = {"I16", 2},
    [SAFETENSORS_U16] = {"U16", 2},         [SAFETENSORS_F16] = {"F16", 2},
    [SAFETENSORS_BF16] = {"BF16", 2},       [SAFETENSORS_I32] = {"I32", 4},
    [SAFETENSORS_U32] = {"U32", 4},         [SAFETENSORS_F32] = {"F32", 4},
    [SAFETENSORS_I64] = {"I64", 8},         [SAFETENSORS_U64] = {"U64", 8},
    [SAFETENSORS_F64] = {"F64", 8},
};

size_t safetensors_dtype_bytes(safetensors_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *safetensors_dtype_name(safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

int safetensors_dtype_parse(const char *name, safetensors_dtype *out)
{
    for (unsigned i = 0; i < SAFETENSORS_DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *out = (safetensors_dtype)i;
            return 0;
        }
    }
    return -1;
}

int safetensors_shape_bytes(const char *name, safetensors_dtype dtype, uint32_t rank, const uint64_t *shape,
                            uint64_t *out_bytes, tool_error *err)
{
    uint64_t bytes = dtypes[dtype].bytes;
    for (uint32_t i = 0; i < rank; i++) {
        if (__builtin_mul_overflow(bytes, shape[i], &bytes)) {
            return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": the size of its shape leaves 64 bits",
                             name);
        }
    }
    *out_bytes = bytes;
    return 0;
}

/* --- one tensor of the header --- */

static int parse_dtype(const json_t *value, safetensors_tensor *tensor, tool_error *err)
{
    if (!json_is_string(value)) {
        return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": \"dtype\" is missing or not a string",
                         tensor->name);
    }
    if (safetensors_dtype_parse(json_string_value(value), &tensor->dtype) != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": unknown dtype \"%s\"", tensor->name,
                         json_string_value(value));
    }
    return 0;
}

static int parse_shape(const json_t *value, safetensors_tensor *tensor, tool_error *err)
{
    if (!json_is_array(value)) {
        return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": \"shape\" is missing or not an array",
                         tensor->name);
    }
    size_t rank = json_array_size(value);
    if (rank > SAFETENSORS_MAX_RANK) {
        return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": %zu dimensions, at most %d are accepted",
                         tensor->name, rank, SAFETENSORS_MAX_RANK);
    }
    for (size_t i = 0; i < rank; i++) {
        const json_t *extent = json_array_get(value, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0) {
            return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": dimension %zu is not a whole number",
                             tensor->name, i);
        }
        tensor->shape[i] = (uint64_t)json_integer_value(extent);
    }
    tensor->rank = (uint32_t)rank;
    return 0;
}

static int parse_offsets(const json_t *value, uint64_t data_bytes, safetensors_tensor *tensor,
                         tool_error *err)
{
    const json_t *first = json_array_get(value, 0);
    const json_t *last = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(last)) {
        return tool_fail(err, TOOL_BAD_INPUT, "tensor \"%s\": \"data_offsets\" is not a pair of integers",
                         tensor->name);
    }
    int64_t begin = json_integer_value(first);
    int64_t end = json_integer_value(last);
    if (begin < 0 || end < begin) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "tensor \"%s\": offsets %" PRId64 " to %" PRId64 " run backwards", tensor->name,
                         begin, end);
    }
    if ((uint64_t)end > data_bytes) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "tensor \"%s\": ends at byte %" PRId64 " of the data, the file has %" PRIu64
                         "; it is truncated or damaged",
                         tensor->name, end, data_bytes);
    }
    tensor->offset = (uint64_t)begin;
    tensor->bytes = (uint64_t)(end - begin);
    return 0;
}

static int parse_tensor(const char *name, const json_t *value, uint64_t data_bytes, safetensors_tensor *out,
                        tool_error *err)
{
    *out = (safetensors_tensor){.name = name};
    if (!json_is_object(value) || json_object_size(value) != 3) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "tensor \"%s\": its entry is not {\"dtype\", \"shape\", \"data_offsets\"}", name);
    }
    uint64_t bytes = 0;
    int code = parse_dtype(json_object_get(value, "dtype"), out, err);
    code = code ? code : parse_shape(json_object_get(value, "shape"), out, err);
    code = code ? code : parse_offsets(json_object_get(value, "data_offsets"), data_bytes, out, err);
    code = code ? code : safetensors_shape_bytes(name, out->dtype, out->rank, out->shape, &bytes, err);
    if (code == 0 && bytes != out->bytes) {
        code = tool_fail(err, TOOL_BAD_INPUT,
                         "tensor \"%s\": shape and dtype take %" PRIu64 " bytes, the offsets %" PRIu64, name,
                         bytes, out->bytes);
    }
    return code;
}

/* --- the header as a whole --- */

static int parse_metadata(json_t *value, tool_error *err)
{
    const char *key;
    json_t *text;
    if (!json_is_object(value)) {
        return tool_fail(err, TOOL_BAD_INPUT, "__metadata__ is not an object");
    }
    json_object_foreach(value, key, text)
    {
        if (!json_is_string(text)) {
            return tool_fail(err, TOOL_BAD_INPUT, "__metadata__: \"%s\" is not a string", key);
        }
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const safetensors_tensor *)a)->name, ((const safetensors_tensor *)b)->name);
}

/* Empty tensors go before the one that starts at the same byte. */
static int by_offset(const void *a, const void *b)
{
    const safetensors_tensor *x = a;
    const safetensors_tensor *y = b;
    if (x->offset != y->offset) {
        return x->offset < y->offset ? -1 : 1;
    }
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* In offset order each tensor must start where the one before it ended, the last one at the end of the file.
 */
static int check_gapless(const safetensors_tensor *tensors, size_t count, uint64_t data_bytes,
                         tool_error *err)
{
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const safetensors_tensor *tensor = &tensors[i];
        if (tensor->offset < end) {
            return tool_fail(err, TOOL_BAD_INPUT, "tensors \"%s\" and \"%s\" overlap at byte %" PRIu64,
                             tensors[i - 1].name, tensor->name, tensor->offset);
        }
        if (tensor->offset > end) {
            return tool_fail(err, TOOL_BAD_INPUT,
                             "a hole of %" PRIu64 " bytes before tensor \"%s\" at byte %" PRIu64,
                             tensor->offset - end, tensor->name, end);
        }
        end = tensor->offset + tensor->bytes;
    }
    if (end != data_bytes) {
        return tool_fail(err, TOOL_BAD_INPUT, "%" PRIu64 " bytes after the last tensor", data_bytes - end);
    }
    return 0;
}

static int parse_entries(safetensors *file, tool_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(file->root, name, value)
    {
        int code;
        if (strcmp(name, "__metadata__") == 0) {
            code = parse_metadata(value, err);
        } else {
            code = parse_tensor(name, value, file->data_bytes, &file->tensors[file->count++], err);
        }
        if (code) {
            return code;
        }
    }
    return 0;
}

static int parse_header(safetensors *file, tool_error *err)
{
    file->tensors = calloc(json_object_size(file->root) + 1, sizeof *file->tensors);
    if (!file->tensors) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for %zu tensors", json_object_size(file->root));
    }
    int code = parse_entries(file, err);
    if (code) {
        return code;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    code = check_gapless(file->tensors, file->count, file->data_bytes, err);
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return code;
}

static int read_header(safetensors *file, uint64_t header_bytes, tool_error *err)
{
    char *header = malloc((size_t)header_bytes);
    if (!header) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a header of %" PRIu64 " bytes", header_bytes);
    }
    int code = file_read_at(file->fd, file->label, 8, header, (size_t)header_bytes, err);
    if (code == 0 && header[0] != '{') {
        code = tool_fail(err, TOOL_BAD_INPUT, "the header does not begin with '{'");
    }
    code = code ? code : json_input_parse(header, (size_t)header_bytes, "header", &file->root, err);
    free(header);
    return code;
}

/* Check the header's length against the file before anything is allocated for it. */
static int open_header(safetensors *file, tool_error *err)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) {
        return tool_fail_errno(err, errno, "cannot inspect", file->label);
    }
    if (!S_ISREG(info.st_mode)) {
        return tool_fail(err, TOOL_BAD_INPUT, "not a regular file");
    }
    uint64_t file_bytes = (uint64_t)info.st_size;
    if (file_bytes < 8 + 2) {
        return tool_fail(err, TOOL_BAD_INPUT, "%" PRIu64 " bytes are too few for a safetensors file",
                         file_bytes);
    }
    uint64_t header_bytes;
    int code = file_read_at(file->fd, file->label, 0, &header_bytes, 8, err);
    if (code) {
        return code;
    }
    header_bytes = le64toh(header_bytes);
    if (header_bytes < 2 || header_bytes > SAFETENSORS_MAX_HEADER || header_bytes > file_bytes - 8) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "a header of %" PRIu64 " bytes in a file of %" PRIu64 " (at most %d are accepted)",
                         header_bytes, file_bytes, SAFETENSORS_MAX_HEADER);
    }
    file->data_start = 8 + header_bytes;
    file->data_bytes = file_bytes - file->data_start;
    code = read_header(file, header_bytes, err);
    return code ? code : parse_header(file, err);
}

/* --- public --- */

int safetensors_open_fd(int fd, const char *label, safetensors **out, tool_error *err)
{
    safetensors *file = calloc(1, sizeof *file);
    char *copy = strdup(label);
    if (!file || !copy) {
        free(file);
        free(copy);
        close(fd);
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to open it", label);
    }
    file->fd = fd;
    file->label = copy;
    int code = open_header(file, err);
    if (code) {
        safetensors_close(file);
        return tool_fail_within(err, code, "%s", label);
    }
    *out = file;
    return 0;
}

int safetensors_open(const char *path, safetensors **out, tool_error *err)
{
    int fd;
    uint64_t bytes;
    int code = file_open_sized(path, &fd, &bytes, err);
    return code ? code : safetensors_open_fd(fd, path, out, err);
}

void safetensors_close(safetensors *file)
{
    if (!file) {
        return;
    }
    close(file->fd);
    free(file->label);
    free(file->tensors);
    json_decref(file->root);
    free(file);
}

size_t safetensors_count(const safetensors *file)
{
    return file->count;
}

const safetensors_tensor *safetensors_at(const safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const safetensors_tensor *safetensors_find(const safetensors *file, const char *name)
{
    safetensors_tensor key = {.name = name};
    return bsearch(&key, file->tensors, file->count, sizeof key, by_name);
}

const char *safetensors_metadata(const safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->root, "__metadata__"), key));
}

int safetensors_read(const safetensors *file, const safetensors_tensor *tensor, uint64_t offset, void *out,
                     size_t bytes, tool_error *err)
{
    if (offset > tensor->bytes || bytes > tensor->bytes - offset) {
        return tool_fail(err, TOOL_INTERNAL,
                         "%s: tensor \"%s\": %zu bytes at %" PRIu64 " are outside its %" PRIu64, file->label,
                         tensor->name, bytes, offset, tensor->bytes);
    }
    /* No overflow: the tensor was checked to end inside the file. */
    uint64_t position = file->data_start + tensor->offset + offset;
    int code = file_read_at(file->fd, file->label, position, out, bytes, err);
    return code ? tool_fail_within(err, code, "tensor \"%s\"", tensor->name) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of one safetensors file.
 *
 * A file is: a 64-bit little-endian header length, a JSON header {"name": {"dtype", "shape", "data_offsets"},
 * "__metadata__": {string: string}}, and the bytes of all tensors, gapless.
 *
 * safetensors_open checks everything before it hands out an object: the header length against the file's size
 * and a cap of 100 MB, '{' as the header's first byte, no duplicate keys, a known dtype, a rank of at most 8,
 * shape x dtype equal to the length of the offsets, and (in offset order) no overlap, no hole and no byte
 * after the last tensor. A file that breaks one rule is refused as a whole, naming the tensor and the rule.
 * All sizes are computed with overflow checks before they are used.
 *
 * The file is never mapped: it is read with pread into memory of the caller, so that a file truncated while
 * it is in use is an error of the read, not a SIGBUS. The descriptor stays open until safetensors_close.
 *
 * Threads: an open object is immutable; any number of threads may find and read.
 */
#ifndef TOOLS_COMMON_SAFETENSORS_H
#define TOOLS_COMMON_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

enum { SAFETENSORS_MAX_RANK = 8, SAFETENSORS_MAX_HEADER = 100 * 1000 * 1000 };

typedef enum safetensors_dtype {
    SAFETENSORS_BOOL,
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_F8_E5M2,
    SAFETENSORS_F8_E4M3,
    SAFETENSORS_I16,
    SAFETENSORS_U16,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_I32,
    SAFETENSORS_U32,
    SAFETENSORS_F32,
    SAFETENSORS_I64,
    SAFETENSORS_U64,
    SAFETENSORS_F64,
    SAFETENSORS_DTYPE_COUNT
} safetensors_dtype;

/* One tensor as the header describes it. Owned by the reader, valid until safetensors_close. */
typedef struct safetensors_tensor {
    const char *name;
    safetensors_dtype dtype;
    uint32_t rank; /* 0 is a scalar */
    uint64_t shape[SAFETENSORS_MAX_RANK];
    uint64_t offset; /* of the first byte, from the start of the data section */
    uint64_t bytes;  /* a dimension of 0 gives 0 */
} safetensors_tensor;

typedef struct safetensors safetensors;

/* Open and validate a file. Errors: TOOL_NOT_FOUND, TOOL_BAD_INPUT (a broken rule), TOOL_INTERNAL (memory,
 * I/O). */
int safetensors_open(const char *path, safetensors **out, tool_error *err);

/* The same on a descriptor, which is owned by the call: it is closed by safetensors_close, or on failure.
 * `label` names the file in errors. */
int safetensors_open_fd(int fd, const char *label, safetensors **out, tool_error *err);

/* Close and free; NULL is allowed. */
void safetensors_close(safetensors *file);

/* Tensors in the order of their names (bytewise). index < count. */
size_t safetensors_count(const safetensors *file);
const safetensors_tensor *safetensors_at(const safetensors *file, size_t index);

/* The tensor of that name, or NULL. */
const safetensors_tensor *safetensors_find(const safetensors *file, const char *name);

/* The string of "__metadata__" for key, or NULL. Owned by the reader. */
const char *safetensors_metadata(const safetensors *file, const char *key);

/* Read `bytes` of the tensor's data, from `offset` inside the tensor, into out. A range outside the tensor is
 * TOOL_INTERNAL (a mistake of the caller); a file that has become shorter is TOOL_BAD_INPUT. */
int safetensors_read(const safetensors *file, const safetensors_tensor *tensor, uint64_t offset, void *out,
                     size_t bytes, tool_error *err);

/* Bytes of one element; the format's name of a dtype ("F32"). */
size_t safetensors_dtype_bytes(safetensors_dtype dtype);
const char *safetensors_dtype_name(safetensors_dtype dtype);

/* The dtype of that name; returns 0, or -1 when the name is unknown. */
int safetensors_dtype_parse(const char *name, safetensors_dtype *out);

/* Bytes of a tensor of that dtype and shape; TOOL_BAD_INPUT when the product leaves 64 bits. `name` is for
 * the text of the error. */
int safetensors_shape_bytes(const char *name, safetensors_dtype dtype, uint32_t rank, const uint64_t *shape,
                            uint64_t *out_bytes, tool_error *err);

#endif

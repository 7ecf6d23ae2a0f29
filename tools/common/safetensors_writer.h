/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of one safetensors file, streaming: no tensor has to be in memory as a whole.
 *
 *     safetensors_writer *w;
 *     size_t wte;
 *     safetensors_writer_begin(path, &w, err);
 *     safetensors_writer_add(w, "transformer.wte.weight", SAFETENSORS_F32, 2, shape, &wte, err);
 *     ...                                                    all tensors are declared first
 *     safetensors_writer_write(w, wte, data, bytes, err);    as often as needed, in any tensor order
 *     safetensors_writer_finish(&w, err);
 *
 * The writer lays tensors out by descending element size, so that each is aligned to its element, and pads
 * the header to 64 bytes; readers of the format rely on neither but are faster with both. After a failure the
 * only useful call is safetensors_writer_abort. Not thread safe.
 */
#ifndef TOOLS_COMMON_SAFETENSORS_WRITER_H
#define TOOLS_COMMON_SAFETENSORS_WRITER_H

#include "tools/common/safetensors.h"

typedef struct safetensors_writer safetensors_writer;

/* Create (or truncate) path. The writer is the caller's until finish or abort. */
int safetensors_writer_begin(const char *path, safetensors_writer **out, tool_error *err);

/* Declare a tensor; *out_index identifies it in safetensors_writer_write. Declarations end with the first
 * write. Errors: a name used before, empty, not UTF-8 or "__metadata__"; a rank above 8; a size beyond 64
 * bits. */
int safetensors_writer_add(safetensors_writer *writer, const char *name, safetensors_dtype dtype,
                           uint32_t rank, const uint64_t *shape, size_t *out_index, tool_error *err);

/* Set a string of "__metadata__" (transformers wants "format": "pt"). Before the first write only. */
int safetensors_writer_metadata(safetensors_writer *writer, const char *key, const char *value,
                                tool_error *err);

/* Append bytes to the data of one tensor. More bytes than declared are refused. */
int safetensors_writer_write(safetensors_writer *writer, size_t index, const void *data, size_t bytes,
                             tool_error *err);

/* Check that every tensor is complete, fsync, close and free. *writer is NULL afterwards on success and on
 * failure; on failure the incomplete file is removed. */
int safetensors_writer_finish(safetensors_writer **writer, tool_error *err);

/* Close, remove the incomplete file and free; NULL is allowed. */
void safetensors_writer_abort(safetensors_writer *writer);

#endif

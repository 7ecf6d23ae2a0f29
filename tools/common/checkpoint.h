/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint directory that is replaced as a whole, or not at all.
 *
 * checkpoint_begin makes DIR.tmp-PID beside DIR; the caller writes its files there; checkpoint_commit syncs
 * every file and the directory and swaps it in: renameat2(RENAME_EXCHANGE) where DIR exists, a plain rename
 * where it does not. A crash, a full disk or a failure at any point leaves the previous checkpoint whole.
 * Where the file system cannot exchange, DIR is moved to DIR.old-PID first; only there a crash between two
 * renames leaves the previous checkpoint under that name instead of DIR.
 *
 * What else the user keeps in DIR survives: after the swap every entry that is neither a checkpoint file
 * (*.safetensors, *.safetensors.index.json, config.json, generation_config.json, tokenizer.json,
 * tokenizer_config.json, special_tokens_map.json) nor written anew is moved into the new directory.
 *
 * Refused by checkpoint_begin: DIR that is not a directory; a directory that is not empty and has no
 * config.json (not a checkpoint); the working directory or one above it.
 *
 * A tool that should survive RLIMIT_FSIZE has to ignore SIGXFSZ itself.
 */
#ifndef TOOLS_COMMON_CHECKPOINT_H
#define TOOLS_COMMON_CHECKPOINT_H

#include <stddef.h>

#include "tools/common/error.h"

typedef struct checkpoint checkpoint;

/* Whether a checkpoint could be started for dir now: said before the work rather than after it. */
int checkpoint_try(const char *dir, tool_error *err);

/* Start a new checkpoint for dir, whose parent must exist. The object is the caller's until commit or abort.
 */
int checkpoint_begin(const char *dir, checkpoint **out, tool_error *err);

/* The directory to write into; owned by the object. */
const char *checkpoint_directory(const checkpoint *object);

/* The path of a file NAME in that directory. */
int checkpoint_file(const checkpoint *object, const char *name, char *out, size_t out_size, tool_error *err);

/* Write a small file of the checkpoint (config.json, tokenizer.json). */
int checkpoint_write(checkpoint *object, const char *name, const void *data, size_t bytes, tool_error *err);

/* Sync and swap in. *object is freed and NULL afterwards; on failure the new files are removed, the old
 * remain. */
int checkpoint_commit(checkpoint **object, tool_error *err);

/* Remove what was written and free; NULL is allowed. */
void checkpoint_abort(checkpoint *object);

#endif

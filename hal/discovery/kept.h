/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in the caller's cache directory that hold what is known of the machine as it is now. Their names end in a hash of
 * what that depends on; nobody else can have written one that is read, and one is replaced whole or not at all.
 */
#ifndef HAL_DISCOVERY_KEPT_H
#define HAL_DISCOVERY_KEPT_H

#include "hal/discovery/files.h"

/* FNV-1a over `text`, and one more byte of value 0. */
uint64_t hal_kept_mix(uint64_t hash, const char *text);
/* The machine: its kernel, drivers and firmware. */
uint64_t hal_kept_machine(const hal_files *files);
/* The names in each of `n` directories. */
uint64_t hal_kept_mix_names(uint64_t hash, const hal_files *files, const char *const *directories, size_t n);
/* "BASE/hal/PREFIXHASH"; false when there is no such directory, which `make` makes. */
bool hal_kept_path(bool make, const char *prefix, uint64_t hash, char *path, size_t size);
/* The text of a file of 1 to `most` bytes that nobody else can have written, NUL-terminated; NULL with
   errno for others. */
char *hal_kept_read(const hal_allocator *allocator, const char *path, size_t most, size_t *bytes);
/* Replaces a file by what `print` writes. False with errno, and everything as it was. */
bool hal_kept_write(const char *path, bool (*print)(const void *context, FILE *out), const void *context);

#endif

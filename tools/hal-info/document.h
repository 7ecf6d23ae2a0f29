/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of a machine as a tree, so that every form for programs shows the same values. */
#ifndef HAL_INFO_DOCUMENT_H
#define HAL_INFO_DOCUMENT_H

#include "tools/hal-info/info.h"

/* The whole document, redacted where the options say so; a new reference. */
int document_create(const info *i, json_t **root, tool_error *err);
/* An object with schema and one array of it: "links", "memories", ...; with `only` the links that end at that
 * device. */
int document_members(const info *i, const char *name, const char *only, json_t **root, tool_error *err);
/* One device. */
int document_device(const info *i, const hal_topology_device *d, json_t **root, tool_error *err);

/* Prints a tree in the form asked for: JSON, JSON lines or CSV of the array `rows`, or the value at a path.
 */
int document_print(const json_t *root, const info_options *options, const char *rows, FILE *out,
                   tool_error *err);

/* The value at a path such as devices.gpu0.name or links[3].kind: borrowed. Members of an array are named by
   number, id or alias; '#' is the length of an array. Errors: TOOL_NOT_FOUND, saying where and what there is.
 */
int path_find(const json_t *root, const char *path, const json_t **value, json_int_t *count, tool_error *err);
/* An array of objects as CSV: a column for every member, "a.b" for members of members, and for figures the
 * value. */
int csv_print(const json_t *rows, FILE *out, tool_error *err);

#endif

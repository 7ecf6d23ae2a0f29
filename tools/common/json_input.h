/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that comes from outside, read with jansson under fixed limits.
 *
 * Rejected: text above the size limit, before it is parsed; by jansson, nesting deeper than
 * JSON_INPUT_MAX_DEPTH, duplicate keys, bytes that are not UTF-8, integers beyond 64 bits, NUL in strings,
 * anything after the value. Trees are json_t references of the caller (json_decref).
 *
 * The typed getters below name the key and the accepted range in their errors; `where` is the file's name.
 */
#ifndef TOOLS_COMMON_JSON_INPUT_H
#define TOOLS_COMMON_JSON_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

/* jansson's own: the tools parse on the first thread, whose stack has room for that. */
enum { JSON_INPUT_MAX_DEPTH = JSON_PARSER_MAX_DEPTH };

/* Parse `bytes` of text; the top value must be an object. */
int json_input_parse(const char *text, size_t bytes, const char *where, json_t **out_root, tool_error *err);

/* Read and parse a file of at most `limit` bytes. */
int json_input_load(const char *path, uint64_t limit, json_t **out_root, tool_error *err);

/* An integer in [low, high]; `key` names it in the error. */
int json_input_whole(const json_t *value, const char *key, const char *where, int64_t low, int64_t high,
                     int64_t *out, tool_error *err);

/* An integer member in [low, high]. Absent or null: *inout keeps its value (the default). */
int json_input_integer(const json_t *object, const char *key, const char *where, int64_t low, int64_t high,
                       int64_t *inout, tool_error *err);

/* A finite number member (integer or real) in [low, high]; absent or null keeps the default. */
int json_input_number(const json_t *object, const char *key, const char *where, double low, double high,
                      double *inout, tool_error *err);

/* A boolean member; absent or null keeps the default. */
int json_input_bool(const json_t *object, const char *key, const char *where, bool *inout, tool_error *err);

/* A string member, borrowed from the tree; absent or null gives NULL. */
int json_input_string(const json_t *object, const char *key, const char *where, const char **out,
                      tool_error *err);

#endif

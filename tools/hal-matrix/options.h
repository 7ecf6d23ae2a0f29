/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of hal-matrix. */
#ifndef HAL_MATRIX_OPTIONS_H
#define HAL_MATRIX_OPTIONS_H

#include <hal/hal.h>

#include "tools/hal-matrix/select.h"

typedef enum matrix_verb {
    VERB_RUN, VERB_EXPLAIN, VERB_REPRO, VERB_SUPPORT, VERB_MERGE, VERB_DIFF
} matrix_verb;

enum { MATRIX_MAX_WANTED = 32, MATRIX_MAX_WORDS = 64, MATRIX_MAX_JOBS = 256 };

/* One --device or --backend, in the order given. */
typedef struct matrix_wanted { const char *name; bool is_backend; } matrix_wanted;

/* Strings belong to the command line. */
typedef struct matrix_options {
    matrix_verb verb;
    matrix_wanted wanted[MATRIX_MAX_WANTED];
    uint32_t n_wanted;
    matrix_filter filter;              /* --list, --op, --dtype */
    const char *words[MATRIX_MAX_WORDS]; /* what stands after the verb: a case, or files */
    uint32_t n_words;
    const char *json, *html, *junit, *md, *output;
    const char *expect, *baseline, *write_baseline, *plugin_dir;
    uint32_t jobs;
    uint64_t floor, seed;
    int64_t deadline_ms;
    double loosen;
    bool perf, verbose, help, version;
} matrix_options;

/* Reads the command line. Errors: TOOL_BAD_INPUT; TOOL_NOT_FOUND for an operator or dtype that is not in the table,
 * with the nearest that is. */
int matrix_options_parse(int argc, char **argv, matrix_options *options, tool_error *err);
/* The text of --help. */
extern const char matrix_help[];

#endif

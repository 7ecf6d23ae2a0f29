/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/verbs.h"

static int run_verb(const matrix_options *o, tool_error *err) {
    switch (o->verb) {
    case VERB_SUPPORT: return matrix_verb_support(o, err);
    case VERB_MERGE: return matrix_verb_merge(o, err);
    case VERB_DIFF: return matrix_verb_diff(o, err);
    case VERB_EXPLAIN:
    case VERB_REPRO: return matrix_verb_one(o, err);
    default: return matrix_verb_run(o, err);
    }
}

int main(int argc, char **argv) {
    tool_error err = {0};
    matrix_options o;
    int code = matrix_options_parse(argc, argv, &o, &err);
    if (!code && o.help) fputs(matrix_help, stdout);
    else if (!code && o.version) printf("hal-matrix %s\n", hal_version());
    else if (!code) code = run_verb(&o, &err);
    return tool_finish("hal-matrix", code, &err);
}

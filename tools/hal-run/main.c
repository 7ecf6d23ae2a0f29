/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "tools/hal-run/verbs.h"

static int run(const run_options *options, tool_error *err) {
    switch (options->verb) {
    case RUN_TRAIN: return verb_train(options, err);
    case RUN_GENERATE: return verb_generate(options, err);
    case RUN_DEVICES: return verb_devices(options, err);
    case RUN_HELP: fputs(run_options_help(), stdout); return TOOL_OK;
    case RUN_VERSION: printf("hal-run %s\n", hal_version()); return TOOL_OK;
    }
    return TOOL_INTERNAL;
}

int main(int argc, char **argv) {
    tool_error err = {0};
    run_options options;
    signal(SIGXFSZ, SIG_IGN); /* a full quota is a failed write, which keeps the previous checkpoint */
    signal(SIGPIPE, SIG_IGN); /* a reader that went away must not cost the checkpoint either */
    int code = run_options_parse(argc, argv, &options, &err);
    if (!code) code = run(&options, &err);
    return tool_finish("hal-run", code, &err);
}

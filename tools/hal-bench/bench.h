/* SPDX-License-Identifier: Apache-2.0 */
/* hal-bench: how fast operators, training steps and hal itself are on this machine. Medians; never a pass or fail. */
#ifndef HAL_BENCH_H
#define HAL_BENCH_H

#include "tools/hal-bench/sample.h"
#include "tools/hal-run/options.h"

typedef struct bench_options {
    const char *op, *device, *dtype, *model, *plugin_dir, *from, *to;
    const char *in[8]; /* of op: its operands, DTYPE:SIZES */
    const char *attrs[8]; /* of op: NAME=VALUE */
    uint32_t n_in, n_attrs;
    const char *timing; /* "call", "queued", or NULL: as suits the device */
    int64_t m, n, k;
    uint64_t steps, batch, context, bytes;
    int64_t deadline_ms; /* of a call or step; 0: that of the verb */
    const char *compare;   /* output of an earlier run, or NULL */
    const char *save_path; /* NULL: that of this machine */
    const char *html, *limits; /* files, or NULL */
    char **paths;              /* of traces */
    int n_paths;
    bool json, quick, save;
} bench_options;

/* Times a matmul (m, n, k), a row over m x n, or any row over the operands that --in names; flop/s and bytes/s. Calls that wait
 * each, or launches that are queued and waited for together. */
int bench_op(const bench_options *options, tool_error *err);
/* Training steps of a model on random tokens; the same keys as hal-run train's last line. */
int bench_train(const bench_options *options, tool_error *err);
/* A prompt of --context tokens and --steps more of a model of random weights: tokens a second, and the host's time of a launch. */
int bench_generate(const bench_options *options, tool_error *err);
/* What hal itself costs, on the null backend: hal_run, submit, a session step of 1,000 ops, start. */
int bench_overhead(const bench_options *options, tool_error *err);
/* Bandwidth and latency of a device's memory. */
int bench_mem(const bench_options *options, tool_error *err);
/* Bandwidth and latency between every two devices, and the host and each. */
int bench_link(const bench_options *options, tool_error *err);
/* Each operator of traced runs beside the limits of its device. */
int bench_roofline(const bench_options *options, tool_error *err);

/* What a model computes its products in. */
int bench_model_dtype(const bench_options *options, hal_dtype *dtype, tool_error *err);
/* The instance with the plugins that were asked for. */
int bench_open(const bench_options *options, hal_instance **instance, tool_error *err);
/* Seconds of the monotonic clock. */
double bench_now(void);

#endif

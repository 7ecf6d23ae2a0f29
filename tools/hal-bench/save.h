/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of measurements of `mem` and `link`: beside earlier ones, and into the model of this machine. */
#ifndef HAL_BENCH_SAVE_H
#define HAL_BENCH_SAVE_H

#include <hal/topology.h>

#include "tools/hal-bench/compare.h"

typedef struct bench_save {
    const bench_options *options;
    hal_instance *instance; /* borrowed */
    json_t *earlier;        /* of --compare, or NULL */
    hal_topology *topology; /* NULL: nothing is to be saved */
    hal_measurement *rows;
    uint32_t n, room, refused;
    bool starved;
} bench_save;

/* Nothing is kept without --save, and nothing compared without --compare. */
int save_begin(bench_save *save, const bench_options *options, hal_instance *instance, tool_error *err);
/* Takes a measurement, or tells why it is refused. One that failed, and one within a single device, which is no link, is
   passed over. */
void save_add(bench_save *save, const measurement *m);
/* Keeps what was taken and says where. `code` is that of measuring, and returned when it is a failure. */
int save_end(bench_save *save, int code, tool_error *err);

#endif

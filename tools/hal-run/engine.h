/* SPDX-License-Identifier: Apache-2.0 */
/* A graph that is planned and ready to run, and what all graphs of one run share. */
#ifndef HAL_RUN_ENGINE_H
#define HAL_RUN_ENGINE_H

#include <hal/plan.h>

#include "tools/hal-run/model.h"
#include "tools/hal-run/options.h"

/* The machine and the placement options of a run. */
typedef struct run_engine {
    hal_instance *instance;
    const run_options *options;
    hal_session *variables; /* the first session: it owns the variables; the others share them */
    bool pack_variables;    /* no graph of the run assigns a weight: those that only products read may lie packed */
} run_engine;

/* A planned graph. Values stay valid as long as it does. */
typedef struct engine_step {
    hal_graph *graph;
    hal_plan *plan;
    hal_session *session;
    int64_t deadline_ms;
} engine_step;

int engine_open(const run_options *options, run_engine *out, tool_error *err);
void engine_close(run_engine *engine);
/* Plans `graph`, whose reference it takes, and makes a session that shares the engine's variables. */
int engine_prepare(run_engine *engine, hal_graph *graph, engine_step *out, tool_error *err);
void engine_release(engine_step *step);
/* Runs one step. It may take as long as --deadline says, an hour unless given. On TOOL_DEADLINE the device may still be
 * at work: then nothing of the step is released, and what was fed and fetched stays until the process ends. */
int engine_run(engine_step *step, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches, uint32_t n_fetches,
               tool_error *err);
/* A feed or fetch of a contiguous host array. */
hal_feed engine_feed(hal_value value, hal_dtype dtype, uint32_t rank, const int64_t *size, const void *data);

#endif

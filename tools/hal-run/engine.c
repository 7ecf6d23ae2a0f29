/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/engine.h"

#include <errno.h>

#include "tools/common/deadline.h"
#include "tools/common/load_guard.h"

enum { STEP_DEADLINE_MS = 3600 * 1000 };

int engine_open(const run_options *options, run_engine *out, tool_error *err) {
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .plugin_path = options->plugin_dir};
    hal_instance *instance;
    load_guard_begin(program_invocation_short_name);
    hal_status status = hal_instance_create(&o, &instance);
    load_guard_end();
    int code = model_fail(err, status, "looking at this machine");
    if (code) return code;
    *out = (run_engine){.instance = instance, .options = options};
    return TOOL_OK;
}

void engine_close(run_engine *engine) {
    hal_session_release(engine->variables);
    hal_instance_release(engine->instance);
    *engine = (run_engine){0};
}

void engine_release(engine_step *step) {
    hal_session_release(step->session);
    hal_plan_release(step->plan);
    hal_graph_release(step->graph);
    *step = (engine_step){0};
}

int engine_prepare(run_engine *engine, hal_graph *graph, engine_step *out, tool_error *err) {
    const run_options *o = engine->options;
    engine_step step = {.graph = graph, .deadline_ms = o->deadline_ms ? o->deadline_ms : STEP_DEADLINE_MS};
    hal_plan_options plan = {HAL_HEAD(hal_plan_options), .devices = o->devices, .n_devices = o->n_devices, .pins = o->pins,
                             .n_pins = o->n_pins, .primitives_only = o->primitives_only,
                             .pack_variables = engine->pack_variables};
    hal_session_options session = {HAL_HEAD(hal_session_options), .variables_of = engine->variables,
                                   .convert_ms = step.deadline_ms};
    int code = model_fail(err, hal_plan_create(engine->instance, graph, &plan, &step.plan), "planning");
    if (!code) code = model_fail(err, hal_session_create(step.plan, &session, &step.session), "preparing the session");
    if (code) {
        engine_release(&step);
        return code;
    }
    if (!engine->variables) engine->variables = hal_session_retain(step.session);
    *out = step;
    return TOOL_OK;
}

int engine_run(engine_step *step, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches, uint32_t n_fetches,
               tool_error *err) {
    const int64_t begin = hal_time_now();
    hal_status status = hal_session_run(step->session, feeds, n_feeds, fetches, n_fetches, hal_deadline_ms(step->deadline_ms));
    if (hal_status_code(status) != HAL_CODE_DEADLINE_EXCEEDED) return model_fail(err, status, "running a step");
    return deadline_fail(err, "running a step", (double)(hal_time_now() - begin) * 1e-9, step->deadline_ms, hal_status_last()->text);
}

hal_feed engine_feed(hal_value value, hal_dtype dtype, uint32_t rank, const int64_t *size, const void *data) {
    return (hal_feed){value, hal_tensor_host((void *)(uintptr_t)data, dtype, rank, size)};
}

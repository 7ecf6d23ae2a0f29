/* SPDX-License-Identifier: Apache-2.0 */
/* hal-run train: data, loop, evaluation, checkpoint, curve. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/common/checkpoint.h"
#include "tools/common/plot.h"
#include "tools/common/progress.h"
#include "tools/common/text_source.h"
#include "tools/hal-run/state.h"
#include "tools/hal-run/verbs.h"

static volatile sig_atomic_t interrupted;
static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* One point of the curve. */
typedef struct point { double step, train, validation; } point;

typedef struct run {
    const run_options *options;
    trainer_setup setup;
    uint64_t first;               /* steps done before this run */
    tokenizer *codec;
    dataset *data;
    trainer trainer;
    progress *progress;
    point *points;
    size_t n_points, capacity;
    double train_loss, validation_loss;
    uint64_t recent;              /* steps since the last evaluation, for the mean training loss */
    double recent_sum;
    bool trained;                 /* a step was made, so there is a training loss */
} run;

/* --------------------------------------------------------------------------------------------- setting up -- */

/* A new model gets as many positions as the context needs; a `trained` one has those it has. */
static int fit_positions(trainer_setup *s, bool trained, tool_error *err) {
    if (s->train.context <= s->model.positions) return TOOL_OK;
    if (trained)
        return tool_fail(err, TOOL_BAD_INPUT, "--context %u: the model has %u positions", s->train.context, s->model.positions);
    s->model.positions = s->train.context;
    return TOOL_OK;
}

/* The model: of the checkpoint to resume or to load, of a configuration file, or a preset. */
static int choose_model(run *r, tool_error *err) {
    const run_options *o = r->options;
    trainer_setup *s = &r->setup;
    int code;
    if (o->resume) {
        code = state_read_setup(o->resume, s, &r->first, err);
        if (!code) code = run_options_check(&s->train, o->resume, err);
    } else if (o->load && !o->model) {
        code = model_config_load(o->load, &s->model, err);
        if (!code) train_options_default(&s->model, &s->train);
    } else {
        code = model_config_named(o->model ? o->model : "char", &s->model, &s->train, err);
    }
    if (!code) code = run_options_apply(o, &s->train, err);
    if (!code) code = run_options_dtype(o, o->resume ? s->dtype : HAL_F32, &s->dtype, err);
    return code ? code : fit_positions(s, o->resume || o->load, err);
}

/* The tokenizer of a checkpoint, if there is one; otherwise the bytes of the text make one. */
static int choose_tokenizer(run *r, const text_source *text, tool_error *err) {
    const char *dir = r->options->resume ? r->options->resume : r->options->load;
    char path[4096];
    if (dir && snprintf(path, sizeof path, "%s/tokenizer.json", dir) < (int)sizeof path && access(path, F_OK) == 0)
        return tokenizer_load(path, &r->codec, err);
    return tokenizer_from_bytes(text->data, text->bytes, &r->codec, err);
}

static int load_text(run *r, tool_error *err) {
    text_source text = {0};
    int code = text_source_load(r->setup.data.path[0] ? r->setup.data.path : NULL, &text, err);
    if (!code) code = choose_tokenizer(r, &text, err);
    if (!code) code = dataset_from_text(text.data, text.bytes, text.origin, r->codec, &r->data, err);
    if (!code && !r->options->quiet) fprintf(stderr, "text: %s, %zu bytes\n", text.origin, text.bytes);
    text_source_clear(&text);
    if (code) return code;
    const uint32_t needed = tokenizer_vocabulary(r->codec);
    if (r->setup.model.vocabulary == 0) r->setup.model.vocabulary = needed;
    if (needed > r->setup.model.vocabulary)
        return tool_fail(err, TOOL_BAD_INPUT, "the tokenizer has %u ids, the model's vocabulary only %u", needed,
                         r->setup.model.vocabulary);
    return TOOL_OK;
}

/* What the command line names, else what the checkpoint to resume was trained on, else a default text. */
static int choose_data(run *r, tool_error *err) {
    const run_options *o = r->options;
    trainer_data *data = &r->setup.data;
    const char *named = o->text ? o->text : o->token_file;
    char whole[PATH_MAX];
    if (!named) return TOOL_OK;
    if (!realpath(named, whole)) return tool_fail_errno(err, errno, "cannot open", named);
    snprintf(data->path, sizeof data->path, "%s", whole);
    data->is_tokens = named == o->token_file;
    return TOOL_OK;
}

/* A resumed run goes on in the same data: another length of it is another run. */
static int check_data(run *r, tool_error *err) {
    trainer_data *data = &r->setup.data;
    const uint64_t tokens = dataset_train_tokens(r->data) + dataset_validation_tokens(r->data), before = data->tokens;
    data->tokens = tokens;
    if (!r->options->resume || before == 0 || before == tokens) return TOOL_OK;
    return tool_fail(err, TOOL_BAD_INPUT, "%s was trained on %llu tokens, %s has %llu: name the same data with --text or "
                     "--token-file, or start anew from the weights with --load", r->options->resume, (unsigned long long)before,
                     data->path[0] ? data->path : "the default text", (unsigned long long)tokens);
}

static int load_data(run *r, tool_error *err) {
    int code = choose_data(r, err);
    if (code) return code;
    if (r->setup.data.is_tokens) {
        if (r->setup.model.vocabulary == 0)
            return tool_fail(err, TOOL_BAD_INPUT, "--token-file: preset %s takes its vocabulary from a text; use --model gpt2 "
                             "or a CONFIG.json with vocab_size", r->options->model ? r->options->model : "char");
        code = dataset_from_tokens(r->setup.data.path, r->setup.model.vocabulary, &r->data, err);
    } else {
        code = load_text(r, err);
    }
    if (!code) code = model_config_check(&r->setup.model, "the model", err);
    if (!code) code = dataset_check(r->data, r->setup.train.context, err);
    return code ? code : check_data(r, err);
}

static int fill_parameters(run *r, tool_error *err) {
    const run_options *o = r->options;
    trainer *t = &r->trainer;
    const char *dir = o->resume ? o->resume : o->load;
    t->step = r->first;
    if (!dir) return trainer_initialise(t, err);
    int code = state_load_weights(t->update.session, t->parameters, t->count, HAL_F32, dir, err);
    return code || !o->resume ? code : state_load_moments(t, dir, err);
}

/* ------------------------------------------------------------------------------------------------ the loop -- */

static int keep_point(run *r, tool_error *err) {
    if (r->n_points == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        point *points = realloc(r->points, capacity * sizeof *points);
        if (!points) return tool_fail(err, TOOL_INTERNAL, "out of memory for the curve");
        r->points = points;
        r->capacity = capacity;
    }
    r->points[r->n_points++] = (point){(double)r->trainer.step, r->train_loss, r->validation_loss};
    return TOOL_OK;
}

/* Prints an object on a line of its own; takes its reference. */
static int print_line(json_t *line, tool_error *err) {
    const int failed = !line || json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0;
    json_decref(line);
    putchar('\n');
    fflush(stdout);
    /* A failed write shows in ferror(stdout) at the end; it must not cost the training. */
    return failed && !ferror(stdout) ? tool_fail(err, TOOL_INTERNAL, "no memory for a line of JSON") : TOOL_OK;
}

/* Unknown is null, never 0. */
static json_t *known(double number, bool is_known) { return is_known && isfinite(number) ? json_real(number) : json_null(); }

static int print_eval(const run *r, tool_error *err) {
    return print_line(json_pack("{s:s,s:I,s:o,s:o}", "event", "eval", "step", (json_int_t)r->trainer.step, "train_loss",
                                known(r->train_loss, r->trained), "val_loss", known(r->validation_loss, true)), err);
}

static int evaluate(run *r, tool_error *err) {
    if (r->recent) r->train_loss = r->recent_sum / (double)r->recent;
    r->trained |= r->recent > 0;
    r->recent = 0;
    r->recent_sum = 0;
    int code = trainer_evaluate(&r->trainer, &r->validation_loss, err);
    if (code) return code;
    if (r->trained) progress_note(r->progress, "step %llu: train loss %.4f, validation loss %.4f", (unsigned long long)r->trainer.step,
                                  r->train_loss, r->validation_loss);
    else progress_note(r->progress, "step %llu: validation loss %.4f", (unsigned long long)r->trainer.step, r->validation_loss);
    if (r->options->json && (code = print_eval(r, err))) return code;
    return keep_point(r, err);
}

static double seconds(void) { return (double)hal_time_now() * 1e-9; }

static int one_step(run *r, tool_error *err) {
    const train_options *o = &r->setup.train;
    double loss, begin = seconds();
    int code = trainer_step(&r->trainer, &loss, err);
    if (code) return code;
    if (!isfinite(loss))
        return tool_fail(err, TOOL_INTERNAL, "the loss of step %llu is %g: training diverged; try a lower --lr",
                         (unsigned long long)r->trainer.step, loss);
    r->recent++;
    r->recent_sum += loss;
    return progress_step(r->progress, r->trainer.step, loss, (uint64_t)o->batch * o->context * o->accumulate, seconds() - begin, err);
}

static int loop(run *r, tool_error *err) {
    const uint64_t steps = r->setup.train.steps, every = r->setup.train.eval_every;
    int code = TOOL_OK;
    while (!code && !interrupted && r->trainer.step < steps) {
        code = one_step(r, err);
        if (!code && every && r->trainer.step % every == 0 && r->trainer.step < steps) code = evaluate(r, err);
    }
    return code ? code : evaluate(r, err);
}

/* ----------------------------------------------------------------------------------------------- the end -- */

static uint64_t peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

static int print_done(const run *r, tool_error *err) {
    const run_options *o = r->options;
    json_t *devices = json_array();
    for (uint32_t i = 0; i < o->n_devices; i++) json_array_append_new(devices, json_string(o->devices[i]));
    if (!o->n_devices) json_array_append_new(devices, json_string("cpu0"));
    return print_line(json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:I,s:o}", "event", "done", "steps", (json_int_t)r->trainer.step,
                                "tokens_per_second", known(progress_tokens_per_second(r->progress), r->trained), "step_seconds",
                                known(progress_step_seconds(r->progress), r->trained), "train_loss",
                                known(r->train_loss, r->trained), "val_loss", known(r->validation_loss, true),
                                "peak_resident_bytes", (json_int_t)peak_bytes(), "devices", devices), err);
}

static int draw(const run *r, tool_error *err) {
    double *numbers = calloc(3 * r->n_points, sizeof *numbers);
    if (!numbers) return tool_fail(err, TOOL_INTERNAL, "out of memory for the curve");
    double *step = numbers, *train = step + r->n_points, *validation = train + r->n_points;
    for (size_t i = 0; i < r->n_points; i++) {
        step[i] = r->points[i].step;
        train[i] = r->points[i].train;
        validation[i] = r->points[i].validation;
    }
    plot chart = {.title = "Loss", .x_label = "step", .y_label = "cross entropy (nats per token)", .series_count = 2,
                  .series = {{"training", step, train, r->n_points}, {"validation", step, validation, r->n_points}}};
    int code = plot_write_svg(r->options->plot, &chart, err);
    free(numbers);
    return code;
}

/* A resumed run goes on where it came from. Ctrl-C without --save still saves, beside the caller. */
static const char *save_directory(const run *r) {
    if (r->options->save) return r->options->save;
    if (r->options->resume) return r->options->resume;
    return interrupted ? "hal-run-interrupted" : NULL;
}

/* What cannot be written at the end is better known before the first step. */
static int try_outputs(const run *r, tool_error *err) {
    const char *dir = save_directory(r);
    int code = dir ? checkpoint_try(dir, err) : TOOL_OK;
    return code || !r->options->plot ? code : plot_try(r->options->plot, err);
}

static int finish(run *r, tool_error *err) {
    const char *dir = save_directory(r);
    int code = dir ? state_save(&r->trainer, dir, r->codec, err) : TOOL_OK;
    if (!code && dir) progress_note(r->progress, "saved to %s", dir);
    if (!code && r->options->plot && r->n_points) code = draw(r, err);
    if (!code && r->options->json) code = print_done(r, err);
    if (code || !interrupted || r->trainer.step >= r->setup.train.steps) return code;
    return tool_fail(err, TOOL_DEGRADED, "interrupted after step %llu; to go on: hal-run train --resume %s",
                     (unsigned long long)r->trainer.step, dir);
}

/* The device may still be changing the parameters: there is no state to save, and none to tidy up. */
static int explain_deadline(const run *r, tool_error *err) {
    const tool_error cause = *err;
    const char *dir = save_directory(r);
    return tool_fail(err, TOOL_DEADLINE, "after step %llu of %llu: %s; the steps of this run are not saved, as the device may still be "
                     "changing the parameters%s%s%s", (unsigned long long)r->trainer.step, (unsigned long long)r->setup.train.steps,
                     cause.text, dir ? "; " : "", dir ? dir : "", dir ? " is as it was" : "");
}

static int train(run *r, tool_error *err) {
    int code = choose_model(r, err);
    if (!code) code = load_data(r, err);
    if (!code) code = try_outputs(r, err);
    if (!code) code = trainer_open(r->options, &r->setup, r->data, &r->trainer, err);
    if (!code) code = fill_parameters(r, err);
    if (!code) code = progress_begin(stderr, r->first, r->setup.train.steps, r->options->quiet, &r->progress, err);
    if (code) return code;
    progress_note(r->progress, "%llu parameters, %s, batch %u, context %u",
                  (unsigned long long)model_config_parameters(&r->setup.model), hal_dtype_describe(r->setup.dtype)->name,
                  r->setup.train.batch, r->setup.train.context);
    code = loop(r, err);
    return code ? code : finish(r, err);
}

int verb_train(const run_options *options, tool_error *err) {
    static run r; /* static, as a device that missed a deadline may use it to the end of the process */
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    r.options = options;
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends at once */
    sigaction(SIGINT, &action, &before);
    int code = train(&r, err);
    sigaction(SIGINT, &before, NULL);
    progress_end(r.progress);
    if (code == TOOL_DEADLINE) return explain_deadline(&r, err);
    trainer_close(&r.trainer);
    dataset_free(r.data);
    tokenizer_free(r.codec);
    free(r.points);
    return code;
}

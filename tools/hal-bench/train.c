/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-run/trainer.h"

enum { TOKENS = 200000 };

/* Random tokens in a file of their own, removed at once: the data set reads from the open descriptor. */
static int random_tokens(uint32_t vocabulary, dataset **out, tool_error *err) {
    char path[] = "/tmp/hal-bench-XXXXXX.u32";
    int fd = mkstemps(path, 4);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) return tool_fail(err, TOOL_INTERNAL, "%s cannot be created", path);
    uint64_t state = 1;
    for (int i = 0; i < TOKENS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint32_t id = (uint32_t)((state >> 33) % vocabulary);
        fwrite(&id, sizeof id, 1, f);
    }
    int code = fclose(f) ? tool_fail(err, TOOL_INTERNAL, "%s cannot be written", path) : dataset_from_tokens(path, vocabulary, out, err);
    unlink(path);
    return code;
}

int bench_model_dtype(const bench_options *o, hal_dtype *dtype, tool_error *err) {
    *dtype = hal_dtype_find(o->dtype);
    if (*dtype == HAL_F32 || *dtype == HAL_BF16) return TOOL_OK;
    return tool_fail(err, TOOL_BAD_INPUT, "--dtype %s: f32 or bf16", o->dtype);
}

static int setup_of(const bench_options *o, trainer_setup *s, tool_error *err) {
    int code = model_config_named(o->model, &s->model, &s->train, err);
    if (code) return code;
    code = bench_model_dtype(o, &s->dtype, err);
    if (code) return code;
    if (o->batch) s->train.batch = (uint32_t)o->batch;
    if (o->context) s->train.context = (uint32_t)o->context;
    if (s->train.context > s->model.positions) s->model.positions = s->train.context;
    if (s->model.vocabulary == 0) s->model.vocabulary = 65;
    s->train.steps = o->steps ? o->steps : 50;
    return model_config_check(&s->model, o->model, err);
}

static int timed_steps(trainer *t, double *times, double *loss, tool_error *err) {
    int code = trainer_initialise(t, err);
    for (uint64_t i = 0; !code && i < t->setup.train.steps; i++) {
        const double begin = bench_now();
        code = trainer_step(t, loss, err);
        times[i] = bench_now() - begin;
    }
    return code;
}

static void print(const bench_options *o, const trainer_setup *s, double seconds, double loss) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double rate = s->train.batch * (double)s->train.context / seconds;
    if (o->json)
        /* The tokens are random: a validation loss would say nothing, so none is made up. */
        printf("{\"event\":\"done\",\"steps\":%llu,\"tokens_per_second\":%.9g,\"step_seconds\":%.9g,\"train_loss\":%.9g,"
               "\"val_loss\":null,\"peak_resident_bytes\":%llu,\"devices\":[\"%s\"]}\n", (unsigned long long)s->train.steps, rate, seconds,
               loss, (unsigned long long)usage.ru_maxrss * 1024, o->device);
    else
        printf("%s %s: %.1f tokens/s, %.2f ms a step, loss %.4f, %lld MiB\n", o->model, o->dtype, rate, seconds * 1e3, loss,
               (long long)usage.ru_maxrss / 1024);
}

int bench_train(const bench_options *options, tool_error *err) {
    trainer_setup s = {0};
    dataset *data = NULL;
    static trainer t; /* static, as a device that missed a deadline may use it to the end of the process */
    const run_options o = {.plugin_dir = options->plugin_dir, .devices = {options->device}, .n_devices = 1,
                           .deadline_ms = options->deadline_ms};
    double loss = 0;
    int code = setup_of(options, &s, err);
    if (!code) code = random_tokens(s.model.vocabulary, &data, err);
    double *times = code ? NULL : calloc(s.train.steps, sizeof *times);
    if (!code && !times) code = tool_fail(err, TOOL_INTERNAL, "out of memory");
    if (!code) code = trainer_open(&o, &s, data, &t, err);
    if (!code) code = timed_steps(&t, times, &loss, err);
    if (code == TOOL_DEADLINE) return code;
    /* The first fifth warms up, as the peer's does. */
    const size_t warm = s.train.steps / 5 > 3 ? s.train.steps / 5 : 3;
    const size_t skip = warm < s.train.steps ? warm : 0;
    const double seconds = code ? 0 : bench_median(times + skip, s.train.steps - skip);
    if (!code) print(options, &s, seconds, loss);
    trainer_close(&t);
    dataset_free(data);
    free(times);
    return code;
}

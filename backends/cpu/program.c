/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a description becomes calls with sizes, and calls become steps for the pool. Sizes that hang on
   symbols are worked
 * out again when a symbol changes; scratch memory grows then, never during a run. */
#include <stdlib.h>
#include <string.h>

#include "device.h"

struct hal_cpu_program {
    hal_description *description;        /* our copy */
    hal_cpu_call *calls;
    hal_cpu_operand *operands;           /* as many as the description has, in its order */
    hal_cpu_step *steps;
    const hal_cpu_table *table;
    int64_t n_steps, workers;
    int64_t *symbols;                    /* the sizes are for these */
    int64_t *times;                      /* of the last run, by step; NULL when nothing is traced */
    char *scratch, *shared;
    size_t stride, scratch_bytes, shared_bytes;
    uint32_t features;
    bool resolved;
};

uint32_t hal_cpu_program_bindings(const hal_cpu_program *p) { return p->description->n_bindings; }
uint32_t hal_cpu_program_symbols(const hal_cpu_program *p) { return p->description->n_symbols; }
uint32_t hal_cpu_program_ops(const hal_cpu_program *p) { return p->description->n_ops; }

/* Row-major strides, what the order of a sum over an opaque operand goes by. */
static void close_gaps(hal_cpu_operand *o) {
    int64_t stride = o->width;
    for (uint32_t d = o->rank; d-- > 0; stride *= o->size[d]) o->stride[d] = stride;
}

static void resolve_operand(const hal_description_tensor *t, const int64_t *symbols, hal_cpu_operand *o) {
    *o = (hal_cpu_operand){.dtype = t->dtype, .width = hal_element_width(t->dtype), .rank = t->rank, .n = 1};
    for (uint32_t d = 0; d < t->rank; d++) {
        o->size[d] = hal_dim_value(t->size[d], symbols);
        o->stride[d] = hal_dim_value(t->stride[d], symbols);
        o->n *= o->size[d];
    }
    if (t->layout_kind != 0) {
        o->layout = t->layout_id;
        close_gaps(o);
    }
    hal_strided_make(o->dtype, o->rank, o->size, o->stride, &o->flat);
}

static bool resolve_call(hal_cpu_program *p, uint32_t index, const int64_t *symbols) {
    const hal_description_op *op = &hal_description_ops(p->description)[index];
    hal_cpu_call *call = &p->calls[index];
    *call = (hal_cpu_call){.op = op->number, .n_in = op->n_in, .n_out = op->n_out, .plan = call->plan,
        .workers = p->workers,
                           .features = p->features, .attrs = hal_description_attrs(p->description, op),
                           .operand = p->operands + op->first};
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(p->description, op, i);
        if (t) resolve_operand(t, symbols, &call->operand[i]);
        else call->operand[i] = (hal_cpu_operand){0};
    }
    return p->table->prepare[op->number](call);
}

static void list_steps(hal_cpu_program *p) {
    p->n_steps = 0;
    for (uint32_t i = 0; i < p->description->n_ops; i++) {
        hal_cpu_call *call = &p->calls[i];
        call->shared = p->shared;
        for (uint32_t f = 0; f < call->n_phases; f++) {
            if (call->phase[f].chunks <= 0) continue;
            p->steps[p->n_steps++] = (hal_cpu_step){call, call->phase[f].run, call->phase[f].chunks};
        }
    }
}

static bool grow(char **block, size_t *have, size_t want) {
    if (want <= *have) return true;
    char *bigger = aligned_alloc(64, want);
    if (!bigger) return false;
    free(*block);
    *block = bigger;
    *have = want;
    return true;
}

/* Makes the program fit these symbol values; false when out of memory. */
static bool resolve(hal_cpu_program *p, const int64_t *symbols) {
    size_t scratch = 0, shared = 0;
    p->resolved = false;
    for (uint32_t i = 0; i < p->description->n_ops; i++) {
        if (!resolve_call(p, i, symbols)) return false;
        if (p->calls[i].scratch_bytes > scratch) scratch = p->calls[i].scratch_bytes;
        if (p->calls[i].shared_bytes > shared) shared = p->calls[i].shared_bytes;
    }
    /* an odd number of cache lines apart, so that the workers' scratch does not meet in the same sets */
    p->stride = ((scratch + 127) & ~(size_t)127) + 64;
    if (!grow(&p->scratch, &p->scratch_bytes, p->stride * (size_t)p->workers)) return false;
    if (!grow(&p->shared, &p->shared_bytes, (shared + 63) & ~(size_t)63)) return false;
    if (p->description->n_symbols) memcpy(p->symbols, symbols, p->description->n_symbols * sizeof *symbols);
    list_steps(p);
    p->resolved = true;
    return true;
}

const char *hal_cpu_program_place(hal_cpu_program *p, char *const *base, const int64_t *symbols,
    hal_cpu_run *run) {
    const hal_description *d = p->description;
    const uint32_t *operands = hal_description_operands(d);
    const hal_description_tensor *tensors = hal_description_tensors(d);
    bool same = p->resolved && (d->n_symbols == 0 || memcmp(symbols, p->symbols,
        d->n_symbols * sizeof *symbols) == 0);
    if (!same && !resolve(p,
        symbols)) return "cpu: no memory for the scratch space of a program of this size; free memory";
    for (uint32_t i = 0; i < d->n_operands; i++) {
        if (operands[i] == HAL_ABSENT) continue;
        const hal_description_tensor *t = &tensors[operands[i]];
        p->operands[i].data = base[t->binding] + t->offset;
    }
    *run = (hal_cpu_run){p->steps, p->n_steps, p->scratch, p->stride, p->times};
    return NULL;
}

/* An op without elements has no steps: its span has no length. */
void hal_cpu_program_trace(const hal_cpu_program *p, const hal_cpu_device *device, const hal_cpu_run *run) {
    const hal_host *host = device->state->host;
    const hal_description *d = p->description;
    int64_t step = 0, n = run->n_steps;
    host->trace_device(host->context, device->index, "program", "program", run->times[0], run->times[n]);
    for (uint32_t i = 0; i < d->n_ops; i++) {
        int64_t begin = run->times[step];
        while (step < n && run->steps[step].call == &p->calls[i]) step++;
        host->trace_op(host->context, device->index, d, i, p->symbols, begin, run->times[step]);
    }
}

void hal_cpu_program_free(void *device, void *compiled) {
    hal_cpu_program *p = compiled;
    (void)device;
    if (!p) return;
    for (uint32_t i = 0; p->calls && p->description && i < p->description->n_ops; i++) free(p->calls[i].plan);
    free(p->description);
    free(p->calls);
    free(p->operands);
    free(p->steps);
    free(p->symbols);
    free(p->times);
    free(p->scratch);
    free(p->shared);
    free(p);
}

static hal_cpu_program *program_create(const hal_cpu_device *device, const hal_description *d) {
    hal_cpu_program *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->table = device->state->table;
    p->features = device->state->features;
    p->workers = hal_cpu_server_workers(device->server);
    p->description = malloc(d->bytes);
    p->calls = calloc((size_t)d->n_ops + 1, sizeof *p->calls);
    p->operands = calloc((size_t)d->n_operands + 1, sizeof *p->operands);
    p->steps = calloc((size_t)d->n_ops * HAL_CPU_MAX_PHASES + 1, sizeof *p->steps);
    p->symbols = calloc((size_t)d->n_symbols + 1, sizeof *p->symbols);
    if (device->state->traced) p->times = calloc((size_t)d->n_ops * HAL_CPU_MAX_PHASES + 1, sizeof *p->times);
    if (p->description) memcpy(p->description, d, d->bytes);
    if (p->description && p->calls && p->operands && p->steps && p->symbols &&
        (p->times || !device->state->traced)) return p;
    hal_cpu_program_free(NULL, p);
    return NULL;
}

/* Takes the scratch memory for the largest sizes now, so that submissions seldom need any. */
static bool resolve_largest(hal_cpu_program *p) {
    const hal_description_symbol *range = hal_description_symbols(p->description);
    for (uint32_t i = 0; i < p->description->n_symbols; i++) p->symbols[i] = range[i].max;
    return resolve(p, p->symbols);
}

static hal_status check_ops(hal_cpu_device *device, const hal_description *d) {
    const hal_host *host = device->state->host;
    hal_support_answer *answers = calloc((size_t)d->n_ops + 1, sizeof *answers);
    if (!answers) return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "cpu: no memory to compile");
    hal_status status = hal_cpu_support(device, d, answers);
    for (uint32_t i = 0; status == HAL_OK && i < d->n_ops; i++) {
        if (answers[i].support != HAL_SUPPORT_NO) continue;
        status = host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "cpu: op %u of the program: %s",
                            i, answers[i].reason);
    }
    free(answers);
    return status;
}

hal_status hal_cpu_compile(void *opaque, const hal_description *d, int64_t deadline, void **compiled) {
    hal_cpu_device *device = opaque;
    const hal_host *host = device->state->host;
    (void)deadline;
    HAL_TRY(check_ops(device, d));
    hal_cpu_program *p = program_create(device, d);
    if (!p || !resolve_largest(p)) {
        hal_cpu_program_free(device, p);
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                          "cpu: no memory to compile a program of %u ops; free memory and try again",
                              d->n_ops);
    }
    device->programs++;
    *compiled = p;
    return HAL_OK;
}

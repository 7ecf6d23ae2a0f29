/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hal-matrix/matrix.h"

/* Everything one case needs. */
typedef struct work {
    matrix_operand in[MATRIX_MAX_TENSORS], out[MATRIX_MAX_TENSORS];
    hal_tensor reference[MATRIX_MAX_TENSORS];
    double *scale[MATRIX_MAX_TENSORS];
} work;

const char *matrix_verdict_name(matrix_verdict verdict) {
    static const char *const names[] = {"passed", "failed", "unsupported", "skipped", "xfail"};
    return names[verdict];
}

void matrix_case_id(const hal_case *c, hal_dtype dtype, matrix_layout layout, char *id, size_t size) {
    snprintf(id, size, "%s/%s/%s/%s", hal_op_describe(c->op)->name, hal_dtype_describe(dtype)->name, c->name, matrix_layout_name(layout));
}

uint64_t matrix_seed(const hal_case *c, uint32_t i, uint64_t seed) { return seed * 0x9e3779b1u + 17 * i + c->op; }

static bool present(const hal_case *c, uint32_t i) { return c->in[i].dtype != HAL_NO_DTYPE; }

static int make_operands(const hal_case *c, matrix_layout layout, uint64_t seed, work *w, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; !code && i < c->n_in; i++) {
        if (!present(c, i)) continue;
        code = matrix_operand_create(&c->in[i], layout, &w->in[i], err);
        if (!code)
            matrix_operand_fill(&w->in[i], c->range[i].low, c->range[i].high, c->range[i].integer,
                                matrix_seed(c, i, seed));
    }
    for (uint32_t i = 0; !code && i < c->n_out; i++) {
        code = matrix_operand_create(&c->out[i], LAYOUT_CONTIGUOUS, &w->out[i], err);
        if (code) break;
        const size_t n = (size_t)hal_tensor_elements(&w->out[i].host);
        w->reference[i] = w->out[i].host;
        w->reference[i].offset = 0;
        w->reference[i].host = calloc(n + 1, 8);
        w->scale[i] = calloc(n + 1, sizeof(double));
        if (!w->reference[i].host || !w->scale[i]) code = tool_fail(err, TOOL_INTERNAL, "out of memory for a reference");
    }
    return code;
}

static void release(const hal_case *c, work *w) {
    for (uint32_t i = 0; i < c->n_in; i++) matrix_operand_release(&w->in[i]);
    for (uint32_t i = 0; i < c->n_out; i++) {
        matrix_operand_release(&w->out[i]);
        free(w->reference[i].host);
        free(w->scale[i]);
    }
}

uint32_t matrix_attr_pairs(const hal_op_info *op, const void *attrs, hal_attr *pairs, char *text, size_t text_size) {
    for (uint32_t f = 0; f < op->n_fields && f < MATRIX_MAX_PAIRS; f++) {
        const hal_attr_field *field = &op->fields[f];
        const char *at = (const char *)attrs + field->offset;
        pairs[f] = (hal_attr){.name = field->name};
        switch (field->kind) {
        case HAL_ATTR_KIND_REAL: memcpy(&pairs[f].f, at, sizeof(double)); break;
        case HAL_ATTR_KIND_LIST:
            pairs[f].list = ((const hal_int_list *)(const void *)at)->v;
            pairs[f].n = (uint32_t)((const hal_int_list *)(const void *)at)->n;
            break;
        case HAL_ATTR_KIND_EXPR:
            if (((const hal_expr *)(const void *)at)->n_outputs == 0) {
                pairs[f].name = NULL;
                break;
            }
            hal_expr_print((const hal_expr *)(const void *)at, text, text_size);
            pairs[f].s = text;
            break;
        default: memcpy(&pairs[f].i, at, sizeof(int64_t)); break;
        }
    }
    uint32_t kept = 0;
    for (uint32_t f = 0; f < op->n_fields && f < MATRIX_MAX_PAIRS; f++)
        if (pairs[f].name) pairs[kept++] = pairs[f];
    return kept;
}

static hal_status run_reference(const hal_case *c, work *w) {
    hal_tensor in[MATRIX_MAX_TENSORS] = {0};
    for (uint32_t i = 0; i < c->n_in; i++) in[i] = w->in[i].host;
    return hal_op_reference(c->op, c->attrs, in, c->n_in, w->reference, c->n_out, w->scale);
}

static hal_status run_op(const matrix_target *target, const hal_case *c, const hal_tensor *in, const hal_tensor *out) {
    const hal_op_info *op = hal_op_describe(c->op);
    hal_attr pairs[MATRIX_MAX_PAIRS];
    char *text = malloc(MATRIX_EXPR_SIZE);
    if (!text) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = hal_run(target->device, op->name, pairs, matrix_attr_pairs(op, c->attrs, pairs, text, MATRIX_EXPR_SIZE), in, c->n_in,
                                out, c->n_out, hal_deadline_ms(target->deadline_ms));
    free(text);
    return status;
}


/* Operands in buffers of the device. */
typedef struct placed { hal_tensor in[MATRIX_MAX_TENSORS], out[MATRIX_MAX_TENSORS]; } placed;

static hal_status place(const matrix_target *target, const hal_case *c, work *w, placed *p) {
    for (uint32_t i = 0; i < c->n_in; i++) {
        if (!present(c, i)) continue;
        HAL_TRY(matrix_operand_upload(&w->in[i], target->device));
        p->in[i] = w->in[i].device;
    }
    for (uint32_t i = 0; i < c->n_out; i++) {
        HAL_TRY(matrix_operand_upload(&w->out[i], target->device));
        p->out[i] = w->out[i].device;
    }
    return HAL_OK;
}

static hal_status call(const matrix_target *target, const hal_case *c, matrix_layout layout, const placed *p) {
    return matrix_packed_road(c, layout) ? matrix_packed_run(target, c, layout, p->in, p->out)
                                         : run_op(target, c, p->in, p->out);
}

static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median of calls after the first, which compiled: at most eleven, fewer once they took 50 ms. */
static void measure(const matrix_target *target, const hal_case *c, const placed *p, matrix_result *r) {
    enum { MOST = 11, LEAST = 3 };
    int64_t took[MOST], all = 0;
    int n = 0;
    for (; n < MOST && (n < LEAST || all < 50 * 1000 * 1000); n++) {
        const int64_t begin = hal_time_now();
        if (run_op(target, c, p->in, p->out) != HAL_OK) return;
        took[n] = hal_time_now() - begin;
        all += took[n];
    }
    qsort(took, (size_t)n, sizeof *took, ascending);
    hal_work done;
    r->seconds = (double)took[n / 2] * 1e-9;
    if (hal_op_work(c->op, c->attrs, c->in, c->n_in, c->out, c->n_out, NULL, &done) != HAL_OK) return;
    r->flops = done.flops;
    r->bytes = done.bytes;
}

static hal_status run_device(const matrix_target *target, const hal_case *c, matrix_layout layout, work *w,
                             matrix_result *r) {
    placed p = {0};
    HAL_TRY(place(target, c, w, &p));
    HAL_TRY(call(target, c, layout, &p));
    for (uint32_t i = 0; i < c->n_out; i++) HAL_TRY(matrix_operand_download(&w->out[i]));
    if (target->timed && !matrix_packed_road(c, layout)) measure(target, c, &p, r);
    return HAL_OK;
}

static void explain_worst(matrix_result *r) {
    const matrix_worst *a = &r->at;
    snprintf(r->reason, sizeof r->reason,
             "output %u: %lld of %lld elements are beyond the bound; worst is element %lld: it is %.9g, the reference says "
             "%.9g, error %.3g, allowed %.3g", a->output, (long long)a->wrong, (long long)a->of, (long long)a->element,
             a->got, a->want, fabs(a->got - a->want), a->allowed);
}

static void judge(const hal_case *c, work *w, double loosen, matrix_result *r) {
    hal_tolerance t = *hal_op_tolerance(c->op);
    t.f32 *= loosen;
    t.f16 *= loosen;
    t.bf16 *= loosen;
    r->verdict = VERDICT_FAILED;
    for (uint32_t i = 0; i < c->n_out; i++) {
        if (!matrix_operand_guards_intact(&w->out[i])) {
            snprintf(r->reason, sizeof r->reason, "output %u: bytes outside the tensor were written", i);
            return;
        }
        if (matrix_compare(&t, &w->out[i].host, w->reference[i].host, w->scale[i], i, &r->worst, &r->at)) continue;
        explain_worst(r);
        return;
    }
    r->verdict = VERDICT_PASSED;
}

/* What the device answered instead of a result. */
static void refused(hal_status status, int64_t begin, matrix_result *r) {
    const uint32_t code = hal_status_code(status);
    r->verdict = code == HAL_CODE_UNSUPPORTED ? VERDICT_UNSUPPORTED : VERDICT_FAILED;
    if (code == HAL_CODE_DEADLINE_EXCEEDED) r->late = (double)(hal_time_now() - begin) * 1e-9;
    r->lost = code == HAL_CODE_DEVICE_LOST;
    snprintf(r->reason, sizeof r->reason, "%s: %s", hal_status_name(status), hal_status_last()->text);
}

/* A device that is too small for the operands is not at fault. */
static bool fits(const matrix_target *target, const work *w, matrix_result *r) {
    hal_device_info device;
    hal_memory_info memory = {0};
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < MATRIX_MAX_TENSORS; i++) bytes += w->in[i].n_bytes + w->out[i].n_bytes;
    hal_device_describe(target->device, &device);
    const hal_memory *m = hal_memory_get(target->instance, device.memory);
    if (m) hal_memory_describe(m, &memory);
    if (!memory.capacity || bytes <= memory.capacity) return true;
    r->verdict = VERDICT_SKIPPED;
    snprintf(r->reason, sizeof r->reason, "its operands take %llu bytes and the device has %llu", (unsigned long long)bytes,
             (unsigned long long)memory.capacity);
    return false;
}

static void run_and_judge(const matrix_target *target, const hal_case *c, matrix_layout layout, work *w, matrix_result *r) {
    if (!fits(target, w, r)) return;
    hal_status status = run_reference(c, w);
    const int64_t begin = hal_time_now();
    if (status == HAL_OK) status = run_device(target, c, layout, w, r);
    if (status == HAL_OK) judge(c, w, target->loosen, r);
    else refused(status, begin, r);
}

int matrix_run_case(const matrix_target *target, const hal_case *c, hal_dtype dtype, matrix_layout layout,
                    matrix_result *out, tool_error *err) {
    work *w = calloc(1, sizeof *w);
    if (!w) return tool_fail(err, TOOL_INTERNAL, "out of memory for a case");
    matrix_result r = {.verdict = VERDICT_FAILED, .seed = matrix_seed(c, 0, target->seed)};
    matrix_case_id(c, dtype, layout, r.id, sizeof r.id);
    int code = make_operands(c, layout, target->seed, w, err);
    if (!code) {
        run_and_judge(target, c, layout, w, &r);
        *out = r;
    }
    release(c, w);
    free(w);
    return code;
}

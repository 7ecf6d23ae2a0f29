/* SPDX-License-Identifier: Apache-2.0 */
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

uint64_t matrix_seed(const hal_case *c, uint32_t i) { return 17 * i + c->op; }

static bool present(const hal_case *c, uint32_t i) { return c->in[i].dtype != HAL_NO_DTYPE; }

static int make_operands(const hal_case *c, matrix_layout layout, work *w, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; !code && i < c->n_in; i++) {
        if (!present(c, i)) continue;
        code = matrix_operand_create(&c->in[i], layout, &w->in[i], err);
        if (!code) matrix_operand_fill(&w->in[i], c->range[i].low, c->range[i].high, c->range[i].integer, matrix_seed(c, i));
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

static hal_status run_device(const matrix_target *target, const hal_case *c, matrix_layout layout, work *w) {
    hal_tensor in[MATRIX_MAX_TENSORS] = {0}, out[MATRIX_MAX_TENSORS] = {0};
    hal_status status = HAL_OK;
    for (uint32_t i = 0; i < c->n_in && status == HAL_OK; i++)
        if (present(c, i)) {
            status = matrix_operand_upload(&w->in[i], target->device);
            in[i] = w->in[i].device;
        }
    for (uint32_t i = 0; i < c->n_out && status == HAL_OK; i++) {
        status = matrix_operand_upload(&w->out[i], target->device);
        out[i] = w->out[i].device;
    }
    if (status == HAL_OK)
        status = matrix_packed_road(c, layout) ? matrix_packed_run(target, c, layout, in, out) : run_op(target, c, in, out);
    for (uint32_t i = 0; i < c->n_out && status == HAL_OK; i++) status = matrix_operand_download(&w->out[i]);
    return status;
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
        if (!matrix_compare(&t, &w->out[i].host, w->reference[i].host, w->scale[i], &r->worst, r->reason, sizeof r->reason)) return;
    }
    r->verdict = VERDICT_PASSED;
}

int matrix_run_case(const matrix_target *target, const hal_case *c, hal_dtype dtype, matrix_layout layout, double loosen,
                    matrix_result *out, tool_error *err) {
    work *w = calloc(1, sizeof *w);
    if (!w) return tool_fail(err, TOOL_INTERNAL, "out of memory for a case");
    matrix_result r = {.verdict = VERDICT_FAILED};
    matrix_case_id(c, dtype, layout, r.id, sizeof r.id);
    int code = make_operands(c, layout, w, err);
    if (!code) {
        hal_status status = run_reference(c, w);
        const int64_t begin = hal_time_now();
        if (status == HAL_OK) status = run_device(target, c, layout, w);
        if (status == HAL_OK) {
            judge(c, w, loosen, &r);
        } else {
            if (hal_status_code(status) == HAL_CODE_UNSUPPORTED) r.verdict = VERDICT_UNSUPPORTED;
            if (hal_status_code(status) == HAL_CODE_DEADLINE_EXCEEDED) r.late = (double)(hal_time_now() - begin) * 1e-9;
            snprintf(r.reason, sizeof r.reason, "%s: %s", hal_status_name(status), hal_status_last()->text);
        }
        *out = r;
    }
    release(c, w);
    free(w);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rotary: pairs of each row of x [..., t, d] turn by position * base^(-2i/d): y = (a cos - b sin, b cos + a
 * sin); the first
 * phase makes the table of cos and sin in double, one row a position. gated: y = act(gate) up.
 * Reference: hal_op_reference_rotary, _gated.
 */
#include "kernels.h"
#include "row_math.h"

static void run_table(const hal_cpu_call *call, int64_t i, void *scratch) {
    const hal_rotary_attrs *attrs = call->attrs;
    const hal_cpu_operand *positions = &call->operand[1];
    int64_t half = call->row / 2;
    double position, *table = (double *)call->shared + i * 2 * half;
    (void)scratch;
    hal_rows_read_double(&positions->flat, positions->data, i, 1, &position);
    if (attrs->inverse) position = -position;
    for (int64_t c = 0; c < half; c++) {
        double angle = position * pow(attrs->base, -2.0 * (double)c / (double)call->row);
        table[c] = cos(angle);
        table[half + c] = sin(angle);
    }
}

static void turn(const float *x, const double *table, float *y, int64_t d, bool interleaved) {
    int64_t half = d / 2;
    const double *cosine = table, *sine = table + half;
    for (int64_t i = 0; i < half; i++) {
        int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half;
        double a = (double)x[first], b = (double)x[second];
        y[first] = (float)hal_fma_wide(a, cosine[i], -b * sine[i]);
        y[second] = (float)hal_fma_wide(b, cosine[i], a * sine[i]);
    }
}

static void run_rotary(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_rotary_attrs *attrs = call->attrs;
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    int64_t d = call->row, t = call->operand[1].n;
    float *first = scratch, *second = first + d;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        const float *row = hal_load(x, r * d, d, first);
        float *to = hal_target(y, r * d, d, second);
        turn(row, (const double *)call->shared + r % t * (d / 2 * 2), to, d, attrs->interleaved != 0);
        hal_save(y, r * d, d, to, second);
    }
}

bool hal_prepare_rotary(hal_cpu_call *call) {
    const hal_cpu_operand *x = &call->operand[0];
    int64_t d = x->size[x->rank - 1], t = call->operand[1].n;
    call->phase[call->n_phases++] = (hal_cpu_phase){run_table, t};
    hal_cpu_rows(call, d ? x->n / d : 0, d, run_rotary);
    call->scratch_bytes = (size_t)d * 2 * sizeof(float);
    call->shared_bytes = (size_t)(t * d) * sizeof(double);
    return true;
}

enum { SILU, GELU, GELU_TANH, RELU, SIGMOID };

#define LOOP(expression) \
    HAL_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { float x = gate[i]; y[i] = (expression) * up[i]; } break

static void gate_row(int64_t activation, const float *gate, const float *up, float *y, int64_t n) {
    switch (activation) {
    case SILU: LOOP(hal_f_silu(x));
    case GELU: LOOP(hal_f_gelu(x));
    case GELU_TANH: LOOP(hal_f_gelu_tanh(x));
    case RELU: LOOP(x < 0.0f ? 0.0f : x);
    default: LOOP(hal_f_sigmoid(x));
    }
}

static void run_gated(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_gated_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    float *buffer = scratch;
    int64_t end = hal_cpu_rows_end(call, chunk);
    for (int64_t at = chunk * call->grain; at < end; at += 512) {
        int64_t n = hal_cpu_min(512, end - at);
        const float *gate = hal_load(&call->operand[0], at, n, buffer), *up = hal_load(&call->operand[1], at,
            n, buffer + 512);
        float *to = hal_target(y, at, n, buffer + 1024);
        gate_row(attrs->activation, gate, up, to, n);
        hal_save(y, at, n, to, buffer + 1024);
    }
}

bool hal_prepare_gated(hal_cpu_call *call) {
    call->scratch_bytes = 3 * 512 * sizeof(float);
    hal_cpu_rows(call, hal_cpu_out(call, 0)->n, 1, run_gated);
    return true;
}

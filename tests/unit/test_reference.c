/* SPDX-License-Identifier: Apache-2.0 */
/* reference.c and ops/reference/: known answers, strides, specials, and that every row runs all its quick
   cases. */
#include "tests/unit/cases_test.h"

#include "ops/reference/array.h"

/* Runs a row over contiguous f64 (or other) numbers. */
static void run(uint32_t op, const void *attrs, const hal_tensor *in, uint32_t n_in, hal_tensor *out,
                uint32_t n_out) {
    assert_ok(hal_attrs_check(hal_op_describe(op), attrs));
    assert_ok(hal_op_reference(op, attrs, in, n_in, out, n_out, NULL));
}

static hal_tensor f64_tensor(double *numbers, uint32_t rank, const int64_t *size) {
    return hal_tensor_host(numbers, HAL_F64, rank, size);
}

static void assert_numbers(const double *got, const double *want, int n) {
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-12 * fmax(1.0, fabs(want[i]))))
            fail_msg("number %d is %.17g, expected %.17g", i, got[i], want[i]);
}

/* Vectors of the paper's own test file (Random123, kat_vectors). */
static void philox_has_the_known_answers(void **state) {
    (void)state;
    static const uint32_t zeros[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    static const uint32_t ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    uint32_t word[4];
    hal_reference_philox(0, 0, 0, word);
    assert_memory_equal(word, zeros, sizeof word);
    hal_reference_philox(-1, -1, UINT64_MAX, word);
    assert_memory_equal(word, ones, sizeof word);
}

static void products_follow_the_transpositions(void **state) {
    (void)state;
    double a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 2, -1, 3, 1}, c[4], want[4] = {14, 1, 32, 1};
    double at[6] = {1, 4, 2, 5, 3, 6}, bt[6] = {1, 2, 3, 0, -1, 1};
    const int64_t s23[2] = {2, 3}, s32[2] = {3, 2}, s22[2] = {2, 2};
    for (int64_t k = 0; k < 4; k++) {
        hal_matmul_attrs t = {HAL_HEAD(hal_matmul_attrs), .transpose_a = k & 1, .transpose_b = k >> 1};
        hal_tensor in[2] = {k & 1 ? f64_tensor(at, 2, s32) : f64_tensor(a, 2, s23),
                            k >> 1 ? f64_tensor(bt, 2, s23) : f64_tensor(b, 2, s32)};
        hal_tensor out = f64_tensor(c, 2, s22);
        run(HAL_OP_MATMUL, &t, in, 2, &out, 1);
        assert_numbers(c, want, 4);
    }
}

static void strides_of_both_sides_are_honoured(void **state) {
    (void)state;
    double x[6] = {1, 2, 3, 4, 5, 6}, y[12], want[12] = {-9, 4, -9, 1, -9, 5, -9, 2, -9, 6, -9, 3};
    const int64_t s32[2] = {3, 2};
    for (int i = 0; i < 12; i++) y[i] = -9;
    hal_copy_attrs a = {HAL_HEAD(hal_copy_attrs)};
    hal_tensor in = f64_tensor(x, 2, s32), out = f64_tensor(y, 2, s32);
    /* x as the transpose of [2, 3] with rows turned round; y with a gap before each element. */
    in.stride[0] = 8;
    in.stride[1] = -24;
    in.offset = 24;
    out.stride[0] = 32;
    out.stride[1] = 16;
    out.offset = 8;
    run(HAL_OP_COPY, &a, &in, 1, &out, 1);
    assert_numbers(y, want, 12);
}

static void broadcast_input_has_stride_zero(void **state) {
    (void)state;
    double x = 2.5, y[3], want[3] = {2.5, 2.5, 2.5};
    const int64_t s3[1] = {3};
    hal_copy_attrs a = {HAL_HEAD(hal_copy_attrs)};
    hal_tensor in = f64_tensor(&x, 1, s3), out = f64_tensor(y, 1, s3);
    in.stride[0] = 0;
    run(HAL_OP_COPY, &a, &in, 1, &out, 1);
    assert_numbers(y, want, 3);
}

static void indices_outside_are_left_out(void **state) {
    (void)state;
    double x[6] = {1, 2, 3, 4, 5, 6}, y[8], base[4] = {10, 20, 30, 40}, up[8] = {1, 1, 2, 2, 3, 3, 4, 4};
    double gathered[8] = {5, 6, 0, 0, 1, 2, 0, 0}, added[4] = {10, 20, 33, 43};
    int32_t ids[4] = {2, -1, 0, 3}, rows[4] = {1, 1, 7, -2};
    const int64_t s32[2] = {3, 2}, s4[1] = {4}, s42[2] = {4, 2}, s22[2] = {2, 2};
    hal_gather_attrs g = {HAL_HEAD(hal_gather_attrs)};
    hal_tensor in[3] = {f64_tensor(x, 2, s32), hal_tensor_host(ids, HAL_I32, 1, s4)},
               out = f64_tensor(y, 2, s42);
    run(HAL_OP_GATHER, &g, in, 2, &out, 1);
    assert_numbers(y, gathered, 8);
    hal_scatter_add_attrs s = {HAL_HEAD(hal_scatter_add_attrs)};
    in[0] = f64_tensor(base, 2, s22);
    in[1] = hal_tensor_host(rows, HAL_I32, 1, s4);
    in[2] = f64_tensor(up, 2, s42);
    out = f64_tensor(y, 2, s22);
    run(HAL_OP_SCATTER_ADD, &s, in, 3, &out, 1);
    assert_numbers(y, added, 4);
}

static void order_is_stable(void **state) {
    (void)state;
    double x[5] = {2, 3, 2, 3, 1}, v[5], up[5] = {1, 2, 2, 3, 3}, down[5] = {3, 3, 2, 2, 1};
    int32_t i[5], up_i[5] = {4, 0, 2, 1, 3}, down_i[5] = {1, 3, 0, 2, 4};
    const int64_t s5[1] = {5};
    hal_tensor in = f64_tensor(x, 1, s5), out[2] = {f64_tensor(v, 1, s5), hal_tensor_host(i, HAL_I32, 1, s5)};
    hal_sort_attrs a = {HAL_HEAD(hal_sort_attrs)};
    run(HAL_OP_SORT, &a, &in, 1, out, 2);
    assert_numbers(v, up, 5);
    assert_memory_equal(i, up_i, sizeof i);
    a.descending = 1;
    run(HAL_OP_SORT, &a, &in, 1, out, 2);
    assert_numbers(v, down, 5);
    assert_memory_equal(i, down_i, sizeof i);
}

static void scans_go_both_ways(void **state) {
    (void)state;
    double x[4] = {1, 2, 3, 4}, y[4];
    static const double want[4][4] = {{1, 3, 6, 10}, {0, 1, 3, 6}, {10, 9, 7, 4}, {9, 7, 4, 0}};
    const int64_t s4[1] = {4};
    hal_tensor in = f64_tensor(x, 1, s4), out = f64_tensor(y, 1, s4);
    for (int64_t k = 0; k < 4; k++) {
        hal_scan_attrs a = {HAL_HEAD(hal_scan_attrs), .exclusive = k & 1, .reverse = k >> 1};
        run(HAL_OP_SCAN, &a, &in, 1, &out, 1);
        assert_numbers(y, want[k], 4);
    }
}

static void reductions_know_empty_and_nan(void **state) {
    (void)state;
    double x[3] = {1, NAN, 2}, y;
    const int64_t s3[1] = {3}, s0[1] = {0};
    static const double empty[] = {0.0, NAN, -INFINITY, INFINITY, 1.0, 0.0};
    hal_tensor out = f64_tensor(&y, 0, NULL);
    for (int64_t kind = 0; kind < 6; kind++) {
        hal_reduce_attrs a = {HAL_HEAD(hal_reduce_attrs), .kind = kind};
        hal_tensor in = f64_tensor(x, 1, s0);
        run(HAL_OP_REDUCE, &a, &in, 1, &out, 1);
        assert_true(isnan(empty[kind]) ? isnan(y) : y == empty[kind]);
        in = f64_tensor(x, 1, s3);
        run(HAL_OP_REDUCE, &a, &in, 1, &out, 1);
        assert_true(isnan(y));
    }
}

static void losses_skip_targets_outside(void **state) {
    (void)state;
    double x[6] = {0, 0, 0, 1, 2, 3}, loss, lse[2], want = log(3.0), dx[6], one = 1.0;
    double grad[6] = {1.0 / 3 - 1, 1.0 / 3, 1.0 / 3, 0, 0, 0};
    int32_t target[2] = {0, -100};
    const int64_t s23[2] = {2, 3}, s2[1] = {2};
    hal_tensor in[4] = {f64_tensor(x, 2, s23), hal_tensor_host(target, HAL_I32, 1, s2)};
    hal_tensor out[2] = {f64_tensor(&loss, 0, NULL), f64_tensor(lse, 1, s2)};
    hal_cross_entropy_attrs a = {HAL_HEAD(hal_cross_entropy_attrs)};
    run(HAL_OP_CROSS_ENTROPY, &a, in, 2, out, 2);
    assert_numbers(&loss, &want, 1);
    hal_cross_entropy_grad_attrs b = {HAL_HEAD(hal_cross_entropy_grad_attrs)};
    hal_tensor back[4] = {f64_tensor(&one, 0, NULL), in[0], in[1], out[1]}, d = f64_tensor(dx, 2, s23);
    run(HAL_OP_CROSS_ENTROPY_GRAD, &b, back, 4, &d, 1);
    assert_numbers(dx, grad, 6);
    target[0] = 3;
    run(HAL_OP_CROSS_ENTROPY, &a, in, 2, out, 2);
    assert_true(loss == 0.0);
}

/* Two keys; with scores 0 a query averages the values it sees. */
static void attention_sees_up_to_start(void **state) {
    (void)state;
    double q[2] = {0, 0}, k[4] = {1, 2, 3, 4}, v[4] = {1, 10, 100, 1000}, y[2], lse[2];
    double from_one[2] = {(1 + 10) / 2.0, (1 + 10 + 100) / 3.0},
           from_end[2] = {(1 + 10 + 100) / 3.0, 1111 / 4.0};
    int32_t start = 1;
    const int64_t sq[4] = {1, 1, 2, 1}, sk[4] = {1, 1, 4, 1}, sl[3] = {1, 1, 2};
    hal_attention_attrs a = {HAL_HEAD(hal_attention_attrs), .causal = 1};
    hal_tensor in[5] = {f64_tensor(q, 4, sq),
                        f64_tensor(k, 4, sk),
                        f64_tensor(v, 4, sk),
                        {.dtype = HAL_NO_DTYPE},
                        hal_tensor_host(&start, HAL_I32, 0, NULL)};
    hal_tensor out[2] = {f64_tensor(y, 4, sq), f64_tensor(lse, 3, sl)};
    run(HAL_OP_ATTENTION, &a, in, 5, out, 2);
    assert_numbers(y, from_one, 2);
    run(HAL_OP_ATTENTION, &a, in, 3, out, 2);
    assert_numbers(y, from_end, 2);
    a.causal = 0;
    run(HAL_OP_ATTENTION, &a, in, 3, out, 2);
    assert_true(fabs(y[0] - 1111 / 4.0) < 1e-12 && fabs(lse[0] - log(4.0)) < 1e-12);
}

/* Rotating and back is the identity, and position 0 changes nothing. */
static void rotary_turns_and_returns(void **state) {
    (void)state;
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8], z[8];
    int32_t positions[2] = {0, 3};
    const int64_t s24[2] = {2, 4}, s2[1] = {2};
    for (int64_t k = 0; k < 2; k++) {
        hal_rotary_attrs a = {HAL_HEAD(hal_rotary_attrs), .base = 100.0, .interleaved = k};
        hal_tensor in[2] = {f64_tensor(x, 2, s24), hal_tensor_host(positions, HAL_I32, 1, s2)},
                   out = f64_tensor(y, 2, s24);
        run(HAL_OP_ROTARY, &a, in, 2, &out, 1);
        assert_numbers(y, x, 4);
        double first = k ? x[4] * cos(3) - x[5] * sin(3) : x[4] * cos(3) - x[6] * sin(3);
        assert_numbers(y + 4, &first, 1);
        a.inverse = 1;
        in[0] = out;
        out = f64_tensor(z, 2, s24);
        run(HAL_OP_ROTARY, &a, in, 2, &out, 1);
        assert_numbers(z, x, 8);
    }
}

static void sampling_keeps_the_nucleus(void **state) {
    (void)state;
    double x[4] = {log(0.1), log(0.4), log(0.2), log(0.3)}, u, temperature = 1.0, top_p = 1.0;
    static const struct { double u, temperature, top_p; int64_t top_k; int32_t want; } table[] = {
        {0.0, 1, 1, 0, 1},  {0.39, 1, 1, 0, 1},   {0.41, 1, 1, 0, 3},   {0.71, 1, 1, 0, 2},
        {0.95, 1, 1, 0, 0}, {0.99, 0, 1, 0, 1},   {0.99, 1, 0.3, 0, 1}, {0.99, 1, 0.5, 0, 3},
        {0.99, 1, 1, 2, 3}, {0.99, 1, 0.0, 0, 1},
    };
    int32_t id;
    const int64_t s4[1] = {4};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        hal_sample_attrs a = {HAL_HEAD(hal_sample_attrs), .top_k = table[i].top_k};
        u = table[i].u;
        temperature = table[i].temperature;
        top_p = table[i].top_p;
        hal_tensor in[4] = {f64_tensor(x, 1, s4), f64_tensor(&u, 0, NULL), f64_tensor(&temperature, 0, NULL),
                            f64_tensor(&top_p, 0, NULL)}, out = hal_tensor_host(&id, HAL_I32, 0, NULL);
        run(HAL_OP_SAMPLE, &a, in, 4, &out, 1);
        if (id != table[i].want) fail_msg("draw %zu gave %d, expected %d", i, id, table[i].want);
    }
}

/* The first AdamW step moves each parameter by lr against the sign of its gradient. */
static void adamw_first_step_is_the_rate(void **state) {
    (void)state;
    double p[2] = {1, -1}, g[2] = {0.3, -7}, m[2] = {0}, v[2] = {0}, p1[2], m1[2], v1[2], lr = 0.01, step = 1,
           scale = 0.5;
    double want[2] = {1 * (1 - 0.01 * 0.1) - 0.01, -1 * (1 - 0.01 * 0.1) + 0.01};
    const int64_t s2[1] = {2};
    hal_adamw_attrs a = {HAL_HEAD(hal_adamw_attrs), .beta1 = 0.9, .beta2 = 0.999, .eps = 0.0, .decay = 0.1};
    hal_tensor in[7] = {f64_tensor(p, 1, s2),       f64_tensor(g, 1, s2),     f64_tensor(m, 1, s2),
                        f64_tensor(v, 1, s2),       f64_tensor(&lr, 0, NULL), f64_tensor(&step, 0, NULL),
                        f64_tensor(&scale, 0, NULL)};
    hal_tensor out[3] = {f64_tensor(p1, 1, s2), f64_tensor(m1, 1, s2), f64_tensor(v1, 1, s2)};
    run(HAL_OP_ADAMW, &a, in, 7, out, 3);
    assert_numbers(p1, want, 2);
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    double x[4] = {0}, y[4];
    const int64_t s4[1] = {4}, s3[1] = {3};
    hal_copy_attrs a = {HAL_HEAD(hal_copy_attrs)};
    hal_tensor in = f64_tensor(x, 1, s4), out = f64_tensor(y, 1, s3);
    assert_int_equal(hal_status_code(hal_op_reference(HAL_OP_COPY, &a, &in, 1, &out, 1, NULL)),
                     HAL_CODE_INVALID_ARGUMENT);
    assert_int_equal(hal_status_code(hal_op_reference(119, &a, &in, 1, &out, 1, NULL)), HAL_CODE_NOT_FOUND);
    in.host = NULL;
    out = f64_tensor(y, 1, s4);
    assert_int_equal(hal_status_code(hal_op_reference(HAL_OP_COPY, &a, &in, 1, &out, 1, NULL)),
                     HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "copy"));
}

/* -------------------------------------------------------------------------------------------- all rows -- */

static void case_run(const hal_case *c) {
    hal_tensor in[16], out[16];
    double *scale[16];
    uint64_t state = 9;
    int64_t size[HAL_MAX_RANK];
    for (uint32_t i = 0; i < c->n_in; i++) {
        in[i] = (hal_tensor){.dtype = HAL_NO_DTYPE};
        if (c->in[i].dtype == HAL_NO_DTYPE) continue;
        int64_t n = case_elements(&c->in[i]);
        double *x = case_numbers(c, i, n, &state);
        for (uint32_t d = 0; d < c->in[i].rank; d++) size[d] = c->in[i].size[d].base;
        in[i] = hal_tensor_host(calloc((size_t)n + 1, 8), c->in[i].dtype, c->in[i].rank, size);
        for (int64_t e = 0; e < n; e++) hal_element_store(c->in[i].dtype, in[i].host, e, x[e]);
        free(x);
    }
    for (uint32_t o = 0; o < c->n_out; o++) {
        size_t n = (size_t)case_elements(&c->out[o]) + 1;
        for (uint32_t d = 0; d < c->out[o].rank; d++) size[d] = c->out[o].size[d].base;
        out[o] = hal_tensor_host(calloc(n, 8), c->out[o].dtype, c->out[o].rank, size);
        scale[o] = calloc(n, sizeof(double));
    }
    if (hal_op_reference(c->op, c->attrs, in, c->n_in, out, c->n_out, scale) != HAL_OK)
        fail_msg("%s %s: %s", hal_op_describe(c->op)->name, c->name, hal_status_last()->text);
    for (uint32_t o = 0; o < c->n_out; o++) {
        for (int64_t e = 0; e < case_elements(&c->out[o]); e++)
            if (!(scale[o][e] >= 0.0) || isinf(scale[o][e]))
                fail_msg("%s %s: magnitude %g", hal_op_describe(c->op)->name, c->name, scale[o][e]);
        free(scale[o]);
        free(out[o].host);
    }
    for (uint32_t i = 0; i < c->n_in; i++) free(in[i].host);
}

/* Each row that has cases runs all quick ones; every case that exists is legal, full ones too. */
static void rows_run_their_cases(void **state) {
    (void)state;
    static const hal_dtype dtypes[] = {HAL_F64, HAL_F32, HAL_F16, HAL_BF16,
                                       HAL_I32, HAL_I64, HAL_I8,  HAL_BOOL};
    uint32_t rows = 0, total = 0;
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++) {
        const hal_op_row *row = hal_op_row_get(op);
        if (!row || !row->cases) continue;
        assert_non_null(row->reference);
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            hal_case *cases;
            uint32_t n, quick = 0;
            assert_ok(hal_op_cases(op, dtypes[d], &cases, &n));
            for (uint32_t i = 0; i < n; i++) {
                if (cases[i].full_only) continue;
                case_run(&cases[i]);
                quick++;
            }
            hal_op_cases_release(cases, n);
            if (d < 4 && quick < 5)
                fail_msg("%s: %u quick cases of a float dtype, at least 5 are wanted", row->info.name, quick);
            total += quick;
        }
        rows++;
    }
    assert_in_range(rows, 46, 128);
    assert_in_range(total, 2000, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_has_the_known_answers),
        cmocka_unit_test(products_follow_the_transpositions),
        cmocka_unit_test(strides_of_both_sides_are_honoured),
        cmocka_unit_test(broadcast_input_has_stride_zero),
        cmocka_unit_test(indices_outside_are_left_out),
        cmocka_unit_test(order_is_stable),
        cmocka_unit_test(scans_go_both_ways),
        cmocka_unit_test(reductions_know_empty_and_nan),
        cmocka_unit_test(losses_skip_targets_outside),
        cmocka_unit_test(attention_sees_up_to_start),
        cmocka_unit_test(rotary_turns_and_returns),
        cmocka_unit_test(sampling_keeps_the_nucleus),
        cmocka_unit_test(adamw_first_step_is_the_rate),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(rows_run_their_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

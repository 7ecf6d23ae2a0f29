/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products that the cuda backend leaves to cuBLASLt, on the emulated driver and the emulated library: they are right with it,
 * without it, and where there is none; in a graph whose bindings move; and a call that fails is told with the library's code.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>
#include <math.h>

#include "scheduler/describe.h"
#include "tests/fault/libraries.h"
#include "tests/fault/linker.h"
#include "tests/opencl/work.h"

/* Sizes of x w: more products than the least that a library gets. */
enum { M = 24, K = 48, N = 40 };

static emulated_driver driver;
static const char *lacking; /* of this machine; NULL: nothing */
static int without_library; /* what the process said that had none */

/* ------------------------------------------------------------------------------------------- the program -- */

static void operand(hal_describe *d, uint32_t binding, int64_t rows, int64_t columns)
{
    hal_description_tensor t = {.dtype = HAL_F32, .rank = 2, .binding = binding};
    t.size[0] = hal_dim_constant(rows);
    t.size[1] = hal_dim_constant(columns);
    t.stride[0] = hal_dim_constant(columns * 4);
    t.stride[1] = hal_dim_constant(4);
    hal_describe_operand(d, &t);
}

/* h = 2 relu(x w), whose relu a kernel has to do; y = h v. Three steps and more: a graph. */
static hal_status describe(hal_description **block)
{
    hal_describe d;
    hal_matmul_attrs first = {HAL_HEAD(hal_matmul_attrs)}, second = first;
    hal_pointwise_attrs twice = {HAL_HEAD(hal_pointwise_attrs)};
    HAL_TRY(hal_expr_parse("relu(x0)", HAL_F32, &first.expr));
    HAL_TRY(hal_expr_parse("add(x0, x0)", HAL_F32, &twice.expr));
    hal_describe_begin(&d, NULL);
    for (int i = 0; i < 6; i++)
        hal_describe_binding(&d, i < 3 ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT, 4 * K * K);
    hal_describe_op(&d, hal_op_describe(HAL_OP_MATMUL), &first, "first", 2, 1);
    operand(&d, 0, M, K);
    operand(&d, 1, K, N);
    operand(&d, 3, M, N);
    hal_describe_op(&d, hal_op_describe(HAL_OP_POINTWISE), &twice, "twice", 1, 1);
    operand(&d, 3, M, N);
    operand(&d, 4, M, N);
    hal_describe_op(&d, hal_op_describe(HAL_OP_MATMUL), &second, "second", 2, 1);
    operand(&d, 4, M, N);
    operand(&d, 2, N, K);
    operand(&d, 5, M, K);
    return hal_describe_finish(&d, block);
}

/* Two sets of buffers and a program: submissions take the sets in turn. */
typedef struct rig {
    hal_instance *instance;
    hal_device *device;
    hal_queue *queue;
    hal_timeline *timeline;
    hal_program *program;
    hal_buffer *buffers[2][6];
    uint64_t at;
    int shift; /* elements that w lies behind the start of its buffer */
} rig;

/* Of the inputs: another by turn. */
static float number(int turn, int binding, int i)
{
    return (float)((i * (7 + binding) + turn * 3) % 17 - 8) / 8;
}

static hal_status transfer(rig *r, hal_binding to, hal_binding from)
{
    const hal_point point = {r->timeline, ++r->at};
    HAL_TRY(hal_queue_copy(r->queue, to, from, 4 * K * K, NULL, 0, &point, 1));
    return hal_timeline_wait(r->timeline, r->at, hal_deadline_ms(60000));
}

static hal_status fill(rig *r, int set)
{
    static float data[K * K];
    for (int b = 0; b < 3; b++) {
        for (int i = 0; i < K * K; i++)
            data[i] = number(set, b, i);
        HAL_TRY(transfer(r, (hal_binding){.buffer = r->buffers[set][b]}, (hal_binding){.host = data}));
    }
    return HAL_OK;
}

static hal_status open_rig(rig *r)
{
    hal_description *d = NULL;
    HAL_TRY(hal_device_find(r->instance, "gpu0", &r->device));
    HAL_TRY(hal_queue_create(r->device, &r->queue));
    HAL_TRY(hal_timeline_create(r->instance, &r->timeline));
    for (int i = 0; i < 12; i++)
        HAL_TRY(hal_buffer_create(r->device, 4 * K * K + 64, &r->buffers[i / 6][i % 6]));
    HAL_TRY(fill(r, 0));
    HAL_TRY(fill(r, 1));
    HAL_TRY(describe(&d));
    const hal_status status = hal_program_compile(r->device, d, d->bytes, hal_deadline_ms(60000), &r->program);
    free(d);
    return status;
}

static void close_rig(rig *r)
{
    hal_program_release(r->program);
    for (int i = 0; i < 12; i++)
        hal_buffer_release(r->buffers[i / 6][i % 6]);
    hal_timeline_release(r->timeline);
    hal_queue_release(r->queue, hal_deadline_ms(20000));
    hal_device_release(r->device);
    hal_instance_release(r->instance);
}

static hal_status submit(rig *r, int set)
{
    hal_binding bindings[6] = {{0}};
    const hal_point point = {r->timeline, ++r->at};
    for (int b = 0; b < 6; b++)
        bindings[b] = (hal_binding){.buffer = r->buffers[set][b], .offset = b == 1 ? 4 * (uint64_t)r->shift : 0};
    const hal_submission s = {HAL_HEAD(hal_submission), .program = r->program, .bindings = bindings, .n_bindings = 6,
                              .signals = &point, .n_signals = 1};
    HAL_TRY(hal_queue_submit(r->queue, &s));
    return hal_timeline_wait(r->timeline, r->at, hal_deadline_ms(60000));
}

static float expected(int set, int shift, int row, int column)
{
    float y = 0;
    for (int j = 0; j < N; j++) {
        float h = 0;
        for (int k = 0; k < K; k++)
            h += number(set, 0, row * K + k) * number(set, 1, k * N + j + shift);
        y += 2 * (h > 0 ? h : 0) * number(set, 2, j * K + column);
    }
    return y;
}

/* DATA_LOSS where a number is not what it should be. */
static hal_status run(rig *r, int set)
{
    static float y[K * K];
    HAL_TRY(submit(r, set));
    HAL_TRY(transfer(r, (hal_binding){.host = y}, (hal_binding){.buffer = r->buffers[set][5]}));
    for (int i = 0; i < M * K; i++)
        if (!(fabsf(y[i] - expected(set, r->shift, i / K, i % K)) < 1e-3f))
            return HAL_FAIL(DATA_LOSS, "result %d of set %d is %g, not %g", i, set, (double)y[i],
                            (double)expected(set, r->shift, i / K, i % K));
    return HAL_OK;
}

/* ------------------------------------------------------------------------------- where there is no library -- */

/* 0: it worked, and said that products were left to kernels. */
static int try_without(void)
{
    linker_alone();
    rig r = {.instance = libraries_instance()};
    hal_status status = r.instance != NULL ? open_rig(&r) : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL);
    for (int i = 0; i < 3 && status == HAL_OK; i++)
        status = run(&r, i % 2);
    if (status != HAL_OK) {
        print_error("%s\n", hal_status_last()->text);
        return 2;
    }
    const bool left = hal_device_counter(r.device, "products left") == 2 && hal_device_counter(r.device, "products") == 0;
    close_rig(&r);
    return left && driver.wrong() == 0 ? 0 : 3;
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    lacking = getenv("HAL_PROBE") == NULL ? "not started by make check" : NULL;
    if (lacking != NULL)
        return 0;
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    emulated_lead();
    if (work_ask() != HAL_OK)
        return -1;
    without_library = libraries_absent(&driver, try_without);
    if (!emulated_open(&driver) || emulated_library("libcublasLt.so.13") == NULL)
        lacking = "the emulated cuBLASLt is not built (it needs cuda.h, cublasLt.h and the headers of OpenCL)";
    return 0;
}

/* ------------------------------------------------------------------------------------------------- tests -- */

static unsigned left;
static uint64_t wrong;

static rig begin(const char *use)
{
    char text[400];
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    setenv("HAL_CUDA_BLAS", use, 1);
    driver.script("");
    left = driver.live(text, sizeof text);
    wrong = driver.wrong();
    rig r = {.instance = libraries_instance()};
    assert_non_null(r.instance);
    assert_ok(open_rig(&r));
    return r;
}

static void end(rig *r)
{
    char text[400] = "";
    close_rig(r);
    if (driver.live(text, sizeof text) != left)
        fail_msg("left behind: %s", text);
    assert_int_equal(driver.wrong(), wrong);
}

static void run_all(rig *r, int n)
{
    for (int i = 0; i < n; i++)
        if (run(r, i % 2) != HAL_OK)
            fail_msg("run %d: %s", i, hal_status_last()->text);
}

/* The first run is launched step by step, the second is a graph, whose bindings the others move. */
static void a_library_multiplies_in_a_graph(void **state)
{
    (void)state;
    rig r = begin("on");
    run_all(&r, 5);
    assert_int_equal(hal_device_counter(r.device, "products"), 2);
    assert_int_equal(hal_device_counter(r.device, "products left"), 0);
    assert_int_equal(hal_device_counter(r.device, "graphs"), 1);
    end(&r);
}

/* The library is told of each alignment that occurs: the emulated one refuses operands that have less than it was told. */
static void operands_need_no_alignment(void **state)
{
    (void)state;
    rig r = begin("on");
    for (r.shift = 0; r.shift < 5; r.shift++)
        run_all(&r, 2);
    end(&r);
}

static void none_multiplies_where_it_is_off(void **state)
{
    (void)state;
    rig r = begin("off");
    run_all(&r, 3);
    assert_int_equal(hal_device_counter(r.device, "products"), 0);
    assert_int_equal(hal_device_counter(r.device, "products left"), 2);
    end(&r);
}

static void a_missing_library_leaves_products_to_kernels(void **state)
{
    (void)state;
    if (lacking != NULL)
        skip();
    assert_int_equal(without_library, 0);
}

/* The status has the library's code; what comes next works. */
static void a_call_that_fails_is_told(void **state)
{
    (void)state;
    rig r = begin("on");
    driver.script("fail cublasLtMatmul 2 14");
    assert_code(submit(&r, 0), INTERNAL);
    assert_non_null(strstr(hal_status_last()->text, "CUBLAS_STATUS_INTERNAL_ERROR"));
    assert_int_equal(hal_status_last()->vendor_code, 14);
    driver.script("");
    r.at = hal_timeline_value(r.timeline);
    run_all(&r, 3);
    end(&r);
}

/* Memory that the library does not find has a second try; a graph that cannot be made is done without. */
static void a_call_without_memory_is_tried_again(void **state)
{
    (void)state;
    rig r = begin("on");
    driver.script("fail cublasLtMatmul 1 3");
    assert_ok(run(&r, 0));
    driver.script("fail cublasLtMatmul 1 14");
    assert_ok(run(&r, 0));
    assert_int_equal(hal_device_counter(r.device, "graphs"), 0);
    run_all(&r, 3);
    end(&r);
}

/* A graph whose part cannot be replaced is given up. */
static void a_binding_that_moves_survives_a_failure(void **state)
{
    (void)state;
    rig r = begin("on");
    run_all(&r, 2);
    assert_int_equal(hal_device_counter(r.device, "graphs"), 1);
    driver.script("fail cublasLtMatmul 1 14");
    run_all(&r, 4);
    end(&r);
}

static void a_library_that_does_not_start_leaves_products_to_kernels(void **state)
{
    (void)state;
    if (lacking != NULL)
        skip();
    setenv("HAL_CUDA_BLAS", "on", 1);
    driver.script("fail cublasLtCreate 1 1");
    rig r = {.instance = libraries_instance()};
    assert_ok(open_rig(&r));
    run_all(&r, 3);
    assert_int_equal(hal_device_counter(r.device, "products left"), 2);
    close_rig(&r);
}

/* What is asked while a program is compiled: a failure is told with its code. */
static void a_heuristic_that_fails_is_told(void **state)
{
    (void)state;
    if (lacking != NULL)
        skip();
    setenv("HAL_CUDA_BLAS", "on", 1);
    driver.script("fail cublasLtMatmulAlgoGetHeuristic 1 14");
    rig r = {.instance = libraries_instance()};
    assert_code(open_rig(&r), INTERNAL);
    assert_int_equal(hal_status_last()->vendor_code, 14);
    close_rig(&r);
}

/* Each call on the way to a product and to a graph with one fails once: the program is refused with a reason, or right. */
static void each_call_fails_once(void **state)
{
    static const char *const calls[] = {
        "cublasLtCreate 1 1", "cublasLtMatmulDescCreate 1 3", "cublasLtMatmulDescSetAttribute 2 7",
        "cublasLtMatrixLayoutCreate 1 3", "cublasLtMatrixLayoutCreate 3 3", "cublasLtMatmulPreferenceCreate 1 3",
        "cublasLtMatmulPreferenceSetAttribute 4 7", "cublasLtMatmulAlgoGetHeuristic 2 15",
        "cublasLtMatmulAlgoGetHeuristic 3 14",
        "cublasLtMatmul 3 14", "cublasLtMatmul 4 3", "cuStreamBeginCapture_v2 1 CUDA_ERROR_INVALID_VALUE",
        "cuStreamBeginCapture_v2 3 CUDA_ERROR_OUT_OF_MEMORY", "cuStreamEndCapture 2 CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
        "cuGraphAddChildGraphNode 2 CUDA_ERROR_INVALID_VALUE",
        "cuGraphExecChildGraphNodeSetParams 1 CUDA_ERROR_INVALID_VALUE",
        "cuGraphInstantiateWithFlags 1 CUDA_ERROR_OUT_OF_MEMORY"};
    (void)state;
    if (lacking != NULL)
        skip();
    setenv("HAL_CUDA_BLAS", "on", 1);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char script[100], text[400] = "";
        left = driver.live(text, sizeof text);
        wrong = driver.wrong();
        rig r = {.instance = libraries_instance()};
        snprintf(script, sizeof script, "fail %s", calls[i]);
        driver.script(script);
        hal_status status = open_rig(&r);
        for (int k = 0; k < 4 && status == HAL_OK; k++)
            status = run(&r, k % 2);
        if (status != HAL_OK && strstr(hal_status_last()->text, "CUBLAS_STATUS") == NULL)
            fail_msg("%s: %s: %s", calls[i], hal_status_name(status), hal_status_last()->text);
        close_rig(&r);
        /* a capture that was told not to end is still there */
        if ((driver.live(text, sizeof text) != left && strstr(calls[i], "EndCapture") == NULL) || driver.wrong() != wrong)
            fail_msg("%s: left behind: %s", calls[i], text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_multiplies_in_a_graph),
        cmocka_unit_test(operands_need_no_alignment),
        cmocka_unit_test(none_multiplies_where_it_is_off),
        cmocka_unit_test(a_missing_library_leaves_products_to_kernels),
        cmocka_unit_test(a_call_that_fails_is_told),
        cmocka_unit_test(a_call_without_memory_is_tried_again),
        cmocka_unit_test(a_binding_that_moves_survives_a_failure),
        cmocka_unit_test(a_library_that_does_not_start_leaves_products_to_kernels),
        cmocka_unit_test(a_heuristic_that_fails_is_told),
        cmocka_unit_test(each_call_fails_once),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention that the cuda backend leaves to cuDNN, on the emulated driver and the emulated library: it is right with it,
 * without it, and where there is none; in a graph whose bindings move; and a call that fails is told with the library's code.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>
#include <math.h>

#include "ops/kernel/element.h"
#include "scheduler/describe.h"
#include "tests/fault/libraries.h"
#include "tests/fault/linker.h"
#include "tests/opencl/work.h"

/* Sizes of attention; what its operands take, and where each has its bytes. */
enum { B = 2, HQ = 4, HK = 2, ROWS = 9, KEYS = 12, D = 16, BYTES = B * HQ * KEYS * D * 2, BINDINGS = 8 };
enum { Q, K, V, Y, LSE, TWICE, Z, Z_LSE };

static emulated_driver driver;
static const char *lacking; /* of this machine; NULL: nothing */
static int without_library; /* what the process said that had none */
static unsigned (*live)(void); /* of the library */

/* ------------------------------------------------------------------------------------------- the program -- */

static void operand(hal_describe *d, uint32_t binding, hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_description_tensor t = {.dtype = dtype, .rank = rank, .binding = binding};
    int64_t step = dtype == HAL_F32 ? 4 : 2;
    for (uint32_t i = rank; i-- > 0;) {
        t.size[i] = hal_dim_constant(size[i]);
        t.stride[i] = hal_dim_constant(step);
        step *= size[i];
    }
    hal_describe_operand(d, &t);
}

static void attend(hal_describe *d, const hal_attention_attrs *attrs, uint32_t q, uint32_t y)
{
    static const int64_t queries[] = {B, HQ, ROWS, D}, keys[] = {B, HK, KEYS, D};
    hal_describe_op(d, hal_op_describe(HAL_OP_ATTENTION), attrs, "attention", 3, 2);
    operand(d, q, HAL_F16, 4, queries);
    operand(d, K, HAL_F16, 4, keys);
    operand(d, V, HAL_F16, 4, keys);
    operand(d, y, HAL_F16, 4, queries);
    operand(d, y + 1, HAL_F32, 3, queries);
}

/* y = attention(q, k, v), masked; z = attention(2 y, k, v), not masked: a graph, as there are three steps. */
static hal_status describe(hal_description **block)
{
    static const int64_t all[] = {B * HQ * ROWS * D};
    const hal_attention_attrs masked = {HAL_HEAD(hal_attention_attrs), .causal = 1};
    const hal_attention_attrs open = {HAL_HEAD(hal_attention_attrs), .scale = 0.5};
    hal_pointwise_attrs twice = {HAL_HEAD(hal_pointwise_attrs)};
    hal_describe d;
    HAL_TRY(hal_expr_parse("add(x0, x0)", HAL_F16, &twice.expr));
    hal_describe_begin(&d, NULL);
    for (int i = 0; i < BINDINGS; i++)
        hal_describe_binding(&d, i < Y ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT, BYTES);
    attend(&d, &masked, Q, Y);
    hal_describe_op(&d, hal_op_describe(HAL_OP_POINTWISE), &twice, "twice", 1, 1);
    operand(&d, Y, HAL_F16, 1, all);
    operand(&d, TWICE, HAL_F16, 1, all);
    attend(&d, &open, TWICE, Z);
    return hal_describe_finish(&d, block);
}

/* Two sets of buffers and a program: submissions take the sets in turn. */
typedef struct rig {
    hal_instance *instance;
    hal_device *device;
    hal_queue *queue;
    hal_timeline *timeline;
    hal_program *program;
    hal_buffer *buffers[2][BINDINGS];
    uint64_t at;
    int shift; /* elements that v lies behind the start of its buffer */
} rig;

static double number(int set, int binding, int i)
{
    return (double)((i * (7 + 2 * binding) + set * 5) % 23 - 11) / 16;
}

static hal_status transfer(rig *r, hal_binding to, hal_binding from)
{
    const hal_point point = {r->timeline, ++r->at};
    HAL_TRY(hal_queue_copy(r->queue, to, from, BYTES, NULL, 0, &point, 1));
    return hal_timeline_wait(r->timeline, r->at, hal_deadline_ms(60000));
}

static hal_status fill(rig *r, int set)
{
    static char data[BYTES];
    for (int b = 0; b < Y; b++) {
        for (int i = 0; i < BYTES / 2; i++)
            hal_store_double(HAL_F16, data + 2 * i, number(set, b, i));
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
    for (int i = 0; i < 2 * BINDINGS; i++)
        HAL_TRY(hal_buffer_create(r->device, BYTES + 64, &r->buffers[i / BINDINGS][i % BINDINGS]));
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
    for (int i = 0; i < 2 * BINDINGS; i++)
        hal_buffer_release(r->buffers[i / BINDINGS][i % BINDINGS]);
    hal_timeline_release(r->timeline);
    hal_queue_release(r->queue, hal_deadline_ms(20000));
    hal_device_release(r->device);
    hal_instance_release(r->instance);
}

static hal_status submit(rig *r, int set)
{
    hal_binding bindings[BINDINGS] = {{0}};
    const hal_point point = {r->timeline, ++r->at};
    for (int b = 0; b < BINDINGS; b++)
        bindings[b] = (hal_binding){.buffer = r->buffers[set][b], .offset = b == V ? 2 * (uint64_t)r->shift : 0};
    const hal_submission s = {HAL_HEAD(hal_submission), .program = r->program, .bindings = bindings,
                              .n_bindings = BINDINGS, .signals = &point, .n_signals = 1};
    HAL_TRY(hal_queue_submit(r->queue, &s));
    return hal_timeline_wait(r->timeline, r->at, hal_deadline_ms(60000));
}

/* ------------------------------------------------------------------------------------------ what is right -- */

/* One row: y of D, and the log of the sum. */
static double attend_row(int set, int shift, int head, const double *q, double scale, int seen, double *y)
{
    double sum = 0;
    const int keys = ((head / HQ) * HK + head % HQ / (HQ / HK)) * KEYS * D;
    memset(y, 0, D * sizeof *y);
    for (int j = 0; j < seen; j++) {
        double x = 0;
        for (int c = 0; c < D; c++)
            x += q[c] * number(set, K, keys + j * D + c);
        const double weight = exp(x * scale);
        sum += weight;
        for (int c = 0; c < D; c++)
            y[c] += weight * number(set, V, keys + j * D + c + shift);
    }
    for (int c = 0; c < D; c++)
        y[c] /= sum;
    return log(sum);
}

static hal_status compare(const char *what, int row, int c, double got, double want)
{
    return fabs(got - want) < 4e-3 ? HAL_OK : HAL_FAIL(DATA_LOSS, "%s of row %d, %d is %g, not %g", what, row, c, got, want);
}

static hal_status compare_row(const rig *r, int set, int row, char *const *got)
{
    double q[D], y[D], z[D];
    const int head = row / ROWS, i = row % ROWS;
    for (int c = 0; c < D; c++)
        q[c] = number(set, Q, row * D + c);
    const double lse = attend_row(set, r->shift, head, q, 0.25, KEYS - ROWS + i + 1, y);
    for (int c = 0; c < D; c++)
        q[c] = 2 * hal_load_double(HAL_F16, got[Y] + 2 * (row * D + c));
    const double z_lse = attend_row(set, r->shift, head, q, 0.5, KEYS, z);
    for (int c = 0; c < D; c++) {
        HAL_TRY(compare("y", row, c, hal_load_double(HAL_F16, got[Y] + 2 * (row * D + c)), y[c]));
        HAL_TRY(compare("z", row, c, hal_load_double(HAL_F16, got[Z] + 2 * (row * D + c)), z[c]));
    }
    HAL_TRY(compare("lse", row, 0, hal_load_double(HAL_F32, got[LSE] + 4 * row), lse));
    return compare("lse of z", row, 0, hal_load_double(HAL_F32, got[Z_LSE] + 4 * row), z_lse);
}

/* DATA_LOSS where a number is not what it should be. */
static hal_status run(rig *r, int set)
{
    static char room[BINDINGS][BYTES];
    char *got[BINDINGS];
    HAL_TRY(submit(r, set));
    for (int b = 0; b < BINDINGS; b++)
        got[b] = room[b];
    for (int b = Y; b < BINDINGS; b++)
        HAL_TRY(transfer(r, (hal_binding){.host = got[b]}, (hal_binding){.buffer = r->buffers[set][b]}));
    for (int row = 0; row < B * HQ * ROWS; row++)
        HAL_TRY(compare_row(r, set, row, got));
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- surroundings -- */

static bool counts(const rig *r, uint64_t taken, uint64_t left)
{
    return hal_device_counter(r->device, "attentions") == taken && hal_device_counter(r->device, "attentions left") == left;
}

/* 0: it worked, and said that attention was left to kernels. */
static int try_without(void)
{
    setenv("HAL_CUDA_ATTENTION", "cudnn", 1);
    linker_alone();
    rig r = {.instance = libraries_instance()};
    hal_status status = r.instance != NULL ? open_rig(&r) : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL);
    for (int i = 0; i < 3 && status == HAL_OK; i++)
        status = run(&r, i % 2);
    if (status != HAL_OK) {
        print_error("%s\n", hal_status_last()->text);
        return 2;
    }
    const bool left = counts(&r, 0, 2);
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
    if (!emulated_open(&driver) || !emulated_look_up(emulated_library("libcudnn.so.9"), "hal_emulated_cudnn_live", &live))
        lacking = "the emulated cuDNN is not built (it needs cuda.h, cudnn.h and the headers of OpenCL)";
    return 0;
}

static unsigned left;
static uint64_t wrong;

static void need(void)
{
    char text[400];
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    driver.script("");
    left = driver.live(text, sizeof text);
    wrong = driver.wrong();
}

static rig begin(const char *use)
{
    need();
    setenv("HAL_CUDA_ATTENTION", use, 1);
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
    assert_int_equal(live(), 0);
    assert_int_equal(driver.wrong(), wrong);
}

static void run_all(rig *r, int n)
{
    for (int i = 0; i < n; i++)
        if (run(r, i % 2) != HAL_OK)
            fail_msg("run %d: %s", i, hal_status_last()->text);
}

/* ------------------------------------------------------------------------------------------------- tests -- */

/* The first run is launched step by step, the second is a graph, whose bindings the others move. */
static void a_library_attends_in_a_graph(void **state)
{
    (void)state;
    rig r = begin("cudnn");
    run_all(&r, 5);
    assert_true(counts(&r, 2, 0));
    assert_int_equal(hal_device_counter(r.device, "graphs"), 1);
    end(&r);
}

static void none_attends_unless_it_is_asked_for(void **state)
{
    (void)state;
    rig r = begin("own");
    run_all(&r, 3);
    assert_true(counts(&r, 0, 2));
    end(&r);
}

static void a_missing_library_leaves_attention_to_kernels(void **state)
{
    (void)state;
    if (lacking != NULL)
        skip();
    assert_int_equal(without_library, 0);
}

/* The library was told of 16 bytes: other addresses are refused before it is asked, in a graph too. */
static void an_address_that_is_not_aligned_is_told(void **state)
{
    (void)state;
    rig r = begin("cudnn");
    run_all(&r, 2);
    for (r.shift = 1; r.shift < 3; r.shift++) {
        assert_code(submit(&r, 0), UNSUPPORTED);
        assert_non_null(strstr(hal_status_last()->text, "MISALIGNED"));
        r.at = hal_timeline_value(r.timeline);
    }
    r.shift = 8;
    run_all(&r, 3);
    end(&r);
}

/* The status has the library's code; what comes next works. */
static void a_call_that_fails_is_told(void **state)
{
    (void)state;
    rig r = begin("cudnn");
    driver.script("fail cudnnBackendExecute 2 5000");
    assert_code(submit(&r, 0), INTERNAL);
    assert_non_null(strstr(hal_status_last()->text, "CUDNN_STATUS_EXECUTION_FAILED"));
    assert_int_equal(hal_status_last()->vendor_code, 5000);
    driver.script("");
    r.at = hal_timeline_value(r.timeline);
    run_all(&r, 3);
    end(&r);
}

/* What the library does not know, or has no engine for, and a library that does not start. */
static void what_it_does_not_do_is_left_to_kernels(void **state)
{
    static const char *const calls[] = {"cudnnCreate 1 1001", "cudnnBackendFinalize 1 3000", "cudnnBackendSetAttribute 3 2000",
                                        "cudnnBackendCreateDescriptor 1 3000"};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char script[100];
        need();
        setenv("HAL_CUDA_ATTENTION", "cudnn", 1);
        snprintf(script, sizeof script, "fail %s", calls[i]);
        driver.script(script);
        rig r = {.instance = libraries_instance()};
        assert_ok(open_rig(&r));
        run_all(&r, 3);
        assert_int_equal(hal_device_counter(r.device, "attentions left"), i == 0 ? 2 : 1);
        end(&r);
    }
}

/* Each call on the way to an attention and to a graph with one fails once: the program is refused with a reason, or right. */
static void each_call_fails_once(void **state)
{
    static const char *const names[] = {"cudnnBackendCreateDescriptor", "cudnnBackendSetAttribute", "cudnnBackendFinalize",
                                        "cudnnBackendGetAttribute", "cudnnSetStream", "cudnnBackendExecute"};
    static const int most[] = {60, 150, 40, 4, 8, 8};
    (void)state;
    for (int i = 0; i < 6; i++)
        for (int n = 1; n < most[i]; n += 1 + n / 6) {
            char script[100];
            need();
            setenv("HAL_CUDA_ATTENTION", "cudnn", 1);
            rig r = {.instance = libraries_instance()};
            snprintf(script, sizeof script, "fail %s %d 4000", names[i], n);
            driver.script(script);
            hal_status status = open_rig(&r);
            for (int k = 0; k < 4 && status == HAL_OK; k++)
                status = run(&r, k % 2);
            if (status != HAL_OK && strstr(hal_status_last()->text, "CUDNN_STATUS_INTERNAL_ERROR") == NULL)
                fail_msg("%s: %s: %s", script, hal_status_name(status), hal_status_last()->text);
            driver.script("");
            end(&r);
        }
}

/* Memory that the library does not find has a second try. */
static void a_call_without_memory_is_tried_again(void **state)
{
    (void)state;
    rig r = begin("cudnn");
    driver.script("fail cudnnBackendExecute 1 4004");
    assert_ok(run(&r, 0));
    run_all(&r, 3);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_attends_in_a_graph),
        cmocka_unit_test(none_attends_unless_it_is_asked_for),
        cmocka_unit_test(a_missing_library_leaves_attention_to_kernels),
        cmocka_unit_test(an_address_that_is_not_aligned_is_told),
        cmocka_unit_test(a_call_that_fails_is_told),
        cmocka_unit_test(what_it_does_not_do_is_left_to_kernels),
        cmocka_unit_test(each_call_fails_once),
        cmocka_unit_test(a_call_without_memory_is_tried_again),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}

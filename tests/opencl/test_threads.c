/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that launch the same kernels for the first time, each in a queue of its own, on the first two devices that PoCL was
 * told to have (POCL_DEVICES; two of a kind unless told otherwise). Where nothing keeps them apart, PoCL before 7.0 ends the
 * process (gate.h).
 */
#include "driver_test.h"

#include "backends/opencl/gate.h"

enum { THREADS = 4, ROWS = 64, COLUMNS = 64, BYTES = ROWS * COLUMNS * 4, IN_FLIGHT = 8 };

/* What a thread works with: made by the main thread, as assertions of cmocka belong to it. */
typedef struct worker {
    hal_opencl_device *device;
    hal_opencl_queue *queue;
    hal_opencl_program *program;
    hal_backend_binding bindings[3];
    ending end[IN_FLIGHT];
    hal_status status;
    pthread_t thread;
} worker;

static hal_status wait_for(ending *e) {
    pthread_mutex_lock(&e->lock);
    while (e->times == 0) pthread_cond_wait(&e->told, &e->lock);
    pthread_mutex_unlock(&e->lock);
    return e->status;
}

/* Each submission is larger than the last, some of them under way at once. */
static void *work(void *argument) {
    worker *w = argument;
    for (int64_t rows = 1; rows <= ROWS && w->status == HAL_OK; rows += IN_FLIGHT) {
        int started = 0;
        for (; started < IN_FLIGHT && w->status == HAL_OK; started++) {
            const int64_t now = rows + started;
            w->end[started] = (ending)ENDING;
            w->status = host.backend->submit(w->queue, w->program, w->bindings, 3, &now, &w->end[started]);
        }
        for (int i = 0; i < started; i++) {
            const hal_status end = i + 1 == started && w->status != HAL_OK ? w->status : wait_for(&w->end[i]);
            if (w->status == HAL_OK) w->status = end;
        }
    }
    return NULL;
}

static void prepare(worker *w, hal_opencl_device *device, const hal_description *d) {
    *w = (worker){.device = device, .queue = take_queue(device), .program = compile(device, d), .status = HAL_OK};
    for (int i = 0; i < 3; i++) w->bindings[i] = IN_BLOCK(take_block(device, BYTES, NULL), 0);
}

static void finish(worker *w) {
    assert_ok(w->status);
    host.backend->program_free(w->device, w->program);
    for (int i = 0; i < 3; i++) host.backend->free(w->device, w->bindings[i].memory);
    assert_ok(host.backend->queue_destroy(w->queue, SOON));
}

static void first_launches_of_many_threads(void **state) {
    static worker workers[THREADS];
    void *devices[2] = {NULL, NULL};
    small s;
    (void)state;
    devices[0] = open_device(false);
    const int n = host.n_devices > 1 ? 2 : 1;
    if (n == 2) assert_ok(host.backend->device_open(host.state, 1, &devices[1]));
    const hal_description *d = transposes(&s, 2, (hal_dim){0, 1, 0, 0}, COLUMNS, BYTES);
    for (int i = 0; i < THREADS; i++) prepare(&workers[i], devices[i % n], d);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) finish(&workers[i]);
    if (n == 2) host.backend->device_close(devices[1]);
    close_device(devices[0]);
}

static void old_pocl_is_guarded(void **state) {
    (void)state;
    assert_true(hal_opencl_gate_guards("Portable Computing Language", "3.1"));
    assert_true(hal_opencl_gate_guards("Portable Computing Language", "6.0"));
    assert_true(hal_opencl_gate_guards("Portable Computing Language", "no number"));
    assert_false(hal_opencl_gate_guards("Portable Computing Language", "7.0"));
    assert_false(hal_opencl_gate_guards("NVIDIA CUDA", "3.1"));
}

static bool enters(hal_opencl_visitor *v, bool first) {
    bool as_first = first;
    const bool in = hal_opencl_gate_enter(v, &as_first, hal_opencl_now() + 1000000);
    if (in) assert_int_equal(as_first, first);
    return in;
}

static void what_is_new_runs_alone(void **state) {
    hal_opencl_visitor a = {0}, b = {0};
    (void)state;
    assert_true(enters(&a, false));
    assert_true(enters(&b, false));
    assert_false(enters(&a, true));
    assert_true(enters(&b, false));              /* who gave up holds nobody up */
    hal_opencl_gate_leave(&b, false);
    hal_opencl_gate_leave(&b, false);
    assert_true(enters(&a, true));               /* its own come before it in its queue */
    assert_true(enters(&a, false));
    assert_false(enters(&b, false));
    assert_false(enters(&b, true));
    hal_opencl_gate_leave(&a, false);
    hal_opencl_gate_leave(&a, true);
    hal_opencl_gate_leave(&a, false);
    assert_true(enters(&b, true));
    hal_opencl_gate_leave(&b, true);
}

/* Comes last: it cannot be taken back. */
static void a_crowd_takes_turns(void **state) {
    hal_opencl_visitor a = {0}, b = {0};
    bool first = false;
    (void)state;
    hal_opencl_gate_crowd();
    assert_true(hal_opencl_gate_enter(&a, &first, SOON));
    assert_true(first);
    assert_false(enters(&b, false));
    hal_opencl_gate_leave(&a, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(old_pocl_is_guarded), cmocka_unit_test(what_is_new_runs_alone),
        cmocka_unit_test(first_launches_of_many_threads), cmocka_unit_test(a_crowd_takes_turns)};
    setenv("POCL_DEVICES", "basic basic", 0);
    setenv("HAL_OPENCL_BINARIES", "none", 1);
    setenv("HAL_OPENCL_VARIANT", "gpu", 0);      /* grids that grow with the matrix */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

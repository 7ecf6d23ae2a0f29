/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL driver when calls of OpenCL fail: right status, right words, nothing left running or lost. */
#include "driver_test.h"

#include "backends/opencl/ground.h"
#include "backends/opencl/job.h"

/* The device's own functions, which those below stand before. */
static hal_opencl_api real;
static struct { int after, times; cl_int code; } plan; /* fails `times` calls after the first `after` */

static cl_int fate_of_call(void) {
    if (plan.after-- > 0) return CL_SUCCESS;
    return plan.times-- > 0 ? plan.code : CL_SUCCESS;
}

static void fail_next(int after, int times, cl_int code) {
    plan.after = after;
    plan.times = times;
    plan.code = code;
}

static cl_mem CL_API_CALL create_buffer(cl_context c, cl_mem_flags f, size_t n, void *p, cl_int *e) {
    *e = fate_of_call();
    return *e == CL_SUCCESS ? real.clCreateBuffer(c, f, n, p, e) : NULL;
}

static cl_int CL_API_CALL launch(cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g,
                                 const size_t *l, cl_uint n, const cl_event *w, cl_event *e) {
    const cl_int code = fate_of_call();
    return code == CL_SUCCESS ? real.clEnqueueNDRangeKernel(q, k, d, o, g, l, n, w, e) : code;
}

static cl_int CL_API_CALL write_buffer(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void *p,
                                       cl_uint w, const cl_event *l, cl_event *e) {
    const cl_int code = fate_of_call();
    return code == CL_SUCCESS ? real.clEnqueueWriteBuffer(q, m, b, o, n, p, w, l, e) : code;
}

static cl_int CL_API_CALL set_argument(cl_kernel k, cl_uint i, size_t n, const void *p) {
    const cl_int code = fate_of_call();
    return code == CL_SUCCESS ? real.clSetKernelArg(k, i, n, p) : code;
}

static cl_int CL_API_CALL marker(cl_command_queue q, cl_uint n, const cl_event *l, cl_event *e) {
    const cl_int code = fate_of_call();
    return code == CL_SUCCESS ? real.clEnqueueMarkerWithWaitList(q, n, l, e) : code;
}

/* Calls back at once with a fate of the test's. */
static cl_int CL_API_CALL call_back(cl_event event, cl_int type, void (CL_CALLBACK *f)(cl_event, cl_int, void *), void *a) {
    (void)type;
    real.clWaitForEvents(1, &event);
    f(event, plan.code, a);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL refuse_callback(cl_event event, cl_int type, void (CL_CALLBACK *f)(cl_event, cl_int, void *),
                                          void *a) {
    (void)event;
    (void)type;
    (void)f;
    (void)a;
    return CL_INVALID_VALUE;
}

/* Never calls, until the test does. */
static struct { void (CL_CALLBACK *call)(cl_event, cl_int, void *); void *argument; cl_event event; } late;
static cl_int CL_API_CALL forget_callback(cl_event event, cl_int type, void (CL_CALLBACK *f)(cl_event, cl_int, void *),
                                          void *a) {
    (void)type;
    late.call = f;
    late.argument = a;
    late.event = event;
    return CL_SUCCESS;
}

static size_t most_items;
static cl_int CL_API_CALL group_info(cl_kernel k, cl_device_id d, cl_kernel_work_group_info w, size_t n, void *p, size_t *r) {
    const cl_int e = real.clGetKernelWorkGroupInfo(k, d, w, n, p, r);
    if (w == CL_KERNEL_WORK_GROUP_SIZE && most_items > 0) *(size_t *)p = most_items;
    if (w == CL_KERNEL_LOCAL_MEM_SIZE && most_items == 0) *(cl_ulong *)p = (cl_ulong)1 << 40;
    return e;
}

/* A device, a queue, a program of two transposes and what it is bound to. */
typedef struct world {
    hal_opencl_device *d;
    hal_opencl_queue *q;
    hal_opencl_program *p;
    small s;
    void *block[3];
    hal_backend_binding bindings[3];
} world;

static world begin_in(bool shared) {
    world w = {.d = open_device(shared)};
    real = w.d->cl;
    w.q = take_queue(w.d);
    w.p = compile(w.d, transposes(&w.s, 2, hal_dim_constant(3), 4, 48));
    for (int i = 0; i < 3; i++) {
        w.block[i] = take_block(w.d, 48, NULL);
        w.bindings[i] = IN_BLOCK(w.block[i], 0);
    }
    host.lost = 0;
    return w;
}

static world begin(void) { return begin_in(false); }

/* A thread of the driver's may be at the table of functions until the queue is gone. */
static void end(world *w) {
    assert_ok(host.backend->queue_destroy(w->q, SOON));
    w->d->cl = real;
    host.backend->program_free(w->d, w->p);
    for (int i = 0; i < 3; i++) host.backend->free(w->d, w->block[i]);
    assert_int_equal(w->d->given, 0);
    close_device(w->d);
}

/* ---------------------------------------------------------------------------------------------- memory -- */

static void memory_gets_a_second_chance(void **state) {
    void *memory = NULL, *address;
    (void)state;
    world w = begin();
    w.d->cl.clCreateBuffer = create_buffer;
    fail_next(0, 1, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    assert_ok(host.backend->alloc(w.d, 64, &memory, &address));
    host.backend->free(w.d, memory);
    fail_next(0, 2, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    assert_code(host.backend->alloc(w.d, 64, &memory, &address), OUT_OF_MEMORY);
    assert_says("CL_MEM_OBJECT_ALLOCATION_FAILURE");
    assert_says("64 bytes");
    fail_next(0, 1, CL_INVALID_CONTEXT);
    assert_code(host.backend->alloc(w.d, 64, &memory, &address), INTERNAL);
    w.d->most_block = 1000;
    assert_code(host.backend->alloc(w.d, 1001, &memory, &address), OUT_OF_MEMORY);
    assert_says("at most 1000 in one");
    end(&w);
}

/* Tells nobody that a buffer is over: the test does. */
typedef void (CL_CALLBACK *told_of_end)(cl_mem, void *);
static struct { told_of_end call; void *argument; } ends[4];
static int n_ends;
static cl_int CL_API_CALL keep_end(cl_mem mem, told_of_end f, void *argument) {
    (void)mem;
    assert_true(n_ends < 4);
    ends[n_ends].call = f;
    ends[n_ends++].argument = argument;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL refuse_end(cl_mem mem, told_of_end f, void *argument) {
    (void)mem;
    (void)f;
    (void)argument;
    return CL_INVALID_VALUE;
}

static void check_ground(bool shared) {
    enum { BYTES = 4 << 20 };
    void *memory, *address;
    world w = begin_in(shared);
    const int64_t before = w.d->n_grounds;
    w.d->cl.clSetMemObjectDestructorCallback = keep_end;
    n_ends = 0;
    memory = take_block(w.d, BYTES, &address);
    host.backend->free(w.d, memory);
    if (n_ends == 1) { /* a graphics card has memory of its own */
        assert_int_equal(w.d->n_grounds, before + 1);
        if (shared) memset(address, 1, BYTES);
        assert_false(hal_opencl_grounds_wait(w.d, hal_opencl_now() + 1000000));
        ends[0].call(NULL, ends[0].argument);
        w.d->cl.clSetMemObjectDestructorCallback = refuse_end;
        assert_code(host.backend->alloc(w.d, BYTES, &memory, &address), INTERNAL);
    }
    w.d->told_of_ends = false;
    host.backend->free(w.d, take_block(w.d, BYTES, &address));
    assert_int_equal(w.d->n_grounds, before);
    end(&w);
}

static void memory_stays_until_the_driver_is_done(void **state) {
    (void)state;
    check_ground(false);
    check_ground(true);
}

static void *CL_API_CALL share_nothing(cl_context c, cl_svm_mem_flags f, size_t n, cl_uint a) {
    (void)c;
    (void)f;
    (void)n;
    (void)a;
    return NULL;
}

static void shared_memory_runs_out_or_its_device_is_gone(void **state) {
    void *memory = NULL, *address;
    (void)state;
    world w = begin_in(true);
    w.d->cl.clSVMAlloc = share_nothing;
    assert_code(host.backend->alloc(w.d, 64, &memory, &address), OUT_OF_MEMORY);
    assert_says("64 bytes");
    w.d->cl.clEnqueueMarkerWithWaitList = marker;
    fail_next(0, 9, CL_DEVICE_NOT_AVAILABLE);
    assert_code(host.backend->alloc(w.d, 64, &memory, &address), DEVICE_LOST);
    end(&w);
}

static void copies_get_a_second_chance(void **state) {
    const char x[8] = "";
    (void)state;
    world w = begin();
    w.d->cl.clEnqueueWriteBuffer = write_buffer;
    fail_next(0, 1, CL_OUT_OF_HOST_MEMORY);
    assert_ok(copy(w.q, w.bindings[0], IN_HOST(x), 8));
    fail_next(0, 9, CL_OUT_OF_HOST_MEMORY);
    assert_code(copy(w.q, w.bindings[0], IN_HOST(x), 8), OUT_OF_MEMORY);
    assert_says("a copy of 8 bytes");
    end(&w);
}

static void launches_get_a_second_chance(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clEnqueueNDRangeKernel = launch;
    fail_next(1, 1, CL_OUT_OF_RESOURCES);
    assert_ok(run(w.q, w.p, w.bindings, 3, 0));
    end(&w);
}

/* ------------------------------------------------------------------------------------------- launching -- */

static void a_first_launch_that_fails_starts_nothing(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clEnqueueNDRangeKernel = launch;
    fail_next(0, 1, CL_INVALID_KERNEL_ARGS);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), INTERNAL);
    assert_says("CL_INVALID_KERNEL_ARGS");
    assert_ok(run(w.q, w.p, w.bindings, 3, 0));
    end(&w);
}

/* What was started before the failure has to end before the caller may free what it uses. */
static void a_second_launch_that_fails_is_told_at_the_end(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clEnqueueNDRangeKernel = launch;
    fail_next(1, 9, CL_OUT_OF_HOST_MEMORY);
    const hal_status status = run(w.q, w.p, w.bindings, 3, 0);
    assert_code(status, OUT_OF_MEMORY);
    assert_int_equal(hal_status_damage(status), HAL_DAMAGE_GRAPH);
    assert_says("(op 1)");
    assert_says("needs 144 bytes");
    assert_int_equal(host.lost, 0);
    end(&w);
}

static float theirs[2][12];
#define WITH_GUESTS(w) {IN_HOST(theirs[0]), IN_HOST(theirs[1]), IN_BLOCK((w).block[2], 0)}

/* Without an event only the driver's farewell to the last buffer around their memory is the end. */
static void work_on_memory_of_others_is_not_over_before_the_driver_says_so(void **state) {
    ending e = ENDING;
    (void)state;
    world w = begin_in(true);
    const hal_backend_binding bindings[3] = WITH_GUESTS(w);
    w.d->cl.clSetMemObjectDestructorCallback = keep_end;
    w.d->cl.clEnqueueMarkerWithWaitList = marker;
    n_ends = 0;
    fail_next(0, 1, CL_OUT_OF_HOST_MEMORY);
    assert_ok(host.backend->submit(w.q, w.p, bindings, 3, NULL, &e));
    assert_int_equal(n_ends, 2);
    ends[1].call(NULL, ends[1].argument);
    assert_int_equal(e.times, 0);
    ends[0].call(NULL, ends[0].argument);
    assert_int_equal(e.times, 1);
    assert_code(await(&e), OUT_OF_MEMORY);
    assert_non_null(strstr(e.text, "the end of a program"));
    end(&w);
}

static cl_int CL_API_CALL refuse_wait(cl_uint n, const cl_event *events) {
    (void)n;
    (void)events;
    return CL_OUT_OF_HOST_MEMORY;
}

static cl_int CL_API_CALL refuse_info(cl_event e, cl_event_info w, size_t n, void *p, size_t *r) {
    (void)e;
    (void)w;
    (void)n;
    (void)p;
    (void)r;
    return CL_OUT_OF_HOST_MEMORY;
}

/* Nor does a driver's silence say that it is over; with and without a thread that waits. */
static void work_on_memory_of_others_whose_end_is_not_told(void **state) {
    void *queue = NULL;
    (void)state;
    for (int i = 0; i < 2; i++) {
        world w = begin_in(true);
        const hal_backend_binding bindings[3] = WITH_GUESTS(w);
        w.d->calls_back = i == 0;
        assert_ok(host.backend->queue_create(w.d, &queue));
        w.d->cl.clSetEventCallback = refuse_callback;
        w.d->cl.clWaitForEvents = refuse_wait;
        w.d->cl.clGetEventInfo = refuse_info;
        for (int k = 0; k < 12; k++) theirs[0][k] = (float)k;
        for (int k = 0; k < 3; k++) assert_code(run(queue, w.p, bindings, 3, 0), OUT_OF_MEMORY);
        assert_transposed(theirs[1], 3, 4);
        assert_ok(host.backend->queue_destroy(queue, SOON));
        end(&w);
    }
}

static void arguments_that_fail_are_set_again(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clSetKernelArg = set_argument;
    fail_next(2, 1, CL_INVALID_ARG_VALUE);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), INTERNAL);
    assert_says("CL_INVALID_ARG_VALUE");
    assert_ok(run(w.q, w.p, w.bindings, 3, 0));
    end(&w);
}

/* ------------------------------------------------------------------------------------------- losing it -- */

static void work_that_fails_while_it_runs(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clSetEventCallback = call_back;
    fail_next(0, 0, CL_INVALID_OPERATION);
    const hal_status status = run(w.q, w.p, w.bindings, 3, 0);
    assert_code(status, INTERNAL);
    assert_int_equal(hal_status_damage(status), HAL_DAMAGE_GRAPH);
    assert_says("CL_INVALID_OPERATION");
    assert_int_equal(host.lost, 0);
    end(&w);
}

static void a_device_is_lost_once(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clSetEventCallback = call_back;
    fail_next(0, 0, CL_DEVICE_NOT_AVAILABLE);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), DEVICE_LOST);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), DEVICE_LOST);
    assert_int_equal(host.lost, 1);
    assert_non_null(strstr(host.lost_text, "CL_DEVICE_NOT_AVAILABLE"));
    end(&w);
}

/* Out of resources may be a crash: the device then takes no marker either. */
static void a_crash_is_told_from_want_of_memory(void **state) {
    (void)state;
    world w = begin();
    w.d->cl.clSetEventCallback = call_back;
    fail_next(0, 0, CL_OUT_OF_RESOURCES);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), OUT_OF_MEMORY);
    assert_int_equal(host.lost, 0);
    w.d->cl.clEnqueueMarkerWithWaitList = marker;
    fail_next(0, 1, CL_OUT_OF_RESOURCES);
    assert_code(run(w.q, w.p, w.bindings, 3, 0), OUT_OF_MEMORY);
    assert_int_equal(host.lost, 1);
    end(&w);
}

/* ---------------------------------------------------------------------------------------------- waiting -- */

static void a_driver_that_does_not_call_back(void **state) {
    enum { MANY = 20 };
    ending e[MANY];
    void *queue = NULL;
    (void)state;
    world w = begin();
    w.d->calls_back = false;
    assert_ok(host.backend->queue_create(w.d, &queue));
    for (int i = 0; i < MANY; i++) {
        e[i] = (ending)ENDING;
        assert_ok(host.backend->submit(queue, w.p, w.bindings, 3, NULL, &e[i]));
    }
    for (int i = 0; i < MANY; i++) assert_ok(await(&e[i]));
    assert_ok(host.backend->queue_destroy(queue, SOON));
    w.d->cl.clSetEventCallback = refuse_callback;
    assert_ok(run(w.q, w.p, w.bindings, 3, 0));
    end(&w);
}

static void one_queue_waits_for_the_other_where_they_share_a_program(void **state) {
    (void)state;
    world w = begin();
    hal_opencl_queue *other = take_queue(w.d);
    w.p->scratch_bytes = 64;
    assert_ok(hal_opencl_buffer_create(w.d, 64, &w.p->scratch));
    for (int i = 0; i < 8; i++) assert_ok(run(i & 1 ? other : w.q, w.p, w.bindings, 3, 0));
    assert_ok(host.backend->queue_destroy(other, SOON));
    end(&w);
}

static void a_queue_that_hangs_is_left(void **state) {
    ending e = ENDING;
    (void)state;
    world w = begin();
    w.d->cl.clSetEventCallback = forget_callback;
    assert_ok(host.backend->submit(w.q, w.p, w.bindings, 3, NULL, &e));
    const hal_status status = host.backend->queue_destroy(w.q, hal_opencl_now() + 20000000);
    assert_code(status, DEADLINE_EXCEEDED);
    assert_int_equal(hal_status_damage(status), HAL_DAMAGE_QUEUE);
    assert_int_equal(e.times, 0);
    w.d->cl = real;
    late.call(late.event, CL_COMPLETE, late.argument);
    assert_ok(await(&e));
    end(&w);
}

/* Ends that come in another order than the work are told in the work's. */
static void ends_are_told_in_order(void **state) {
    ending first = ENDING, second = ENDING;
    (void)state;
    world w = begin();
    w.d->cl.clSetEventCallback = forget_callback;
    assert_ok(host.backend->submit(w.q, w.p, w.bindings, 3, NULL, &first));
    void *argument = late.argument;
    cl_event event = late.event;
    assert_ok(host.backend->submit(w.q, w.p, w.bindings, 3, NULL, &second));
    late.call(late.event, CL_COMPLETE, late.argument);
    assert_int_equal(first.times + second.times, 0);
    late.call(event, CL_COMPLETE, argument);
    assert_int_equal(first.times, 1);
    assert_int_equal(second.times, 1);
    first.times = second.times = 0;
    end(&w);
}

/* --------------------------------------------------------------------------------------------- building -- */

static void text_that_does_not_compile(void **state) {
    hal_opencl_binary *binary = NULL;
    hal_portable_program nonsense = {.file = "no such file"}, bad = {.file = "move", .options = "W=8"};
    (void)state;
    world w = begin();
    assert_code(hal_opencl_binary_get(w.d, &nonsense, &binary), INTERNAL);
    assert_says("CL_BUILD_PROGRAM_FAILURE");
    assert_says("no such kernel file");
    bad.body = strdup("this is no C\n");
    assert_code(hal_opencl_binary_get(w.d, &bad, &binary), INTERNAL);
    assert_says("\"move\" do not compile");
    free(bad.body);
    bad.body = strdup("/* another text */\n");
    assert_ok(hal_opencl_binary_get(w.d, &bad, &binary));
    hal_opencl_binary_put(w.d, binary);
    free(bad.body);
    hal_opencl_device_trim(w.d);
    end(&w);
}

static void groups_that_are_too_large(void **state) {
    small s;
    void *program = NULL;
    (void)state;
    world w = begin();
    const hal_description *d = transposes(&s, 1, hal_dim_constant(640), 4, 640 * 16);
    w.d->cl.clGetKernelWorkGroupInfo = group_info;
    w.d->traits.wide = false;
    most_items = 5;
    hal_opencl_program *p = compile(w.d, d);
    assert_int_equal(p->chain->traits.group, 4);
    for (uint32_t i = 0; i < p->chain->n_steps; i++) assert_true(p->chain->steps[i].group[0] <= 4);
    host.backend->program_free(w.d, p);
    most_items = 0;
    assert_code(host.backend->compile(w.d, d, SOON, &program), UNSUPPORTED);
    assert_says("bytes of local memory");
    end(&w);
}

/* ---------------------------------------------------------------------------------------------- tuning -- */

/* Nothing of a measurement that fails is kept, and the program is there all the same. */
static void measurements_that_fail(void **state) {
    small s;
    (void)state;
    world w = begin();
    const uint64_t bytes = 256;
    transposes(&s, 1, hal_dim_constant(8), 8, bytes);
    s.op[0].number = HAL_OP_MATMUL;
    s.op[0].attrs_bytes = sizeof(hal_matmul_attrs);
    s.op[0].n_in = 2;
    s.d.n_operands = 3;
    s.operands[1] = 0;
    s.operands[2] = 1;
    w.d->cl.clEnqueueNDRangeKernel = launch;
    w.d->cl.clCreateBuffer = create_buffer;
    for (int after = 0; after < 8; after++) {
        const int before = host.n_kept;
        fail_next(after, 2, CL_OUT_OF_HOST_MEMORY);
        w.d->tuned = false;
        host.backend->program_free(w.d, compile(w.d, &s.d));
        assert_int_equal(host.n_kept, before);
    }
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_gets_a_second_chance),
        cmocka_unit_test(memory_stays_until_the_driver_is_done),
        cmocka_unit_test(shared_memory_runs_out_or_its_device_is_gone), cmocka_unit_test(copies_get_a_second_chance),
        cmocka_unit_test(launches_get_a_second_chance), cmocka_unit_test(a_first_launch_that_fails_starts_nothing),
        cmocka_unit_test(a_second_launch_that_fails_is_told_at_the_end),
        cmocka_unit_test(work_on_memory_of_others_is_not_over_before_the_driver_says_so),
        cmocka_unit_test(work_on_memory_of_others_whose_end_is_not_told),
        cmocka_unit_test(arguments_that_fail_are_set_again), cmocka_unit_test(work_that_fails_while_it_runs),
        cmocka_unit_test(a_device_is_lost_once), cmocka_unit_test(a_crash_is_told_from_want_of_memory),
        cmocka_unit_test(a_driver_that_does_not_call_back),
        cmocka_unit_test(one_queue_waits_for_the_other_where_they_share_a_program),
        cmocka_unit_test(a_queue_that_hangs_is_left), cmocka_unit_test(ends_are_told_in_order),
        cmocka_unit_test(text_that_does_not_compile), cmocka_unit_test(groups_that_are_too_large),
        cmocka_unit_test(measurements_that_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

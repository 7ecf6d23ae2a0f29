/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c, slot.c, dispatch.c, program.c, description.c and buffer.c over the fake backend. */
#include "core_test.h"

/* What most tests need. */
typedef struct bench {
    hal_device *device;
    hal_queue *queue;
    hal_program *program;
    hal_buffer *buffer;
    hal_timeline *before, *after;
} bench;

static int setup(void **state)
{
    static bench b;
    b.device = fake_device(false);
    assert_ok(hal_queue_create(b.device, &b.queue));
    b.program = tiny_program_compile(b.device);
    assert_ok(hal_buffer_create(b.device, 64, &b.buffer));
    assert_ok(hal_timeline_create(hal_device_instance(b.device), &b.before));
    assert_ok(hal_timeline_create(hal_device_instance(b.device), &b.after));
    *state = &b;
    return 0;
}

/* In an order nobody would choose. Everything that was taken has to be given back. */
static int teardown(void **state)
{
    bench *b = *state;
    hal_device_release(b->device);
    hal_program_release(b->program);
    hal_buffer_release(b->buffer);
    (void)hal_queue_release(b->queue, SOON);
    hal_timeline_release(b->before);
    hal_timeline_release(b->after);
    assert_int_equal(fake.buffers, 0);
    assert_int_equal(fake.programs, 0);
    return 0;
}

/* Submits with symbol `number`; waits for `before` >= wait unless 0; signals `after` = signal. */
static hal_status submit(bench *b, int64_t number, uint64_t wait, uint64_t signal)
{
    hal_binding binding = {.buffer = b->buffer};
    hal_point w = {b->before, wait}, s = {b->after, signal};
    hal_submission submission = {HAL_HEAD(hal_submission),
                                 .program = b->program,
                                 .bindings = &binding,
                                 .n_bindings = 1,
                                 .symbols = &number,
                                 .n_symbols = 1,
                                 .waits = &w,
                                 .n_waits = wait != 0,
                                 .signals = &s,
                                 .n_signals = 1};
    return hal_queue_submit(b->queue, &submission);
}

static void work_without_waits_runs_at_once(void **state)
{
    bench *b = *state;
    assert_ok(submit(b, 1, 0, 1));
    assert_ok(hal_timeline_wait(b->after, 1, 0));
    assert_false(b->queue->dispatching);
}

static void waits_hold_back_and_order_is_kept(void **state)
{
    bench *b = *state;
    assert_ok(submit(b, 1, 1, 1));
    assert_ok(submit(b, 2, 0, 2)); /* has no wait, but stands behind one that has */
    assert_ok(submit(b, 3, 2, 3));
    assert_code(hal_timeline_wait(b->after, 1, hal_deadline_ms(5)), DEADLINE_EXCEEDED);
    assert_ok(hal_timeline_signal(b->before, 1));
    assert_ok(hal_timeline_wait(b->after, 2, SOON));
    assert_int_equal(hal_timeline_value(b->after), 2);
    assert_ok(hal_timeline_signal(b->before, 2));
    assert_ok(hal_timeline_wait(b->after, 3, SOON));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(fake.order[i], i + 1);
}

static void a_failed_wait_passes_its_cause_on(void **state)
{
    bench *b = *state;
    hal_status cause = HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_DATA_LOSS);
    assert_ok(submit(b, 1, 1, 1));
    hal_timeline_fail(b->before, 1, cause, "spilled");
    assert_int_equal(hal_timeline_wait(b->after, 1, SOON), cause);
    assert_string_equal(hal_status_last()->text, "spilled");
    assert_int_equal(fake.n_order, 0);
    assert_ok(submit(b, 2, 1, 2)); /* failed before it was submitted: the same */
    assert_int_equal(hal_timeline_wait(b->after, 2, SOON), cause);
}

static void a_backend_failure_reaches_the_signal(void **state)
{
    bench *b = *state;
    hal_status cause = HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_INTERNAL);
    fake.hold = true;
    assert_ok(submit(b, 1, 0, 1));
    fake_finish(cause, "kernel 7 fell over");
    assert_int_equal(hal_timeline_wait(b->after, 1, 0), cause);
    assert_string_equal(hal_status_last()->text, "kernel 7 fell over");
}

static void a_refused_submission_queues_nothing(void **state)
{
    bench *b = *state;
    fake.submit_status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    assert_code(submit(b, 1, 0, 1), OUT_OF_MEMORY);
    assert_string_equal(hal_status_last()->text, "fake refuses");
    assert_int_equal(hal_status_last()->vendor_code, 7);
    assert_code(hal_timeline_wait(b->after, 1, 0), DEADLINE_EXCEEDED);
    fake.submit_status = HAL_OK;
    assert_ok(submit(b, 1, 0, 1));
    assert_ok(hal_timeline_wait(b->after, 1, 0));
}

static void arguments_are_checked(void **state)
{
    bench *b = *state;
    hal_submission empty = {HAL_HEAD(hal_submission)};
    hal_submission few = {HAL_HEAD(hal_submission), .program = b->program};
    assert_code(hal_queue_submit(b->queue, &empty), INVALID_ARGUMENT);
    assert_code(hal_queue_submit(b->queue, &few), INVALID_ARGUMENT);
    assert_code(submit(b, 1001, 0, 1), INVALID_ARGUMENT);
    assert_code(submit(b, -1, 0, 1), INVALID_ARGUMENT);
    assert_int_equal(fake.n_order, 0);
}

static void standing_still_for_ever_is_refused(void **state)
{
    bench *b = *state;
    hal_timeline *after = b->after;
    b->after = b->before;
    assert_code(submit(b, 1, 1, 1), INVALID_ARGUMENT); /* waits for what it signals itself */
    assert_ok(submit(b, 1, 1, 2));
    assert_code(submit(b, 2, 0, 1), INVALID_ARGUMENT); /* signals what the work before it waits for */
    b->after = after;
    assert_ok(hal_timeline_signal(b->before, 1));
    assert_ok(hal_timeline_wait(b->before, 2, SOON));
}

static void buffers_live_until_their_work_is_done(void **state)
{
    bench *b = *state;
    hal_buffer *mine = b->buffer;
    fake.hold = true;
    assert_ok(submit(b, 1, 0, 1));
    assert_ok(hal_buffer_create(b->device, 64, &b->buffer));
    hal_buffer_release(mine);
    assert_int_equal(fake.buffers, 2);
    fake_finish(HAL_OK, "");
    assert_int_equal(fake.buffers, 1);
    assert_ok(hal_timeline_wait(b->after, 1, 0));
}

static void more_work_than_slots_does_not_block(void **state)
{
    bench *b = *state;
    for (uint64_t i = 1; i <= 3 * HAL_CHUNK_SLOTS; i++)
        assert_ok(submit(b, 1, 1, i));
    assert_ok(hal_timeline_signal(b->before, 1));
    assert_ok(hal_timeline_wait(b->after, 3 * HAL_CHUNK_SLOTS, SOON));
    assert_int_equal(fake.n_order, 3 * HAL_CHUNK_SLOTS);
}

static void loss_fails_everything_with_the_first_cause(void **state)
{
    bench *b = *state;
    hal_device_info info;
    fake.hold = true;
    assert_ok(submit(b, 1, 0, 1)); /* with the backend */
    assert_ok(submit(b, 2, 1, 2)); /* pending */
    fake.host->device_lost(fake.host->context, 0, "fell off the bus");
    fake.host->device_lost(fake.host->context, 0, "again");
    for (uint64_t i = 1; i <= 2; i++) {
        assert_code(hal_timeline_wait(b->after, i, SOON), DEVICE_LOST);
        assert_string_equal(hal_status_last()->text, "fell off the bus");
    }
    assert_int_equal(hal_status_damage(submit(b, 3, 0, 3)), HAL_DAMAGE_DEVICE);
    assert_non_null(strstr(hal_status_last()->text, "fell off the bus"));
    assert_string_equal(hal_status_last()->device, "fake0");
    hal_device_describe(b->device, &info);
    assert_int_equal(info.state, HAL_DEVICE_LOST);
    fake_finish(HAL_OK, ""); /* the backend lets go late: no more than that */
}

static void a_hung_queue_is_quarantined(void **state)
{
    bench *b = *state;
    hal_queue *second;
    assert_ok(hal_queue_create(b->device, &second));
    hal_queue *first = b->queue;
    b->queue = second;
    fake.hold = true;
    fake.hang = true;
    assert_ok(submit(b, 1, 0, 1));
    assert_code(hal_queue_release(second, hal_deadline_ms(5)), DEADLINE_EXCEEDED);
    assert_non_null(strstr(hal_status_last()->text, "quarantined"));
    assert_code(hal_timeline_wait(b->after, 1, 0), DEADLINE_EXCEEDED);
    fake.hang = false;
    fake_finish(HAL_OK, "");
    b->queue = first;
}

static void pending_work_is_cancelled_at_the_deadline(void **state)
{
    bench *b = *state;
    hal_queue *second, *first = b->queue;
    assert_ok(hal_queue_create(b->device, &second));
    b->queue = second;
    assert_ok(submit(b, 1, 1, 1));
    assert_ok(hal_queue_release(second, hal_deadline_ms(5)));
    assert_code(hal_timeline_wait(b->after, 1, 0), CANCELLED);
    b->queue = first;
}

static void *finisher(void *argument)
{
    bench *b = argument;
    for (uint64_t v = 1; v <= 300; v++)
        (void)hal_timeline_signal(b->before, v);
    return NULL;
}

static void several_threads_may_submit(void **state)
{
    bench *b = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finisher, b), 0);
    for (uint64_t v = 1; v <= 300; v++)
        assert_ok(submit(b, 1, v, v));
    assert_ok(hal_timeline_wait(b->after, 300, SOON));
    pthread_join(thread, NULL);
    assert_int_equal(fake.n_order, 300);
}

static _Atomic bool deliver;

/* A device's own thread: completes whatever comes, often before submit has returned. */
static void *deliverer(void *argument)
{
    (void)argument;
    while (atomic_load(&deliver)) {
        void *completion = atomic_exchange(&fake.mailbox, NULL);
        if (completion != NULL)
            fake.host->complete(fake.host->context, completion, HAL_OK, "");
        else
            sched_yield();
    }
    return NULL;
}

static void *submitter(void *argument)
{
    bench *b = argument;
    hal_timeline *mine = NULL;
    hal_point signal;
    int64_t symbol = 1;
    hal_binding binding = {.buffer = b->buffer};
    hal_submission s = {HAL_HEAD(hal_submission), .program = b->program, .bindings = &binding,
                        .n_bindings = 1,          .symbols = &symbol,    .n_symbols = 1,
                        .signals = &signal,       .n_signals = 1};
    if (hal_timeline_create(hal_device_instance(b->device), &mine) != HAL_OK)
        return b;
    for (uint64_t v = 1; v <= 500; v++) {
        signal = (hal_point){mine, v};
        if (hal_queue_submit(b->queue, &s) != HAL_OK ||
            (v % 8 == 0 && hal_timeline_wait(mine, v, SOON) != HAL_OK))
            return b;
    }
    hal_status last = hal_timeline_wait(mine, 500, SOON);
    hal_timeline_release(mine);
    return last == HAL_OK ? NULL : b;
}

static void completions_race_with_submission(void **state)
{
    bench *b = *state;
    pthread_t worker, threads[2];
    void *failed;
    fake.async = true;
    atomic_store(&deliver, true);
    assert_int_equal(pthread_create(&worker, NULL, deliverer, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submitter, b), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    atomic_store(&deliver, false);
    pthread_join(worker, NULL);
    assert_int_equal(fake.n_order, 1000);
}

static void equal_descriptions_compile_once(void **state)
{
    bench *b = *state;
    tiny_program p = tiny_program_make();
    hal_program *again;
    hal_instance *instance = hal_device_instance(b->device);
    assert_ok(hal_program_compile(b->device, &p, sizeof p, 0, &again)); /* at hand: needs no time */
    assert_ptr_equal(again, b->program);
    assert_int_equal(hal_program_compilations(instance), 1);
    hal_program_release(again);
    p.symbol.max = 999;
    assert_code(hal_program_compile(b->device, &p, sizeof p, 0, &again), DEADLINE_EXCEEDED);
    assert_ok(hal_program_compile(b->device, &p, sizeof p, SOON, &again));
    assert_int_equal(hal_program_compilations(instance), 2);
    hal_program_release(again);
}

/* Every 32-bit word of a description replaced by numbers that hurt: accepted or refused, never followed. */
static void damaged_descriptions_are_harmless(void **state)
{
    static const uint32_t numbers[] = {0xffffffffu, 0x7fffffffu, 0x80000000u, 0xfffffff8u, 1000000u};
    bench *b = *state;
    (void)b;
    for (size_t i = 0; i < sizeof(tiny_program) / 4; i++)
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
            tiny_program p = tiny_program_make();
            memcpy((char *)&p + 4 * i, &numbers[n], 4);
            hal_status s = hal_description_check(&p, sizeof p);
            assert_true(s == HAL_OK || hal_status_last()->text[0] != '\0');
        }
    tiny_program p = tiny_program_make();
    assert_code(hal_description_check(&p, sizeof p - 8), DATA_LOSS);
    assert_code(hal_description_check(NULL, 0), INVALID_ARGUMENT);
}

static void copies_reach_far_memory(void **state)
{
    (void)state;
    hal_device *device = fake_device(true);
    hal_buffer *buffer;
    char out[8] = "";
    void *host;
    assert_ok(hal_buffer_create(device, 16, &buffer));
    assert_code(hal_buffer_map(buffer, &host), FAILED_PRECONDITION);
    assert_ok(hal_buffer_write(buffer, 8, "hello", 6));
    assert_ok(hal_buffer_read(buffer, 8, out, 6));
    assert_string_equal(out, "hello");
    assert_code(hal_buffer_write(buffer, 12, "hello", 6), INVALID_ARGUMENT);
    assert_code(hal_buffer_read(buffer, UINT64_MAX, out, 6), INVALID_ARGUMENT);
    assert_code(hal_buffer_import_host(device, out, 8, &buffer), UNSUPPORTED);
    fake.copy_status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DATA_LOSS);
    assert_code(hal_buffer_read(buffer, 8, out, 6), DATA_LOSS);
    hal_device_release(device);
    hal_buffer_release(buffer);
    assert_int_equal(fake.buffers, 0);
}

static void memory_is_accounted(void **state)
{
    bench *b = *state;
    hal_device_info device;
    hal_memory_info before, during;
    hal_buffer *big = NULL, *none = NULL;
    hal_device_describe(b->device, &device);
    const hal_memory *memory = hal_memory_get(hal_device_instance(b->device), device.memory);
    hal_memory_describe(memory, &before);
    assert_ok(hal_buffer_create(b->device, 1 << 19, &big));
    hal_memory_describe(memory, &during);
    assert_int_equal(before.available - during.available, 1 << 19);
    assert_code(hal_buffer_create(b->device, 1 << 20, &none), OUT_OF_MEMORY);
    assert_null(none);
    assert_non_null(strstr(hal_status_last()->text, "1048576 bytes asked"));
    assert_code(hal_buffer_create(b->device, UINT64_MAX, &none), OUT_OF_MEMORY);
    hal_buffer_release(big);
    hal_memory_describe(memory, &during);
    assert_int_equal(before.available, during.available);
}

#define with_bench(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bench(work_without_waits_runs_at_once),
        with_bench(waits_hold_back_and_order_is_kept),
        with_bench(a_failed_wait_passes_its_cause_on),
        with_bench(a_backend_failure_reaches_the_signal),
        with_bench(a_refused_submission_queues_nothing),
        with_bench(arguments_are_checked),
        with_bench(standing_still_for_ever_is_refused),
        with_bench(buffers_live_until_their_work_is_done),
        with_bench(more_work_than_slots_does_not_block),
        with_bench(loss_fails_everything_with_the_first_cause),
        with_bench(pending_work_is_cancelled_at_the_deadline),
        with_bench(several_threads_may_submit),
        with_bench(completions_race_with_submission),
        with_bench(equal_descriptions_compile_once),
        with_bench(damaged_descriptions_are_harmless),
        cmocka_unit_test(copies_reach_far_memory),
        with_bench(memory_is_accounted),
        with_bench(a_hung_queue_is_quarantined), /* last: what is quarantined stays */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

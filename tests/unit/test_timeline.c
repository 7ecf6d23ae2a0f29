/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.c and futex.c. */
#include "core_test.h"

static hal_instance *instance;

static int setup(void **state)
{
    hal_timeline *t = NULL;
    instance = bare_instance();
    assert_ok(hal_timeline_create(instance, &t));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    hal_timeline_release(*state);
    hal_instance_release(instance);
    return 0;
}

static void values_only_rise(void **state)
{
    hal_timeline *t = *state;
    assert_ok(hal_timeline_signal(t, 3));
    assert_int_equal(hal_timeline_value(t), 3);
    assert_code(hal_timeline_signal(t, 3), INVALID_ARGUMENT);
    assert_code(hal_timeline_signal(t, 1), INVALID_ARGUMENT);
    assert_ok(hal_timeline_wait(t, 3, 0));
    assert_ok(hal_timeline_wait(t, 0, 0));
}

static void waiting_ends_at_the_deadline(void **state)
{
    hal_timeline *t = *state;
    assert_code(hal_timeline_wait(t, 1, 0), DEADLINE_EXCEEDED);
    int64_t deadline = hal_deadline_ms(20);
    assert_code(hal_timeline_wait(t, 1, deadline), DEADLINE_EXCEEDED);
    assert_true(hal_time_now() >= deadline);
}

static void failure_is_permanent_and_keeps_the_first_cause(void **state)
{
    hal_timeline *t = *state;
    hal_status first = HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_DATA_LOSS);
    char text[] = "first";
    assert_ok(hal_timeline_signal(t, 1));
    hal_timeline_fail(t, 5, first, text);
    text[0] = 'X'; /* the text was copied */
    hal_timeline_fail(t, 3, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), "second");
    assert_int_equal(hal_timeline_wait(t, 5, 0), first);
    assert_string_equal(hal_status_last()->text, "first");
    assert_int_equal(hal_timeline_wait(t, 3, 0), first);
    assert_int_equal(hal_timeline_wait(t, UINT64_MAX - 1, 0), first);
    assert_string_equal(hal_timeline_failure(t), "first");
    assert_ok(hal_timeline_wait(t, 1, 0));
    assert_code(hal_timeline_wait(t, 2, 0), DEADLINE_EXCEEDED);
    assert_ok(hal_timeline_signal(t, 2));
    assert_ok(hal_timeline_wait(t, 2, 0));
}

static void *wait_for_ten(void *timeline)
{
    return (void *)(uintptr_t)hal_timeline_wait(timeline, 10, SOON);
}

static void all_waiters_wake(void **state)
{
    hal_timeline *t = *state;
    pthread_t threads[3];
    void *answer;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_ten, t), 0);
    for (uint64_t v = 1; v <= 10; v++)
        assert_ok(hal_timeline_signal(t, v));
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &answer);
        assert_ptr_equal(answer, NULL);
    }
}

static void failure_wakes_waiters(void **state)
{
    hal_timeline *t = *state;
    pthread_t thread;
    void *answer;
    hal_status cause = HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_ten, t), 0);
    hal_timeline_fail(t, 1, cause, "gone");
    pthread_join(thread, &answer);
    assert_int_equal((hal_status)(uintptr_t)answer, cause);
}

static void *ping(void *pair)
{
    hal_timeline **t = pair;
    for (uint64_t v = 1; v <= 500; v++)
        if (hal_timeline_wait(t[0], v, SOON) != HAL_OK || hal_timeline_signal(t[1], v) != HAL_OK)
            return pair;
    return NULL;
}

static void no_wake_is_lost(void **state)
{
    hal_timeline *pair[2] = {*state, NULL};
    pthread_t thread;
    void *answer;
    assert_ok(hal_timeline_create(instance, &pair[1]));
    assert_int_equal(pthread_create(&thread, NULL, ping, pair), 0);
    for (uint64_t v = 1; v <= 500; v++) {
        assert_ok(hal_timeline_signal(pair[0], v));
        assert_ok(hal_timeline_wait(pair[1], v, SOON));
    }
    pthread_join(thread, &answer);
    assert_null(answer);
    hal_timeline_release(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_only_rise, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_ends_at_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(failure_is_permanent_and_keeps_the_first_cause, setup, teardown),
        cmocka_unit_test_setup_teardown(all_waiters_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(failure_wakes_waiters, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wake_is_lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

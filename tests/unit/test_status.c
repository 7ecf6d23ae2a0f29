/* SPDX-License-Identifier: Apache-2.0 */
/* status.c, dtype.c, time.c and alloc.c. */
#include "core_test.h"

static void a_status_carries_damage_and_code(void **state)
{
    (void)state;
    hal_status s = HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_CANCELLED);
    assert_int_equal(hal_status_damage(s), HAL_DAMAGE_QUEUE);
    assert_int_equal(hal_status_code(s), HAL_CODE_CANCELLED);
    assert_string_equal(hal_status_name(s), "CANCELLED");
    assert_string_equal(hal_status_name(HAL_OK), "OK");
    assert_string_equal(hal_status_name(9999), "UNKNOWN");
    assert_string_equal(hal_damage_name(HAL_DAMAGE_PROCESS), "process");
    assert_string_equal(hal_damage_name((hal_damage)77), "unknown");
}

static void the_detail_keeps_the_newest_failure(void **state)
{
    (void)state;
    (void)HAL_FAIL(NOT_FOUND, "first %d", 1);
    assert_string_equal(hal_status_last()->text, "first 1");
    (void)HAL_FAIL(IO, "second after: %s", hal_status_last()->text);
    assert_string_equal(hal_status_last()->text, "second after: first 1");
    assert_code(hal_status_last()->status, IO);
    assert_int_equal(hal_status_last()->vendor_code, 0);
    assert_non_null(strstr(hal_status_last()->file, "test_status.c"));
}

static void long_texts_are_cut_and_end(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)HAL_FAIL(IO, "%s", text);
    assert_int_equal(strlen(hal_status_last()->text), 1023);
}

static void *other_thread(void *argument)
{
    (void)argument;
    (void)HAL_FAIL(CANCELLED, "elsewhere");
    return NULL;
}

static void each_thread_has_its_own_detail(void **state)
{
    (void)state;
    pthread_t thread;
    (void)HAL_FAIL(NOT_FOUND, "here");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(hal_status_last()->text, "here");
}

static void dtypes_are_found_by_name_and_number(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < HAL_DTYPE_COUNT; i++) {
        const hal_dtype_info *info = hal_dtype_describe((hal_dtype)i);
        if (info != NULL)
            assert_int_equal(hal_dtype_find(info->name), i);
    }
    assert_int_equal(hal_dtype_describe(HAL_Q4_0)->block_bytes, 18);
    assert_int_equal(hal_dtype_find("q4_k"), HAL_Q4_K);
    assert_int_equal(hal_dtype_find("float"), HAL_NO_DTYPE);
    assert_int_equal(hal_dtype_find(NULL), HAL_NO_DTYPE);
    assert_null(hal_dtype_describe(HAL_NO_DTYPE));
    assert_null(hal_dtype_describe((hal_dtype)-1));
}

static void deadlines_saturate(void **state)
{
    (void)state;
    int64_t now = hal_time_now();
    assert_true(hal_deadline_ms(1000) >= now + 1000000000);
    assert_true(hal_deadline_ms(INT64_MAX) == INT64_MAX);
    assert_true(hal_deadline_ms(INT64_MIN) == 0);
}

static void allocations_are_zeroed_aligned_and_checked(void **state)
{
    (void)state;
    unsigned char *p = hal_allocate(NULL, 200);
    assert_int_equal((uintptr_t)p % 64, 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(p[i], 0);
    hal_deallocate(NULL, p);
    assert_null(hal_allocate_array(NULL, SIZE_MAX / 2, 3));
    assert_code(hal_status_last()->status, OUT_OF_MEMORY);
}

static void growth_keeps_content(void **state)
{
    (void)state;
    uint32_t capacity = 0, *items = NULL;
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(hal_array_grow(NULL, (void **)&items, i, &capacity, sizeof *items));
        items[i] = i * i;
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(items[i], i * i);
    hal_deallocate(NULL, items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_carries_damage_and_code),
        cmocka_unit_test(the_detail_keeps_the_newest_failure),
        cmocka_unit_test(long_texts_are_cut_and_end),
        cmocka_unit_test(each_thread_has_its_own_detail),
        cmocka_unit_test(dtypes_are_found_by_name_and_number),
        cmocka_unit_test(deadlines_saturate),
        cmocka_unit_test(allocations_are_zeroed_aligned_and_checked),
        cmocka_unit_test(growth_keeps_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.c */
#include "core_test.h"

static const int64_t shape[3] = {2, 3, 5};

static void contiguous_strides_are_bytes(void **state)
{
    (void)state;
    char byte;
    hal_tensor t = hal_tensor_host(&byte, HAL_F32, 3, shape);
    assert_int_equal(t.stride[0], 60);
    assert_int_equal(t.stride[1], 20);
    assert_int_equal(t.stride[2], 4);
    assert_int_equal(hal_tensor_elements(&t), 30);
    assert_ok(hal_tensor_validate(&t));
    t = hal_tensor_host(&byte, HAL_F32, 0, NULL);
    assert_int_equal(hal_tensor_elements(&t), 1);
}

static void block_types_stride_by_blocks(void **state)
{
    (void)state;
    char byte;
    const int64_t size[2] = {4, 64};
    hal_tensor t = hal_tensor_host(&byte, HAL_Q4_0, 2, size);
    uint64_t bytes;
    assert_int_equal(t.stride[1], 18);
    assert_int_equal(t.stride[0], 36);
    assert_ok(hal_tensor_bytes(HAL_Q4_0, 2, size, &bytes));
    assert_int_equal(bytes, 4 * 36);
}

static void bytes_are_checked_for_overflow(void **state)
{
    (void)state;
    uint64_t bytes = 7;
    const int64_t huge[3] = {INT64_MAX, 4, 4}, empty[3] = {INT64_MAX, 0, INT64_MAX}, negative[1] = {-1};
    assert_code(hal_tensor_bytes(HAL_F32, 3, huge, &bytes), INVALID_ARGUMENT);
    assert_code(hal_tensor_bytes(HAL_F32, 1, negative, &bytes), INVALID_ARGUMENT);
    assert_code(hal_tensor_bytes(HAL_NO_DTYPE, 1, shape, &bytes), INVALID_ARGUMENT);
    assert_code(hal_tensor_bytes(HAL_F32, 9, shape, &bytes), INVALID_ARGUMENT);
    assert_int_equal(bytes, 7); /* untouched by failures */
    assert_ok(hal_tensor_bytes(HAL_F32, 3, empty, &bytes));
    assert_int_equal(bytes, 0);
    assert_ok(hal_tensor_bytes(HAL_F64, 0, NULL, &bytes));
    assert_int_equal(bytes, 8);
}

static void a_view_must_lie_inside_its_buffer(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_buffer *buffer;
    assert_ok(hal_buffer_create(device, 120, &buffer));
    hal_tensor t = hal_tensor_buffer(buffer, 0, HAL_F32, 3, shape);
    assert_ok(hal_tensor_validate(&t));
    t.offset = 4;
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
    t = hal_tensor_buffer(buffer, 116, HAL_F32, 3, shape);
    for (int d = 0; d < 3; d++)
        t.stride[d] = -t.stride[d];
    assert_ok(hal_tensor_validate(&t)); /* backwards from the last element */
    t.offset = 112;
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
    t.stride[0] = INT64_MAX;
    t.size[0] = INT64_MAX;
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
    hal_buffer_release(buffer);
    hal_device_release(device);
}

static void one_place_exactly(void **state)
{
    (void)state;
    char byte;
    hal_tensor t = hal_tensor_host(&byte, HAL_F32, 3, shape);
    t.buffer = (hal_buffer *)&byte;
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
    t.buffer = NULL;
    t.host = NULL;
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
}

static void broadcast_and_empty_views_are_fine(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_buffer *buffer;
    assert_ok(hal_buffer_create(device, 4, &buffer));
    hal_tensor t = hal_tensor_buffer(buffer, 0, HAL_F32, 3, shape);
    assert_code(hal_tensor_validate(&t), INVALID_ARGUMENT);
    memset(t.stride, 0, sizeof t.stride);
    assert_ok(hal_tensor_validate(&t));
    t = hal_tensor_buffer(buffer, 4, HAL_F32, 3, shape);
    t.size[1] = 0;
    assert_ok(hal_tensor_validate(&t));
    hal_buffer_release(buffer);
    hal_device_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contiguous_strides_are_bytes),
        cmocka_unit_test(block_types_stride_by_blocks),
        cmocka_unit_test(bytes_are_checked_for_overflow),
        cmocka_unit_test(a_view_must_lie_inside_its_buffer),
        cmocka_unit_test(one_place_exactly),
        cmocka_unit_test(broadcast_and_empty_views_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

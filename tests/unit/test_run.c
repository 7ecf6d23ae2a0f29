/* SPDX-License-Identifier: Apache-2.0 */
#include "sched_test.h"

#include <pthread.h>

static hal_device *device_of(hal_instance *i)
{
    hal_device *device;
    OK(hal_device_find(i, sched_device(), &device));
    return device;
}

static void drop(hal_instance *i, hal_device *d)
{
    hal_device_release(d);
    hal_instance_release(i);
}

static void ops_run_and_are_compiled_once(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    float x[6] = {1, 2, 3, 4, 5, 6}, y[6];
    hal_tensor in = sched_tensor(x, 2, 3), out = sched_tensor(y, 3, 2);
    const hal_attr perm = {"perm", .list = (const int64_t[]){1, 0}, .n = 2};
    OK(hal_run(d, "transpose", &perm, 1, &in, 1, &out, 1, SOON));
    uint64_t compiled = hal_program_compilations(i);
    for (uint32_t k = 0; k < 10; k++)
        OK(hal_run(d, "transpose", &perm, 1, &in, 1, &out, 1, SOON));
    assert_int_equal(hal_program_compilations(i), compiled);
    assert_memory_equal(y, ((float[]){1, 4, 2, 5, 3, 6}), sizeof y);
    drop(i, d);
}

/* Backwards, every other element, and repeated. */
static void strides_of_any_kind(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    float x[6] = {1, 2, 3, 4, 5, 6}, y[3];
    hal_tensor in = sched_tensor(x, 3, 0), out = sched_tensor(y, 3, 0);
    in.stride[0] = -8;
    in.offset = 20;
    OK(hal_run(d, "copy", NULL, 0, &in, 1, &out, 1, SOON));
    assert_memory_equal(y, ((float[]){6, 4, 2}), sizeof y);
    in.stride[0] = 0;
    OK(hal_run(d, "copy", NULL, 0, &in, 1, &out, 1, SOON));
    assert_memory_equal(y, ((float[]){6, 6, 6}), sizeof y);
    drop(i, d);
}

static void buffers_and_empty_tensors(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    hal_buffer *buffer;
    float x[4] = {1, 2, 3, 4}, y[4];
    OK(hal_buffer_create(d, 64, &buffer));
    OK(hal_buffer_write(buffer, 16, x, sizeof x));
    hal_tensor in = hal_tensor_buffer(buffer, 16, HAL_F32, 1, (const int64_t[]){4});
    hal_tensor out = hal_tensor_buffer(buffer, 32, HAL_F32, 1, (const int64_t[]){4});
    const hal_attr expr = {"expr", .s = "mul(x0, x0)"};
    OK(hal_run(d, "pointwise", &expr, 1, &in, 1, &out, 1, SOON));
    OK(hal_buffer_read(buffer, 32, y, sizeof y));
    assert_memory_equal(y, ((float[]){1, 4, 9, 16}), sizeof y);
    in.offset = 60;
    FAILS(hal_run(d, "pointwise", &expr, 1, &in, 1, &out, 1, SOON), INVALID_ARGUMENT, "");
    hal_tensor none = sched_tensor(NULL, 0, 4);
    OK(hal_run(d, "softmax", NULL, 0, &none, 1, &none, 1, SOON));
    hal_buffer_release(buffer);
    drop(i, d);
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    float x[6] = {0}, y[6];
    hal_tensor in = sched_tensor(x, 2, 3), out = sched_tensor(y, 2, 3), wrong = sched_tensor(y, 3, 2);
    FAILS(hal_run(d, "softmx", NULL, 0, &in, 1, &out, 1, SOON), NOT_FOUND, "softmax");
    FAILS(hal_run(d, "softmax", NULL, 0, &in, 1, &wrong, 1, SOON), INVALID_ARGUMENT, "axis 0");
    FAILS(hal_run(d, "softmax", NULL, 0, &in, 0, &out, 1, SOON), INVALID_ARGUMENT, "inputs");
    const hal_attr axis = {"axis", .i = 99}, unknown = {"colour", .i = 1};
    FAILS(hal_run(d, "slice", &axis, 1, &in, 1, &out, 1, SOON), INVALID_ARGUMENT, "axis");
    FAILS(hal_run(d, "softmax", &unknown, 1, &in, 1, &out, 1, SOON), INVALID_ARGUMENT, "colour");
    in.dtype = (hal_dtype)9999;
    FAILS(hal_run(d, "softmax", NULL, 0, &in, 1, &out, 1, SOON), INVALID_ARGUMENT, "9999");
    in = out;
    in.rank = 99;
    FAILS(hal_run(d, "softmax", NULL, 0, &in, 1, &out, 1, SOON), INVALID_ARGUMENT, "99");
    drop(i, d);
}

/* A device that runs primitives only gets the composite in parts. */
static void composites_are_decomposed(void **state)
{
    (void)state;
    float x[8] = {1, 2, 3, 4, -1, -2, 0.5f, 7}, whole[8], parts[8];
    hal_tensor in = sched_tensor(x, 2, 4), out = sched_tensor(whole, 2, 4);
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    OK(hal_run(d, "log_softmax", NULL, 0, &in, 1, &out, 1, SOON));
    drop(i, d);
    setenv("HAL_CPU_PRIMITIVES", "1", 1);
    i = sched_instance(sched_device());
    d = device_of(i);
    out.host = parts;
    for (uint32_t k = 0; k < 3; k++)
        OK(hal_run(d, "log_softmax", NULL, 0, &in, 1, &out, 1, SOON));
    unsetenv("HAL_CPU_PRIMITIVES");
    for (uint32_t k = 0; k < 8; k++)
        assert_float_equal(whole[k], parts[k], 1e-5);
    drop(i, d);
}

static void *hammer(void *argument)
{
    hal_device *d = argument;
    float x[16], y[16];
    for (uint32_t k = 0; k < 200; k++) {
        int64_t n = 1 + k % 16;
        for (int64_t j = 0; j < n; j++)
            x[j] = (float)(k + j);
        hal_tensor in = sched_tensor(x, n, 0), out = sched_tensor(y, n, 0);
        const hal_attr expr = {"expr", .s = "add(x0, x0)"};
        if (hal_run(d, "pointwise", &expr, 1, &in, 1, &out, 1, SOON) != HAL_OK)
            return d;
        for (int64_t j = 0; j < n; j++)
            if (y[j] < 2 * x[j] || y[j] > 2 * x[j])
                return d;
    }
    return NULL;
}

static void threads_share_the_cache(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_device *d = device_of(i);
    pthread_t threads[4];
    for (uint32_t t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, hammer, d), 0);
    for (uint32_t t = 0; t < 4; t++) {
        void *failed;
        pthread_join(threads[t], &failed);
        assert_null(failed);
    }
    drop(i, d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_run_and_are_compiled_once), cmocka_unit_test(strides_of_any_kind),
        cmocka_unit_test(buffers_and_empty_tensors),     cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(composites_are_decomposed),     cmocka_unit_test(threads_share_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A user's program: built with nothing but what pkg-config says, against the installed tree. */
#include <hal/graph.h>
#include <hal/hal.h>
#include <hal/ops.h>
#include <hal/plan.h>

#include <math.h>
#include <stdio.h>

static hal_status multiply(hal_device *device, float *product)
{
    static float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8};
    const int64_t size[2] = {2, 2};
    const hal_tensor in[2] = {hal_tensor_host(a, HAL_F32, 2, size), hal_tensor_host(b, HAL_F32, 2, size)};
    const hal_tensor out = hal_tensor_host(product, HAL_F32, 2, size);
    return hal_run(device, "matmul", NULL, 0, in, 2, &out, 1, hal_deadline_ms(10000));
}

static hal_status use_cpu(hal_instance *hal)
{
    static const float expected[4] = {19, 22, 43, 50};
    float product[4] = {NAN, NAN, NAN, NAN};
    hal_device *cpu;
    HAL_TRY(hal_device_find(hal, "cpu0", &cpu));
    hal_status status = multiply(cpu, product);
    hal_device_release(cpu);
    HAL_TRY(status);
    for (int i = 0; i < 4; i++)
        if (product[i] != expected[i])
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL);
    return HAL_OK;
}

/* The device of the small backend that was built beside this program. */
static hal_status use_small(hal_instance *hal)
{
    hal_device *device;
    hal_buffer *buffer;
    char text[6] = "";
    HAL_TRY(hal_device_find(hal, "small0", &device));
    hal_status status = hal_buffer_create(device, 4096, &buffer);
    hal_device_release(device);
    HAL_TRY(status);
    status = hal_buffer_write(buffer, 7, "hello", 6);
    if (status == HAL_OK)
        status = hal_buffer_read(buffer, 7, text, 6);
    hal_buffer_release(buffer);
    HAL_TRY(status);
    return text[0] == 'h' && text[4] == 'o' ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DATA_LOSS);
}

static int report(const char *what, hal_status status)
{
    if (status == HAL_OK)
        return 0;
    fprintf(stderr, "%s: %s: %s\n", what, hal_status_name(status), hal_status_last()->text);
    return 1;
}

int main(void)
{
    hal_instance *hal;
    if (report("instance", hal_instance_create(NULL, &hal)))
        return 1;
    for (uint32_t i = 0; i < hal_instance_report_count(hal); i++) {
        const hal_load_entry *entry = hal_instance_report(hal, i);
        printf("%s: %s %s\n", entry->path, hal_status_name(entry->status), entry->text);
    }
    int failed = report("cpu0", use_cpu(hal)) + report("small0", use_small(hal));
    hal_instance_release(hal);
    printf("%d passed, %d failed\n", 2 - failed, failed);
    return failed != 0;
}

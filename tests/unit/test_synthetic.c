/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions in a line, and what is supplied to a description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hal/hal.h"
#include "hal/topology.h"

static hal_status describe(const char *input, const char *line, hal_topology **topology)
{
    const char *const lines[] = {line, NULL};
    const hal_topology_options options = {.head = {sizeof options, 0}, .input = input, .supplied = lines};
    return hal_topology_create(&options, topology);
}

static hal_topology *described(const char *input, const char *line)
{
    hal_topology *t = NULL;
    if (describe(input, line, &t) != HAL_OK)
        fail_msg("%s: %s", input, hal_status_last()->text);
    return t;
}

static uint32_t count(const hal_topology *t, hal_device_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < hal_topology_device_count(t); i++)
        n += hal_topology_device_at(t, i)->kind == (uint32_t)kind;
    return n;
}

static const hal_topology_device *device(const hal_topology *t, const char *name)
{
    const hal_topology_device *d = hal_topology_device_at(t, hal_topology_device_find(t, name));
    if (d == NULL)
        fail_msg("there is no %s", name);
    return d;
}

/* The link of that kind from one device to another, or NULL. */
static const hal_topology_link *link_between(const hal_topology *t, const char *from, const char *to,
                                             const char *kind)
{
    for (uint32_t i = 0; i < hal_topology_link_count(t); i++) {
        const hal_topology_link *l = hal_topology_link_at(t, i);
        if (strcmp(l->kind, kind) == 0 && l->from.kind == HAL_END_DEVICE && l->to.kind == HAL_END_DEVICE &&
            l->from.index == hal_topology_device_find(t, from) &&
            l->to.index == hal_topology_device_find(t, to))
            return l;
    }
    return NULL;
}

static void a_line_describes_a_machine(void **state)
{
    (void)state;
    hal_topology *t = described("socket:2 gpu:4@nvlink npu:1", NULL);
    assert_int_equal(count(t, HAL_DEVICE_CPU), 2);
    assert_int_equal(count(t, HAL_DEVICE_GPU), 4);
    assert_int_equal(count(t, HAL_DEVICE_NPU), 1);
    assert_int_equal(count(t, HAL_DEVICE_SWITCH), 0);
    assert_int_equal(device(t, "gpu1")->numa, 0);
    assert_int_equal(device(t, "gpu2")->numa, 1);
    assert_string_equal(device(t, "gpu0")->name, "");
    assert_int_equal(device(t, "gpu0")->n_memories, 0);
    const hal_topology_link *l = link_between(t, "gpu0", "gpu3", "nvlink");
    assert_non_null(l);
    assert_int_equal(l->bandwidth.source, HAL_SOURCE_UNKNOWN);
    assert_int_equal(hal_topology_host_of(t)->offline, 1);
    assert_string_equal(hal_topology_host_of(t)->origin, "socket:2 gpu:4@nvlink npu:1");
    hal_topology_release(t);
}

static void figures_come_from_the_shelf(void **state)
{
    (void)state;
    hal_topology *t = described(
        "socket:2=xeon-8480 numa:2 core:56 memory:128GiB gpu:8=h100-sxm@nvlink4@pcie5 nic:8@ib-ndr", NULL);
    const hal_topology_device *gpu = device(t, "gpu5"), *cpu = device(t, "cpu1");
    assert_string_equal(gpu->name, "H100 SXM 80GB");
    const hal_topology_memory *m = hal_topology_memory_at(t, gpu->memories[0]);
    assert_true(m->capacity.value == 80.0 * 1073741824.0);
    assert_int_equal(m->capacity.source, HAL_SOURCE_VENDOR);
    assert_true(m->bandwidth.value == 3350e9);
    assert_int_equal(cpu->n_memories, 2);
    assert_int_equal(cpu->cores, 56);
    assert_true(hal_topology_memory_at(t, cpu->memories[1])->capacity.value == 128.0 * 1073741824.0);
    assert_int_equal(count(t, HAL_DEVICE_SWITCH), 1);
    const hal_topology_link *l = link_between(t, "gpu5", "switch0", "nvlink");
    assert_non_null(l);
    assert_true(l->bandwidth.value == 450e9);
    l = link_between(t, "gpu5", "gpu0", "nvlink");
    assert_non_null(l);
    assert_true(l->bandwidth.value == 450e9);
    assert_int_equal(l->hops, 2);
    assert_string_equal(l->via, "switch");
    hal_topology_release(t);
}

static void pods_hold_racks_hold_nodes(void **state)
{
    (void)state;
    hal_topology *t = described("pod:2 rack:2 node:3@roce-200 socket:1 npu:4=910b@hccs-910b", NULL);
    assert_int_equal(count(t, HAL_DEVICE_NPU), 48);
    assert_string_equal(device(t, "npu47")->id, "npu:node11/3");
    assert_non_null(link_between(t, "npu4", "npu7", "hccs"));
    assert_null(link_between(t, "npu3", "npu4", "hccs"));
    uint32_t machines = 0, groups = 0;
    for (uint32_t i = 0; i < hal_topology_place_count(t); i++) {
        machines += hal_topology_place_at(t, i)->kind == HAL_PLACE_MACHINE;
        groups += hal_topology_place_at(t, i)->kind == HAL_PLACE_GROUP;
    }
    assert_int_equal(machines, 12);
    assert_int_equal(groups, 7);
    hal_topology_release(t);
}

static void what_is_supplied_fills_what_is_missing(void **state)
{
    (void)state;
    hal_topology *t = described("socket:1 gpu:4@nvlink", "gpu.*=a100-sxm-80@nvlink3");
    const hal_topology_link *l = link_between(t, "gpu0", "gpu1", "nvlink");
    assert_true(l->bandwidth.value == 100e9);
    assert_int_equal(l->generation, 3);
    assert_string_equal(device(t, "gpu3")->name, "A100 SXM 80GB");
    hal_topology_release(t);
    t = described("socket:1 gpu:4=l40s", "gpu[01]=a100-sxm-80@nvlink3");
    assert_string_equal(device(t, "gpu0")->name, "L40S");
    l = link_between(t, "gpu0", "gpu1", "nvlink");
    assert_true(l->bandwidth.value == 300e9);
    assert_null(link_between(t, "gpu0", "gpu2", "nvlink"));
    hal_topology_release(t);
    assert_int_equal(hal_status_code(describe("socket:1 gpu:4", "npu=910b", &t)), HAL_CODE_NOT_FOUND);
    assert_int_equal(hal_status_code(describe("socket:1 gpu:4", "gpu0=teapot", &t)),
                     HAL_CODE_INVALID_ARGUMENT);
    assert_int_equal(hal_status_code(describe("socket:1 gpu:4", "gpu(=l40s", &t)), HAL_CODE_INVALID_ARGUMENT);
}

static void nonsense_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"socket:x", "socket:x: No such file"},
        {"gpu:0", "at \"gpu:0\": expected a count from 1 to 1024"},
        {"gpu:99999999999999999999", "expected a count"},
        {"socket:2 cat:3", "at \"cat:3\""},
        {"socket:2 socket:2", "stands twice"},
        {"gpu:2=teapot", "device \"teapot\" is not on the shelf"},
        {"gpu:2@string", "link \"string\" is not on the shelf"},
        {"gpu:2@nvlink@pcie5@xgmi", "no third one"},
        {"numa:2=l40s", "no device"},
        {"memory:1Q gpu:1", "expected a size"},
        {"core:4", "neither a socket nor a device"},
        {"node:4096 gpu:1024", "objects are not described"},
        {"gpu:1000@hccs", "need a switch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hal_topology *t = NULL;
        assert_int_not_equal(describe(cases[i].text, NULL, &t), HAL_OK);
        assert_null(t);
        if (strstr(hal_status_last()->text, cases[i].words) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", hal_status_last()->text, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_describes_a_machine),
        cmocka_unit_test(figures_come_from_the_shelf),
        cmocka_unit_test(pods_hold_racks_hold_nodes),
        cmocka_unit_test(what_is_supplied_fills_what_is_missing),
        cmocka_unit_test(nonsense_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

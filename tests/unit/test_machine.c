/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: what an instance takes from the description of its machine, here of recorded ones. */
#include "plugin_test.h"

#include <hal/plan.h>
#include <hal/topology.h>

/* The next description is of that one of tests/machines. */
static void describe_instead(const char *tree)
{
    static char path[1024];
    const char *source = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/machines/%s.tree", source != NULL ? source : ".", tree);
    if (access(path, R_OK) != 0)
        skip();
    hal_machine_input = path;
}

/* An instance of it, without any plugin. */
static hal_instance *instance_of(const char *tree)
{
    describe_instead(tree);
    return bare_instance();
}

static int forget(void **state)
{
    (void)state;
    hal_machine_input = NULL;
    return 0;
}

/* The device of that alias, which hal_device_find refuses to give. */
static hal_device *listed(hal_instance *instance, const char *alias)
{
    for (uint32_t i = 0; i < hal_device_count(instance); i++) {
        hal_device *device;
        assert_ok(hal_device_get(instance, i, &device));
        if (strcmp(hal_device_alias(device), alias) == 0)
            return device;
        hal_device_release(device);
    }
    fail_msg("%s is not in the list", alias);
    return NULL;
}

/* The last error says all of these words. */
static void assert_says(const char *a, const char *b, const char *c)
{
    const char *text = hal_status_last()->text, *const words[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        if (strstr(text, words[i]) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", text, words[i]);
}

static void devices_that_no_backend_claims_are_listed(void **state)
{
    (void)state;
    static const char *const aliases[] = {"gpu0", "gpu1", "gpu2", "gpu3"};
    hal_instance *instance = instance_of("container-3-of-4");
    assert_int_equal(hal_device_count(instance), 4); /* neither processors nor switches */
    for (uint32_t i = 0; i < 4; i++) {
        hal_device *device;
        hal_device_info info;
        assert_ok(hal_device_get(instance, i, &device));
        hal_device_describe(device, &info);
        assert_string_equal(info.alias, aliases[i]);
        assert_int_equal(info.id.local, i);
        assert_int_equal(info.state, HAL_DEVICE_ABSENT);
        assert_string_equal(info.backend, "");
        assert_non_null(strstr(info.name, "H100"));
        assert_true(info.memory >= hal_memory_count(instance));
        assert_string_not_equal(info.reason, "");
        assert_int_equal(strncmp(info.reason, "D402: ", 6) == 0, i == 3);
        assert_int_equal(strncmp(info.reason, "no backend of hal claims it", 27) == 0, i != 3);
        hal_device_release(device);
    }
    hal_instance_release(instance);
}

static void families_without_a_backend_say_so(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("mi300x-8");
    hal_device *device;
    hal_device_info info;
    assert_ok(hal_device_get(instance, 0, &device));
    hal_device_describe(device, &info);
    assert_int_equal(info.state, HAL_DEVICE_ABSENT);
    assert_int_equal(strncmp(info.reason, "D1001: ", 7), 0);
    hal_device_release(device);
    hal_instance_release(instance);
}

static void finding_an_absent_one_says_why(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_device *device = NULL;
    assert_code(hal_device_find(instance, "gpu3", &device), UNAVAILABLE);
    assert_says("gpu3", "0000:e3:00.0", "D402");
    assert_says("H100", "hal-info doctor gpu3", "absent");
    assert_code(hal_device_find(instance, "gpu0", &device), UNAVAILABLE);
    assert_says("gpu0", "no backend", "hal-info doctor gpu0");
    assert_null(device);
    hal_instance_release(instance);
}

static void what_is_not_there_names_what_is_absent(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_device *device = NULL;
    assert_code(hal_device_find(instance, "gpu77", &device), NOT_FOUND);
    assert_says("\"gpu77\"", "present: none", "absent: gpu3: D402: "); /* not the first, which is whole */
    hal_instance_release(instance);
    instance = instance_of("empty");
    assert_code(hal_device_find(instance, "gpu77", &device), NOT_FOUND);
    assert_null(strstr(hal_status_last()->text, "absent"));
    assert_null(device);
    hal_instance_release(instance);
}

/* Each way that a device can be used, on one that is absent. */
static void every_use_is_refused(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_device *device = listed(instance, "gpu3");
    const tiny_program program = tiny_program_make();
    const int64_t four = 4;
    float data[4] = {1, 2, 3, 4}, result[4];
    const hal_tensor in = hal_tensor_host(data, HAL_F32, 1, &four);
    const hal_tensor out = hal_tensor_host(result, HAL_F32, 1, &four);
    hal_support_answer answers[1];
    hal_layout_answer layout;
    hal_buffer *buffer = NULL;
    hal_queue *queue = NULL;
    hal_program *compiled = NULL;
    void *opened = NULL;
    assert_code(hal_device_activate(device, &opened), UNAVAILABLE);
    assert_says("gpu3", "D402", "hal-info doctor");
    assert_code(hal_buffer_create(device, 64, &buffer), UNAVAILABLE);
    assert_code(hal_buffer_import_host(device, data, sizeof data, &buffer), UNAVAILABLE);
    assert_code(hal_queue_create(device, &queue), UNAVAILABLE);
    assert_code(hal_device_queue(device, &queue), UNAVAILABLE);
    assert_code(hal_program_compile(device, &program, sizeof program, SOON, &compiled), UNAVAILABLE);
    assert_code(hal_device_support(device, &program.head, answers), UNAVAILABLE);
    assert_code(hal_device_layout(device, &program.head, 0, 0, &layout), UNAVAILABLE);
    assert_code(hal_run(device, "copy", NULL, 0, &in, 1, &out, 1, SOON), UNAVAILABLE);
    assert_says("gpu3", "D402", "hal-info doctor");
    assert_true(buffer == NULL && queue == NULL && compiled == NULL && opened == NULL);
    hal_device_release(device);
    hal_instance_release(instance);
}

static void no_plan_is_made_for_one(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    const char *name = "gpu3";
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &name, .n_devices = 1};
    const hal_dim size = hal_dim_constant(4);
    hal_graph *graph;
    hal_plan *plan = NULL;
    assert_ok(hal_graph_create(NULL, &graph));
    const hal_value x = hal_graph_input(graph, "x", HAL_F32, 1, &size);
    assert_ok(hal_graph_output(graph, hal_graph_add(graph, x, x)));
    assert_ok(hal_graph_status(graph));
    assert_code(hal_plan_create(instance, graph, &options, &plan), UNAVAILABLE);
    assert_says("gpu3", "D402", "hal-info doctor");
    assert_null(plan);
    hal_graph_release(graph);
    hal_instance_release(instance);
}

static void memories_are_those_of_the_machine(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_topology *topology;
    assert_int_equal(hal_memory_count(instance), 2);
    assert_ok(hal_instance_topology(instance, &topology));
    for (uint32_t i = 0; i < 2; i++) {
        hal_memory_info info;
        char name[16];
        snprintf(name, sizeof name, "numa%u", i);
        hal_memory_describe(hal_memory_get(instance, i), &info);
        const hal_topology_memory *told = hal_topology_memory_at(topology, i);
        assert_string_equal(info.name, name);
        assert_string_equal(told->id, name);
        assert_true(info.capacity > 270000000000 && info.capacity == (uint64_t)told->capacity.value);
        assert_true(info.host_access && info.available <= info.capacity);
    }
    hal_topology_release(topology);
    hal_instance_release(instance);
}

/* Of a recorded machine: its group may have 8 GiB, of which it uses 100 MiB. */
static void what_is_left_is_what_the_group_leaves(void **state)
{
    (void)state;
    hal_memory_info info;
    hal_instance *instance = instance_of("cgroup-2-of-64");
    hal_memory_describe(hal_memory_get(instance, 0), &info);
    assert_int_equal(info.available, (8ull << 30) - (100ull << 20));
    hal_instance_release(instance);
}

static void the_description_outlives_its_instance(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_topology *first, *second;
    assert_ok(hal_instance_topology(instance, &first));
    assert_ok(hal_instance_topology(instance, &second));
    assert_ptr_equal(first, second);
    hal_topology_release(first);
    hal_instance_release(instance);
    assert_int_not_equal(hal_topology_device_find(second, "gpu3"), HAL_NOWHERE);
    hal_topology_release(second);
}

/* Names of devices stay: they are not those of a description that somebody let go. */
static void an_instance_outlives_its_description(void **state)
{
    (void)state;
    hal_instance *instance = instance_of("container-3-of-4");
    hal_topology *topology;
    hal_device_info info;
    assert_ok(hal_instance_topology(instance, &topology));
    hal_device *device = listed(instance, "gpu3");
    hal_topology_release(topology);
    hal_instance_release(instance);
    hal_device_describe(device, &info);
    assert_string_equal(info.alias, "gpu3");
    void *opened;
    assert_code(hal_device_activate(device, &opened), UNAVAILABLE);
    hal_device_release(device);
}

/* What a backend has claimed is its, and not a second time absent. */
static void an_alias_belongs_to_the_backend_first(void **state)
{
    (void)state;
    describe_instead("empty");
    hal_device *device = fake_device(false), *found = NULL;
    hal_instance *instance = hal_device_instance(device);
    hal_device_record record = device->record;
    snprintf(record.alias, sizeof record.alias, "gpu");
    assert_ok(hal_device_add(instance, device->loaded, &record, 1));
    describe_instead("container-3-of-4");
    const hal_topology_options options = {HAL_HEAD(hal_topology_options), .input = hal_machine_input};
    hal_topology_release(instance->topology);
    assert_ok(hal_topology_create(&options, &instance->topology));
    assert_ok(hal_machine_add_absent(instance));
    assert_int_equal(hal_device_count(instance), 2 + 3); /* gpu1 to gpu3 */
    assert_ok(hal_device_find(instance, "gpu0", &found));
    assert_string_equal(hal_device_backend(found)->name, "fake");
    hal_device_release(found);
    hal_device_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(devices_that_no_backend_claims_are_listed, forget),
        cmocka_unit_test_teardown(families_without_a_backend_say_so, forget),
        cmocka_unit_test_teardown(finding_an_absent_one_says_why, forget),
        cmocka_unit_test_teardown(what_is_not_there_names_what_is_absent, forget),
        cmocka_unit_test_teardown(every_use_is_refused, forget),
        cmocka_unit_test_teardown(no_plan_is_made_for_one, forget),
        cmocka_unit_test_teardown(memories_are_those_of_the_machine, forget),
        cmocka_unit_test_teardown(what_is_left_is_what_the_group_leaves, forget),
        cmocka_unit_test_teardown(the_description_outlives_its_instance, forget),
        cmocka_unit_test_teardown(an_instance_outlives_its_description, forget),
        cmocka_unit_test_teardown(an_alias_belongs_to_the_backend_first, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

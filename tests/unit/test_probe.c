/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are found in the life of an instance, the routes to one board, and the list they are in. */
#include "core_test.h"

#include <hal/topology.h>

/* A backend that lists what a vendor told it of, the first `shown` of them. */
static uint32_t shown = UINT32_MAX;
static hal_status claim_failure;

static hal_status told_open(const hal_host *host, void **state)
{
    *state = (void *)(uintptr_t)host;
    return HAL_OK;
}

static hal_status told_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    const hal_host *host = state;
    hal_vendor_device devices[16];
    uint32_t n = host->vendor_devices(host->context, "opencl", 16, devices);
    if (claim_failure != HAL_OK)
        return (host->fail)(host->context, claim_failure, 3, "told does not claim");
    n = n < shown ? n : shown;
    for (uint32_t i = 0; i < n && i < capacity; i++) {
        records[i] = (hal_device_record){.alias = "opencl"};
        snprintf(records[i].name, sizeof records[i].name, "%.90s", devices[i].name);
        memcpy(records[i].address, devices[i].address, sizeof records[i].address);
        if (devices[i].kind == HAL_DEVICE_CPU)
            records[i].compute_group = HAL_COMPUTE_GROUP_HOST;
    }
    *count = n;
    return HAL_OK;
}

static void told_driver(void *state, uint32_t index, char *text, size_t size)
{
    (void)state;
    snprintf(text, size, "driver %u.1", index);
}

static hal_backend told_table, other_table;

static hal_loaded *load(hal_instance *instance, const hal_backend *table)
{
    const hal_allocator *a = hal_instance_allocator(instance);
    hal_loaded *loaded = hal_allocate(a, sizeof *loaded);
    assert_non_null(loaded);
    *loaded = (hal_loaded){.instance = instance, .table = table, .index = instance->n_loaded};
    hal_host_fill(loaded);
    assert_true(hal_array_grow(a, (void **)&instance->loaded, instance->n_loaded, &instance->loaded_capacity,
                               sizeof(hal_loaded *)));
    instance->loaded[instance->n_loaded++] = loaded;
    assert_ok(table->open(&loaded->host, &loaded->state));
    return loaded;
}

/* An instance of a machine with three cards and a driver for its processor, of which nothing is claimed yet. */
static hal_instance *answered(void)
{
    static char path[1024];
    const char *source = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/machines/nvlink-2-answered.tree", source != NULL ? source : ".");
    if (access(path, R_OK) != 0)
        skip();
    hal_machine_input = path;
    shown = UINT32_MAX;
    claim_failure = HAL_OK;
    told_table = fake_table;
    told_table.name = "opencl";
    told_table.open = told_open;
    told_table.claim = told_claim;
    told_table.vendors = "opencl";
    told_table.driver = told_driver;
    other_table = told_table;
    other_table.head.size = offsetof(hal_backend, driver); /* from before there was the question */
    other_table.name = "cuda";
    other_table.vendors = NULL;
    return bare_instance();
}

static int forget(void **state)
{
    (void)state;
    hal_machine_input = NULL;
    return 0;
}

static hal_device_info info_of(hal_instance *instance, const char *alias)
{
    hal_device *device = NULL;
    hal_device_info info;
    assert_ok(hal_device_find(instance, alias, &device));
    hal_device_describe(device, &info);
    hal_device_release(device);
    return info;
}

static void assert_driver(hal_instance *instance, const char *alias, const char *expected)
{
    hal_device *device = NULL;
    char text[9] = "before";
    assert_ok(hal_device_find(instance, alias, &device));
    hal_device_driver(device, text, sizeof text);
    assert_string_equal(text, expected);
    hal_device_driver(device, NULL, 0);
    hal_device_release(device);
}

static void backends_are_told_what_was_answered(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    hal_vendor_device d[2];
    assert_int_equal(hal_vendor_devices(instance, "opencl", 2, d), 4);
    assert_string_equal(d[0].address, "0000:65:00.0");
    assert_string_equal(d[0].name, "NVIDIA H100 NVL");
    assert_string_equal(d[0].platform_name, "");
    assert_int_equal(d[1].index, 1);
    assert_int_equal(d[1].kind, HAL_DEVICE_GPU);
    assert_int_equal(d[1].memory, 100485038080);
    assert_int_equal(hal_vendor_devices(instance, "no such vendor", 2, d), 0);
    hal_machine_input = NULL;
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    assert_int_equal(hal_vendor_devices(instance, "opencl", 2, d), 0); /* nobody has asked */
    hal_instance_release(instance);
}

static void a_board_has_one_name(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    const uint32_t before = hal_device_count(instance);
    hal_loaded *cuda = load(instance, &other_table), *opencl = load(instance, &told_table);
    shown = 3;
    assert_ok(hal_loader_claim(instance, cuda));
    assert_int_equal(hal_device_count(instance), before); /* in place of the absent ones */
    shown = UINT32_MAX;
    assert_ok(hal_loader_claim(instance, opencl));
    assert_int_equal(hal_device_count(instance), before + 4);
    const hal_device_info first = info_of(instance, "gpu0"), named = info_of(instance, "gpu0@cuda");
    const hal_device_info second = info_of(instance, "gpu0@opencl"), cpu = info_of(instance, "opencl0");
    assert_string_equal(first.backend, "cuda");
    assert_string_equal(second.backend, "opencl");
    assert_string_equal(second.alias, "gpu0@opencl");
    assert_int_equal(first.id.local, named.id.local);
    assert_int_equal(first.compute_group, second.compute_group);
    assert_int_not_equal(first.compute_group, info_of(instance, "gpu1").compute_group);
    assert_int_equal(cpu.compute_group, UINT32_MAX);
    assert_true(first.memory != second.memory);
    assert_driver(instance, "gpu0", "");
    assert_driver(instance, "gpu0@opencl", "driver 2"); /* cut; the third of its backend */
    hal_device *device = NULL;
    assert_code(hal_device_find(instance, "gpu0@hip", &device), NOT_FOUND);
    assert_code(hal_device_find(instance, "@", &device), NOT_FOUND);
    hal_instance_release(instance);
}

static void two_drivers_of_one_backend_have_two_routes(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    const hal_device_record twice[2] = {{.alias = "opencl", .address = "0000:65:00.0"},
                                        {.alias = "opencl", .address = "0000:65:00.0"}};
    hal_loaded *opencl = load(instance, &told_table);
    assert_ok(hal_device_add(instance, opencl, twice, 2));
    assert_ok(hal_device_add(instance, opencl, twice, 2));
    assert_string_equal(info_of(instance, "gpu1@opencl").backend, "opencl");
    assert_string_equal(info_of(instance, "gpu1@opencl1").backend, "opencl");
    assert_string_equal(info_of(instance, "gpu1@opencl2").backend, "opencl");
    hal_instance_release(instance);
}

static void probing_adds_and_moves_nothing(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    hal_device *held = NULL, *absent = NULL;
    hal_device_info before, after;
    hal_loaded *opencl = load(instance, &told_table);
    assert_ok(hal_device_get(instance, 1, &absent));
    shown = 1;
    assert_ok(hal_loader_claim(instance, opencl));
    const uint32_t count = hal_device_count(instance);
    const uint32_t index = info_of(instance, "gpu1").id.local; /* the card at 65:00.0 */
    assert_ok(hal_device_find(instance, "gpu1", &held));
    hal_device_describe(held, &before);
    shown = UINT32_MAX;
    assert_ok(hal_instance_probe(instance, SOON));
    assert_int_equal(hal_device_count(instance), count + 1); /* two in place of absent ones */
    hal_device_describe(held, &after);
    assert_int_equal(after.id.local, index);
    assert_string_equal(after.alias, before.alias);
    assert_string_equal(info_of(instance, "opencl0").backend, "opencl");
    assert_int_equal(info_of(instance, "opencl0").id.local, count);
    hal_device_describe(absent, &after); /* whoever holds one that was absent still may */
    assert_non_null(after.alias);
    assert_ok(hal_instance_probe(instance, SOON));
    assert_int_equal(hal_device_count(instance), count + 1);
    shown = 0;
    assert_ok(hal_instance_probe(instance, SOON)); /* what was there stays */
    assert_int_equal(hal_device_count(instance), count + 1);
    hal_device_release(held);
    hal_device_release(absent);
    hal_instance_release(instance);
}

static void finding_asks_once(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    hal_device *device = NULL;
    load(instance, &told_table);
    assert_string_equal(info_of(instance, "opencl0").name, "cpu-sapphirerapids-Intel(R) Xeon(R) Gold 6430");
    assert_code(hal_device_find(instance, "opencl7", &device), NOT_FOUND);
    assert_non_null(strstr(hal_status_last()->text, "asked: OpenCL of /etc/OpenCL/vendors/nvidia.icd: 3 devices"));
    assert_non_null(strstr(hal_status_last()->text, "pocl.icd: 1 devices"));
    assert_null(device);
    hal_instance_release(instance);
}

static void what_fails_to_claim_says_so(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    hal_device *device = NULL;
    load(instance, &told_table);
    claim_failure = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE);
    assert_code(hal_instance_probe(instance, SOON), UNAVAILABLE);
    assert_non_null(strstr(hal_status_last()->text, "told does not claim"));
    claim_failure = HAL_OK;
    assert_code(hal_device_find(instance, "opencl0", &device), NOT_FOUND);
    assert_ok(hal_instance_probe(instance, SOON));
    assert_ok(hal_device_find(instance, "opencl0", &device));
    hal_device_release(device);
    hal_instance_release(instance);
}

static void without_a_need_nobody_is_asked(void **state)
{
    (void)state;
    hal_instance *instance = answered();
    hal_backend shorter = told_table;
    shorter.head.size = (uint32_t)offsetof(hal_backend, vendors); /* what is behind its end is not read */
    load(instance, &shorter);
    assert_ok(hal_instance_probe(instance, 0));
    assert_null(instance->answers);
    load(instance, &told_table);
    assert_code(hal_instance_probe(instance, 0), DEADLINE_EXCEEDED);
    assert_null(instance->answers);
    hal_instance_release(instance);
}

/* ------------------------------------------------------------------------------- others look meanwhile -- */

static _Atomic bool stop;

static void *look(void *context)
{
    hal_instance *instance = context;
    uintptr_t seen = 0;
    while (!atomic_load(&stop)) {
        const uint32_t n = hal_device_count(instance);
        for (uint32_t i = 0; i < n; i++) {
            hal_device *device = NULL;
            hal_device_info info;
            if (hal_device_get(instance, i, &device) != HAL_OK)
                return NULL;
            hal_device_describe(device, &info);
            if (info.id.local != i || info.alias[0] == '\0')
                return NULL;
            hal_device_release(device);
        }
        for (uint32_t i = 0; i < hal_memory_count(instance); i++)
            if (hal_memory_get(instance, i) == NULL)
                return NULL;
        seen++;
    }
    return (void *)(seen + 1);
}

static void the_list_grows_under_its_readers(void **state)
{
    (void)state;
    enum { READERS = 3, ROUNDS = 60 };
    hal_instance *instance = answered();
    hal_loaded *opencl = load(instance, &told_table);
    pthread_t readers[READERS];
    atomic_store(&stop, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, look, instance), 0);
    assert_ok(hal_instance_probe(instance, SOON));
    for (int i = 0; i < ROUNDS; i++) {
        const hal_device_record record = {.alias = "more", .memory_bytes = 1};
        assert_ok(hal_device_add(instance, opencl, &record, 1));
        sched_yield();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(readers[i], &result), 0);
        assert_non_null(result);
    }
    assert_string_equal(info_of(instance, "more59").alias, "more59");
    hal_instance_release(instance);
}

/* ------------------------------------------------------------------------------------- memory fails -- */

static int64_t left; /* allocations until the first that fails */
static bool for_ever;

static void *fail_some(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    const int64_t now = left--;
    if (now == 0 || (now < 0 && for_ever))
        return NULL;
    return aligned_alloc(alignment < 64 ? 64 : alignment, (bytes + 63) / 64 * 64);
}

static void give_back(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

/* One allocation after the other fails, or it and all later ones: what was listed stays, and nothing is half there. */
static void probing_without_memory_loses_nothing(void **state)
{
    (void)state;
    static const hal_allocator allocator = {.allocate = fail_some, .release = give_back};
    for (int mode = 0; mode < 2; mode++)
        for (int64_t at = 0, failed = 1; failed; at++) {
            hal_instance_release(answered()); /* sets the stage */
            const hal_instance_options options = {HAL_HEAD(hal_instance_options), .plugin_path = "/nonexistent/hal-test",
                                                  .backends = "none", .allocator = &allocator};
            hal_instance *instance = NULL;
            hal_device *device = NULL;
            left = INT64_MAX;
            assert_ok(hal_instance_create(&options, &instance));
            load(instance, &told_table);
            const uint32_t before = hal_device_count(instance);
            left = at;
            for_ever = mode == 1;
            const hal_status s = hal_instance_probe(instance, SOON);
            failed = left < 0;
            left = INT64_MAX;
            if (s != HAL_OK) {
                assert_code(s, OUT_OF_MEMORY);
                assert_int_equal(hal_device_count(instance), before);
            }
            assert_ok(hal_instance_probe(instance, SOON));
            assert_int_equal(hal_device_count(instance), before + 1);
            assert_ok(hal_device_find(instance, "opencl0", &device));
            hal_device_release(device);
            hal_instance_release(instance);
        }
}

static void backends_claim_in_the_order_of_routes(void **state)
{
    (void)state;
    static const char *const names[] = {"cpu", "cuda", "hip", "ze", "null", "vulkan", "opencl", "fault"};
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
        assert_true(hal_route_rank(names[i - 1]) < hal_route_rank(names[i]));
    assert_int_equal(hal_route_rank("mock-npu"), hal_route_rank("null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(backends_are_told_what_was_answered, forget),
        cmocka_unit_test_teardown(a_board_has_one_name, forget),
        cmocka_unit_test_teardown(two_drivers_of_one_backend_have_two_routes, forget),
        cmocka_unit_test_teardown(probing_adds_and_moves_nothing, forget),
        cmocka_unit_test_teardown(finding_asks_once, forget),
        cmocka_unit_test_teardown(what_fails_to_claim_says_so, forget),
        cmocka_unit_test_teardown(without_a_need_nobody_is_asked, forget),
        cmocka_unit_test_teardown(the_list_grows_under_its_readers, forget),
        cmocka_unit_test_teardown(probing_without_memory_loses_nothing, forget),
        cmocka_unit_test(backends_claim_in_the_order_of_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

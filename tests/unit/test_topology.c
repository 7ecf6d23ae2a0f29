/* SPDX-License-Identifier: Apache-2.0 */
/* hal/topology/: drafts, sealing, names, JSON. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hal/topology/build.h"

static hal_draft *draft_new(void)
{
    hal_draft *draft;
    assert_int_equal(hal_draft_create(NULL, &draft), HAL_OK);
    hal_draft_add_place(draft, &(hal_topology_place){.kind = HAL_PLACE_MACHINE,
                                                     .parent = HAL_NOWHERE,
                                                     .id = "machine",
                                                     .name = "node17",
                                                     .number = HAL_NOWHERE});
    return draft;
}

static hal_topology *seal(hal_draft *draft)
{
    hal_topology *topology = NULL;
    hal_status s = hal_draft_seal(draft, &topology);
    if (s != HAL_OK)
        print_message("%s\n", hal_status_last()->text);
    assert_int_equal(s, HAL_OK);
    return topology;
}

static void refused(hal_draft *draft, const char *words)
{
    hal_topology *topology = NULL;
    assert_int_equal(hal_status_code(hal_draft_seal(draft, &topology)), HAL_CODE_INVALID_ARGUMENT);
    assert_null(topology);
    if (strstr(hal_status_last()->text, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", hal_status_last()->text, words);
}

static uint32_t add_device(hal_draft *draft, hal_device_kind kind, const char *id, const char *address)
{
    return hal_draft_add_device(
        draft, &(hal_topology_device){
                   .kind = kind, .id = id, .address = address, .numa = HAL_NOWHERE, .parent = HAL_NOWHERE});
}

static char *print(const hal_topology *topology, uint32_t flags)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    assert_int_equal(hal_topology_print_json(topology, flags, stream), HAL_OK);
    fclose(stream);
    return text;
}

static void devices_stand_in_their_order(void **state)
{
    (void)state;
    hal_draft *draft = draft_new();
    uint32_t npu = add_device(draft, HAL_DEVICE_NPU, "npu:0000:02:00.0", "0000:02:00.0");
    uint32_t late = add_device(draft, HAL_DEVICE_GPU, "gpu:10000:01:00.0", "10000:01:00.0");
    uint32_t part = add_device(draft, HAL_DEVICE_GPU, "gpu:0000:0a:00.0/mig1", "0000:0a:00.0");
    uint32_t early = add_device(draft, HAL_DEVICE_GPU, "gpu:0000:0a:00.0", "0000:0a:00.0");
    add_device(draft, HAL_DEVICE_CPU, "cpu:package10", "package 10");
    add_device(draft, HAL_DEVICE_CPU, "cpu:package2", "package 2");
    hal_draft_device(draft, part)->parent = early;
    hal_draft_add_link(
        draft,
        &(hal_topology_link){.from = {HAL_END_DEVICE, late}, .to = {HAL_END_DEVICE, npu}, .kind = "pcie"});
    hal_draft_add_diagnostic(draft, &(hal_topology_diagnostic){.code = "D402", .device = early});
    hal_topology *t = seal(draft);
    static const char *const ids[] = {"cpu:package2",          "cpu:package10",     "gpu:0000:0a:00.0",
                                      "gpu:0000:0a:00.0/mig1", "gpu:10000:01:00.0", "npu:0000:02:00.0"};
    static const char *const aliases[] = {"cpu0", "cpu1", "gpu0", "gpu0.0", "gpu1", "npu0"};
    for (uint32_t i = 0; i < 6; i++) {
        assert_string_equal(hal_topology_device_at(t, i)->id, ids[i]);
        assert_string_equal(hal_topology_device_at(t, i)->alias, aliases[i]);
        assert_int_equal(hal_topology_device_find(t, ids[i]), i);
        assert_int_equal(hal_topology_device_find(t, aliases[i]), i);
    }
    assert_int_equal(hal_topology_device_at(t, 3)->parent, 2);
    assert_int_equal(hal_topology_link_at(t, 0)->from.index, 4);
    assert_int_equal(hal_topology_link_at(t, 0)->to.index, 5);
    assert_int_equal(hal_topology_diagnostic_at(t, 0)->device, 2);
    assert_int_equal(hal_topology_device_find(t, "gpu7"), HAL_NOWHERE);
    assert_null(hal_topology_device_at(t, 6));
    hal_topology_release(t);
}

static void groups_and_tiers_are_numbered(void **state)
{
    (void)state;
    hal_draft *draft = draft_new();
    static const hal_memory_kind kinds[] = {HAL_MEMORY_CXL, HAL_MEMORY_HBM, HAL_MEMORY_DRAM};
    static const char *const ids[] = {"numa1", "gpu/hbm", "numa0"};
    for (uint32_t i = 0; i < 3; i++)
        hal_draft_add_memory(draft, &(hal_topology_memory){
                                        .kind = kinds[i], .id = ids[i], .contention_group = i == 2 ? 7 : 0});
    uint32_t device = add_device(draft, HAL_DEVICE_CPU, "cpu:package0", "package 0");
    for (uint32_t i = 0; i < 9; i++)
        hal_draft_device_memory(draft, device, i % 3);
    hal_topology *t = seal(draft);
    assert_int_equal(hal_topology_memory_at(t, 0)->tier, 2);
    assert_int_equal(hal_topology_memory_at(t, 1)->tier, 0);
    assert_int_equal(hal_topology_memory_at(t, 2)->tier, 1);
    assert_int_equal(hal_topology_memory_at(t, 2)->contention_group, 7);
    assert_int_not_equal(hal_topology_memory_at(t, 0)->contention_group,
                         hal_topology_memory_at(t, 1)->contention_group);
    assert_int_equal(hal_topology_device_at(t, 0)->n_memories, 9);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(hal_topology_device_at(t, 0)->memories[i], i % 3);
    hal_topology_release(t);
}

static void what_does_not_hold_is_refused(void **state)
{
    (void)state;
    hal_draft *draft = draft_new();
    add_device(draft, HAL_DEVICE_GPU, "gpu:a", "a");
    add_device(draft, HAL_DEVICE_GPU, "gpu:a", "b");
    refused(draft, "two devices are called gpu:a");
    draft = draft_new();
    add_device(draft, HAL_DEVICE_GPU, "gpu:a", "a");
    hal_draft_device(draft, 0)->place = 5;
    refused(draft, "place names object 5");
    draft = draft_new();
    uint32_t a = add_device(draft, HAL_DEVICE_GPU, "gpu:a", "a"),
             b = add_device(draft, HAL_DEVICE_GPU, "gpu:b", "b");
    hal_draft_device(draft, a)->parent = b;
    hal_draft_device(draft, b)->parent = a;
    refused(draft, "part of itself");
    draft = draft_new();
    hal_draft_add_memory(
        draft, &(hal_topology_memory){.id = "numa0",
                                      .capacity = hal_figure_of(NAN, HAL_UNIT_BYTES, HAL_SOURCE_VENDOR)});
    refused(draft, "memory numa0: capacity is");
    draft = draft_new();
    hal_draft_add_memory(
        draft, &(hal_topology_memory){.id = "numa0",
                                      .capacity = hal_figure_of(1, HAL_UNIT_SECONDS, HAL_SOURCE_VENDOR)});
    refused(draft, "counts s, not bytes");
    draft = draft_new();
    hal_draft_add_link(draft, &(hal_topology_link){.from = {HAL_END_DEVICE, 0}, .kind = "pcie"});
    refused(draft, "link 0 (pcie)");
    draft = draft_new();
    hal_draft_add_place(draft, &(hal_topology_place){.id = "machine", .parent = 0});
    refused(draft, "two places are called machine");
}

static hal_topology *read_again(const char *text)
{
    hal_draft *draft;
    assert_int_equal(hal_draft_create(NULL, &draft), HAL_OK);
    hal_status s = hal_topology_read_json("again", text, strlen(text), draft);
    if (s != HAL_OK)
        print_message("%s\n%s\n", hal_status_last()->text, text);
    assert_int_equal(s, HAL_OK);
    return seal(draft);
}

/* Two switches, one of them by two parallel links, and one whose way back only is told. */
static void switches_join_what_hangs_on_them(void **state)
{
    (void)state;
    hal_draft *draft = draft_new();
    uint32_t gpus[3], hubs[2];
    for (uint32_t i = 0; i < 3; i++)
        gpus[i] = add_device(draft, HAL_DEVICE_GPU, (const char *[]){"gpu:a", "gpu:b", "gpu:c"}[i], "");
    for (uint32_t i = 0; i < 2; i++)
        hubs[i] = add_device(draft, HAL_DEVICE_SWITCH, (const char *[]){"switch:x", "switch:y"}[i], "");
    const hal_figure brick = hal_figure_of(25e9, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL);
    const uint32_t ends[][2] = {{gpus[0], hubs[0]}, {gpus[0], hubs[0]}, {gpus[0], hubs[1]},
                                {gpus[1], hubs[0]}, {gpus[1], hubs[0]}, {gpus[1], hubs[1]},
                                {hubs[1], gpus[2]}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        hal_draft_add_link(draft, &(hal_topology_link){.from = {HAL_END_DEVICE, ends[i][0]},
                                                       .to = {HAL_END_DEVICE, ends[i][1]},
                                                       .kind = "nvlink",
                                                       .lanes = 1,
                                                       .bandwidth = brick});
    hal_topology *t = seal(draft);
    assert_int_equal(hal_topology_link_count(t), 7 + 6);
    for (uint32_t i = 7; i < 13; i++) {
        const hal_topology_link *l = hal_topology_link_at(t, i);
        const bool wide = l->from.index < 2 && l->to.index < 2;
        assert_int_equal(l->lanes, wide ? 3 : 1);
        assert_true(l->bandwidth.value == (wide ? 75e9 : 25e9));
        assert_int_equal(l->bandwidth.source, HAL_SOURCE_STRUCTURAL);
    }
    char *text = print(t, 0);
    hal_topology *again = read_again(text);
    assert_int_equal(hal_topology_link_count(again), 13);
    free(text);
    hal_topology_release(t);
    hal_topology_release(again);
}

/* What a switch joins is written down whole, or it is told that it is not; once, however often it is read. */
static void pairs_on_a_switch_that_do_not_fit_are_told(void **state)
{
    (void)state;
    enum { MANY = 130 };
    char id[32];
    hal_draft *draft = draft_new();
    const uint32_t hub = add_device(draft, HAL_DEVICE_SWITCH, "switch:x", "");
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "gpu:%u", i);
        const uint32_t gpu = add_device(draft, HAL_DEVICE_GPU, id, "");
        hal_draft_add_link(draft, &(hal_topology_link){.from = {HAL_END_DEVICE, gpu},
                                                       .to = {HAL_END_DEVICE, hub},
                                                       .kind = "nvlink",
                                                       .lanes = 1,
                                                       .bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)});
    }
    hal_topology *t = seal(draft);
    char *text = print(t, 0);
    hal_topology *again = read_again(text), *both[] = {t, again};
    free(text);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hal_topology_link_count(both[i]), MANY);
        assert_int_equal(hal_topology_diagnostic_count(both[i]), 1);
        assert_string_equal(hal_topology_diagnostic_at(both[i], 0)->code, "D115");
        hal_topology_release(both[i]);
    }
}

/* One of everything. */
static hal_topology *sample(void)
{
    hal_draft *draft = draft_new();
    hal_topology_host *host = hal_draft_host(draft);
    host->name = hal_draft_text(draft, "node17");
    host->origin = hal_draft_text(draft, "/home/ada/box.json");
    host->when = 1795176000;
    host->cpu_limit = hal_figure_of(2.5, HAL_UNIT_COUNT, HAL_SOURCE_STRUCTURAL);
    uint32_t memory = hal_draft_add_memory(
        draft,
        &(hal_topology_memory){.kind = HAL_MEMORY_HBM,
                               .id = "gpu:0000:1b:00.0/hbm",
                               .name = "HBM3 \"80\" \xc3\x28",
                               .numa = HAL_NOWHERE,
                               .capacity = hal_figure_of(85520809984.0, HAL_UNIT_BYTES, HAL_SOURCE_VENDOR),
                               .bandwidth = {.value = 2.98e12 + 0.1,
                                             .unit = HAL_UNIT_BYTES_PER_SECOND,
                                             .source = HAL_SOURCE_MEASURED,
                                             .when = 1795176000,
                                             .samples = 11,
                                             .ci95 = 1.5e9}});
    uint32_t gpu = hal_draft_add_device(
        draft, &(hal_topology_device){
                   .kind = HAL_DEVICE_GPU,
                   .usability = HAL_USABLE_BROKEN,
                   .id = "gpu:0000:1b:00.0",
                   .address = "0000:1b:00.0",
                   .name = "H100",
                   .uuid = "GPU-5a2c1111",
                   .serial = "1650522",
                   .reason = "D402",
                   .pci_vendor = 0x10de,
                   .pci_device = 0x2330,
                   .pci_class = 0x030200,
                   .numa = 0,
                   .parent = HAL_NOWHERE,
                   .driver = "nvidia",
                   .link_text = "Gen5 x16",
                   .link_most = hal_figure_of(6.3e10, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL)});
    hal_draft_device_memory(draft, gpu, memory);
    hal_draft_device_index(draft, gpu, "cuda", HAL_NOWHERE, 0);
    hal_draft_device_index(draft, gpu, "opencl", 1, 2);
    hal_draft_device_index(draft, gpu, "drm", HAL_NOWHERE, 0);
    hal_draft_device_index(draft, gpu, "drm", HAL_NOWHERE, 128);
    hal_draft_device_feature(draft, gpu, "sm_90");
    hal_draft_device_node(draft, gpu, "/dev/nvidia0");
    hal_draft_device_way(draft, gpu, "opencl: NVIDIA CUDA");
    hal_draft_device_rate(draft, gpu, "bf16", "matmul",
                          hal_figure_of(989e12, HAL_UNIT_OPERATIONS_PER_SECOND, HAL_SOURCE_VENDOR));
    hal_draft_device_rung(draft, gpu,
                          &(hal_rung){.code = "D402",
                                      .status = HAL_RUNG_FAIL,
                                      .evidence = "open: EPERM on node17",
                                      .nanoseconds = 1234567});
    hal_draft_add_link(draft, &(hal_topology_link){
                                  .from = {HAL_END_DEVICE, gpu},
                                  .to = {HAL_END_MEMORY, memory},
                                  .kind = "memory",
                                  .copy_mode = HAL_COPY_NATIVE,
                                  .latency = hal_figure_of(1.1e-7, HAL_UNIT_SECONDS, HAL_SOURCE_ESTIMATED)});
    hal_draft_add_diagnostic(draft, &(hal_topology_diagnostic){.code = "D402",
                                                               .severity = HAL_SEVERITY_FAILURE,
                                                               .device = gpu,
                                                               .summary = "no access",
                                                               .evidence = "serial 1650522 in /home/ada/x"});
    return seal(draft);
}

static void json_reads_back_as_written(void **state)
{
    (void)state;
    hal_topology *t = sample();
    char *first = print(t, 0), *compact = print(t, HAL_PRINT_COMPACT);
    hal_topology *again = read_again(first), *third = read_again(compact);
    char *second = print(again, 0), *fourth = print(third, 0);
    assert_string_equal(first, second);
    assert_string_equal(first, fourth);
    assert_null(strchr(compact, '\t'));
    assert_ptr_equal(strchr(compact, '\n'), compact + strlen(compact) - 1);
    assert_non_null(strstr(compact, "\"opencl\":[1,2]"));
    assert_non_null(strstr(compact, "\"drm\":[[0],[128]]"));
    assert_non_null(strstr(compact, "\"reason\":\"D402\""));
    assert_non_null(strstr(compact, "\xef\xbf\xbd("));
    free(first);
    free(second);
    free(compact);
    free(fourth);
    hal_topology_release(t);
    hal_topology_release(again);
    hal_topology_release(third);
}

static void redaction_leaves_no_names(void **state)
{
    (void)state;
    hal_topology *t = sample();
    char *text = print(t, HAL_PRINT_REDACTED);
    static const char *const secrets[] = {"node17", "GPU-5a2c1111", "1650522", "ada"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (strstr(text, secrets[i]) != NULL)
            fail_msg("%s is told:\n%s", secrets[i], text);
    assert_non_null(strstr(text, "/home/user/box.json"));
    hal_topology_release(read_again(text));
    free(text);
    hal_topology_release(t);
}

static void json_ignores_the_locale(void **state)
{
    (void)state;
    hal_topology *t = sample();
    char *plain = print(t, 0);
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < 3 && setlocale(LC_ALL, names[i]) == NULL; i++)
        continue;
    char *local = print(t, 0);
    setlocale(LC_ALL, "C");
    assert_string_equal(plain, local);
    free(plain);
    free(local);
    hal_topology_release(t);
}

static void json_errors_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"schema\":\"hal.info/1\"", "box: line 1, column"},
        {"[]", "its schema is \"\""},
        {"{\"schema\":\"hal.info/2\"}", "hal.info/2"},
        {"{\"schema\":\"hal.info/1\",\"devices\":[{\"id\":\"a\",\"kind\":\"cat\"}]}",
         "box: devices[0].kind: expected one of cpu, gpu"},
        {"{\"schema\":\"hal.info/1\",\"devices\":[{\"id\":7}]}", "devices[0].id: expected a string"},
        {"{\"schema\":\"hal.info/1\",\"devices\":[{\"id\":\"a\",\"numa\":-1}]}", "devices[0].numa"},
        {"{\"schema\":\"hal.info/1\",\"devices\":{}}", "devices: expected an array"},
        {"{\"schema\":\"hal.info/1\",\"devices\":[3]}", "devices[0]"},
        {"{\"schema\":\"hal.info/1\",\"links\":[{\"from\":\"a\",\"to\":\"b\"}]}",
         "links[0].from: names an object"},
        {"{\"schema\":\"hal.info/1\",\"memories\":[{\"id\":\"m\",\"capacity\":{\"value\":-3}}]}",
         "memories[0].capacity.value"},
        {"{\"schema\":\"hal.info/"
         "1\",\"memories\":[{\"id\":\"m\",\"capacity\":{\"value\":3,\"unit\":\"s\"}}]}",
         "memories[0].capacity.unit"},
        {"{\"schema\":\"hal.info/1\",\"generated\":\"yesterday\"}", "generated: expected a date"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hal_draft *draft;
        assert_int_equal(hal_draft_create(NULL, &draft), HAL_OK);
        hal_status s = hal_topology_read_json("box", cases[i].text, strlen(cases[i].text), draft);
        assert_int_equal(hal_status_code(s), HAL_CODE_INVALID_ARGUMENT);
        if (strstr(hal_status_last()->text, cases[i].words) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", hal_status_last()->text, cases[i].words);
        hal_draft_destroy(draft);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    hal_draft *draft;
    assert_int_equal(hal_draft_create(NULL, &draft), HAL_OK);
    assert_int_equal(hal_status_code(hal_topology_read_json("deep", deep, sizeof deep, draft)),
                     HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "nested deeper"));
    hal_draft_destroy(draft);
}

/* Gives memory `left` times. */
static void *give(void *left, size_t bytes, size_t alignment)
{
    uint32_t *n = left;
    if (*n == 0)
        return NULL;
    --*n;
    return aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
}

static void take_back(void *left, void *pointer)
{
    (void)left;
    free(pointer);
}

/* Each step of the way may fail; nothing is lost and the answer is always the same. */
static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    hal_topology *t = sample();
    char *text = print(t, 0);
    hal_topology_release(t);
    for (uint32_t budget = 0;; budget++) {
        uint32_t left = budget;
        const hal_allocator allocator = {.context = &left, .allocate = give, .release = take_back};
        hal_draft *draft;
        hal_status s = hal_draft_create(&allocator, &draft);
        t = NULL;
        if (s == HAL_OK && (s = hal_topology_read_json("box", text, strlen(text), draft)) != HAL_OK)
            hal_draft_destroy(draft);
        else if (s == HAL_OK && (s = hal_topology_supply(draft, "gpu.*=h100-sxm")) != HAL_OK)
            hal_draft_destroy(draft);
        else if (s == HAL_OK)
            s = hal_draft_seal(draft, &t);
        hal_topology_release(t);
        if (s == HAL_OK)
            break;
        assert_int_equal(hal_status_code(s), HAL_CODE_OUT_OF_MEMORY);
    }
    free(text);
}

/* 512 devices and 2,000 links are written and read in a second. */
static void large_machines_are_quick(void **state)
{
    (void)state;
    hal_draft *draft = draft_new();
    char id[40];
    for (uint32_t i = 0; i < 512; i++) {
        snprintf(id, sizeof id, "gpu:0000:%02x:%02x.0", i / 32, i % 32);
        add_device(draft, HAL_DEVICE_GPU, id, id + 4);
    }
    for (uint32_t i = 0; i < 2000; i++)
        hal_draft_add_link(draft, &(hal_topology_link){.from = {HAL_END_DEVICE, i % 512},
                                                       .to = {HAL_END_DEVICE, i * 7 % 512},
                                                       .kind = "nvlink"});
    hal_topology *t = seal(draft);
    int64_t begin = hal_time_now();
    char *text = print(t, 0);
    hal_topology *again = read_again(text);
    int64_t took = hal_time_now() - begin;
    print_message("512 devices and 2000 links: %lld us\n", (long long)took / 1000);
    assert_true(took < 1000000000);
    assert_int_equal(hal_topology_link_count(again), 2000);
    free(text);
    hal_topology_release(t);
    hal_topology_release(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_stand_in_their_order),  cmocka_unit_test(groups_and_tiers_are_numbered),
        cmocka_unit_test(what_does_not_hold_is_refused), cmocka_unit_test(switches_join_what_hangs_on_them),
        cmocka_unit_test(pairs_on_a_switch_that_do_not_fit_are_told),
        cmocka_unit_test(json_reads_back_as_written),    cmocka_unit_test(redaction_leaves_no_names),
        cmocka_unit_test(json_ignores_the_locale),       cmocka_unit_test(json_errors_name_their_place),
        cmocka_unit_test(memory_runs_out_anywhere),      cmocka_unit_test(large_machines_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

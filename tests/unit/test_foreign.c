/* SPDX-License-Identifier: Apache-2.0 */
/* XML of NCCL, RCCL and hwloc, read through the helper. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scratch_test.h"

#include "hal/hal.h"
#include "hal/topology.h"

#define SETS "cpuset=\"0x3\" complete_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
#define PU(number, set)                                                                                      \
    "<object type=\"PU\" os_index=\"" number "\" gp_index=\"1" number "\" cpuset=\"" set                     \
    "\" complete_cpuset=\"" set "\" nodeset=\"0x1\" complete_nodeset=\"0x1\"/>"
#define NODE "<object type=\"NUMANode\" os_index=\"0\" gp_index=\"3\" local_memory=\"1073741824\" " SETS "/>"
#define MACHINE_OF(version, inside, behind)                                                                  \
    "<topology version=\"" version "\"><object type=\"Machine\" os_index=\"0\" gp_index=\"1\" " SETS         \
    "><object type=\"Package\" "                                                                             \
    "os_index=\"0\" gp_index=\"2\" " SETS "><info name=\"CPUModel\" value=\"Model &amp; 7\"/>" inside        \
    "</object></object>" behind "</topology>"
#define MACHINE(inside) MACHINE_OF("2.0", inside, "")
#define GPU(number, bus)                                                                                     \
    "<object type=\"PCIDev\" gp_index=\"4" number "\" pci_busid=\"0000:" bus                                 \
    ":00.0\" pci_type=\"0302 [10de:1db8] [10de:12f0] a1 00\" "                                               \
    "pci_link_speed=\"15.75\"><object type=\"OSDev\" gp_index=\"5" number "\" name=\"nvml" number            \
    "\" subtype=\"NVML\" osdev_type=\"12\">"                                                                 \
    "<info name=\"NVIDIAUUID\" value=\"GPU-" number "\"/></object></object>"

static hal_status describe(const char *path, hal_topology **topology)
{
    const hal_topology_options options = {.head = {sizeof options, 0}, .input = path};
    return hal_topology_create(&options, topology);
}

static hal_status describe_text(const char *text, hal_topology **topology)
{
    const char *path = scratch_path("input.xml");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return describe(path, topology);
}

static hal_topology *described(const char *text)
{
    hal_topology *t = NULL;
    if (describe_text(text, &t) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return t;
}

static const hal_topology_device *device(const hal_topology *t, const char *name)
{
    const hal_topology_device *d = hal_topology_device_at(t, hal_topology_device_find(t, name));
    if (d == NULL)
        fail_msg("there is no %s", name);
    return d;
}

static const hal_topology_link *link_of(const hal_topology *t, const char *kind)
{
    for (uint32_t i = 0; i < hal_topology_link_count(t); i++)
        if (strcmp(hal_topology_link_at(t, i)->kind, kind) == 0)
            return hal_topology_link_at(t, i);
    return NULL;
}

static void nccl_is_read(void **state)
{
    (void)state;
    hal_topology *t = described(
        "<?xml version=\"1.0\"?>\n<system version=\"1\">\n<cpu numaid=\"0\" affinity=\"0000ffff\" "
        "arch=\"x86_64\" vendor=\"GenuineIntel\">"
        "<pci busid=\"0000:05:00.0\" class=\"0x060400\" link_speed=\"32.0 GT/s PCIe\" link_width=\"16\">"
        "<pci busid=\"0000:06:00.0\" class=\"0x030200\" vendor=\"0x10de\" device=\"0x2330\" "
        "link_speed=\"32.0 GT/s PCIe\" link_width=\"16\">"
        "<gpu dev=\"0\" sm=\"90\" rank=\"0\" gdr=\"1\"><nvlink target=\"0000:09:00.0\" count=\"18\" "
        "tclass=\"0x068000\"/></gpu></pci>"
        "<pci busid=\"0000:07:00.0\" class=\"0x020700\" link_speed=\"16 GT/s\" link_width=\"8\"><nic><net "
        "name=\"mlx5_0\" dev=\"0\" "
        "speed=\"400000\" port=\"1\" guid=\"0x1234\" maxconn=\"1\" "
        "gdr=\"1\"/></nic></pci></pci></cpu></system>");
    assert_int_equal(hal_topology_device_count(t), 4);
    const hal_topology_device *gpu = device(t, "gpu:0000:06:00.0");
    assert_string_equal(gpu->link_text, "Gen5 x16");
    assert_true(gpu->link_now.value > 63.0e9 && gpu->link_now.value < 63.1e9);
    assert_int_equal(gpu->indices[0].index, 0);
    assert_string_equal(gpu->features[0], "sm_90");
    assert_string_equal(device(t, "nic0")->link_text, "Gen4 x8");
    assert_string_equal(device(t, "switch0")->address, "0000:09:00.0");
    assert_int_equal(device(t, "cpu0")->threads, 16);
    assert_true(link_of(t, "nvlink")->bandwidth.value == 450e9);
    assert_true(link_of(t, "network")->bandwidth.value == 50e9);
    assert_int_equal(gpu->n_memories, 0);
    hal_topology_release(t);
}

static void hwloc_2_and_3_are_read_alike(void **state)
{
    (void)state;
    static const char matrix[] =
        "<distances2hetero nbobjs=\"2\" kind=\"25\" name=\"NVLinkBandwidth\"><indexes length=\"14\">OSDev:50 "
        "OSDev:51</indexes><u64values "
        "length=\"17\">0 25000 25000 0</u64values></distances2hetero><info name=\"HostName\" value=\"box\"/>";
    static const char three[] =
        MACHINE_OF("3.0", NODE PU("0", "0x1") PU("1", "0x2") GPU("0", "1b") GPU("1", "1c"), "%s");
    char text[8192];
    snprintf(text, sizeof text, three, matrix);
    hal_topology *t = described(text);
    assert_string_equal(device(t, "cpu0")->name, "Model & 7");
    assert_int_equal(device(t, "cpu0")->threads, 2);
    assert_string_equal(device(t, "gpu1")->uuid, "GPU-1");
    assert_int_equal(device(t, "gpu1")->indices[0].index, 1);
    assert_string_equal(hal_topology_host_of(t)->name, "box");
    assert_true(link_of(t, "nvlink")->bandwidth.value == 25e9);
    assert_true(hal_topology_memory_at(t, device(t, "cpu0")->memories[0])->capacity.value == 1073741824.0);
    hal_topology_release(t);
    t = described(MACHINE(NODE PU("0", "0x1") PU("1", "0x2")));
    assert_int_equal(hal_topology_device_count(t), 1);
    hal_topology_release(t);
}

#define SOCKET(number, set)                                                                                  \
    "<object type=\"Package\" os_index=\"" number "\" cpuset=\"" set "\" complete_cpuset=\"" set             \
    "\" nodeset=\"" set "\" complete_nodeset=\"" set                                                         \
    "\"><object type=\"NUMANode\" local_memory=\"1024\" os_index=\"" number "\" cpuset=\"" set               \
    "\" complete_cpuset=\"" set "\" nodeset=\"" set "\" complete_nodeset=\"" set                             \
    "\"/><object type=\"PU\" os_index=\"" number "\" cpuset=\"" set "\" complete_cpuset=\"" set              \
    "\" nodeset=\"" set "\" complete_nodeset=\"" set "\"/></object>"

/* Package 2 is two steps from package 0. */
static void latencies_become_steps(void **state)
{
    (void)state;
    static const uint32_t expected[3][3] = {{1, 2, 3}, {2, 1, 2}, {3, 2, 1}};
    hal_topology *t = described(
        "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\" cpuset=\"0x7\" "
        "complete_cpuset=\"0x7\" nodeset=\"0x7\" "
        "complete_nodeset=\"0x7\">" SOCKET("0", "0x1") SOCKET("1", "0x2")
            SOCKET("2", "0x4") "</object><distances2 type=\"NUMANode\" "
                               "nbobjs=\"3\" kind=\"5\" name=\"NUMALatency\" indexing=\"os\"><indexes "
                               "length=\"6\">0 1 2 </indexes><u64values length=\"27\">10 16 "
                               "22 16 10 16 22 16 10 </u64values></distances2></topology>");
    assert_int_equal(hal_topology_device_count(t), 3);
    for (uint32_t i = 0; i < hal_topology_link_count(t); i++) {
        const hal_topology_link *l = hal_topology_link_at(t, i);
        assert_int_equal(l->to.kind, HAL_END_MEMORY);
        assert_int_equal(l->hops, expected[l->from.index][l->to.index]);
        assert_string_equal(l->kind, l->from.index == l->to.index ? "memory" : "socket");
    }
    assert_int_equal(hal_topology_link_count(t), 9);
    hal_topology_release(t);
}

/* Each answer names the file and what is wrong there. */
static void hostile_files_end_in_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"<system version=\"1\"><cpu numaid=\"0\">", "input.xml: line 1: "},
        {"<system version=\"1\"><cpu/></system>", "lacks its attribute \"numaid\""},
        {"<system version=\"1\"/>", "describes no <cpu>"},
        {"<system><cpu numaid=\"0\"/><cpu numaid=\"0\"/></system>", "NUMA domain 0 stands twice"},
        {"<system><cpu numaid=\"4294967296\"/></system>", "is not a number from 0 to 65535"},
        {"<system><cpu numaid=\"0\"><pci busid=\"x\"/></cpu></system>", "not a PCI address"},
        {"<system><cpu numaid=\"0\"><pci busid=\"0:1:0.0\" class=\"0x030000\"/><pci "
         "busid=\"0:1:0.0\"/></cpu></system>",
         "stands twice"},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><system><cpu numaid=\"0\"/></system>", "declares entities"},
        {"<graphs/>", "neither <system>"},
        {"<topology/>", "version \"\" of hwloc's XML"},
        {MACHINE(PU("0", "0x1") PU("1", "0x2")), "has no NUMANode"},
        {MACHINE(NODE), "that no PU below it is"},
        {MACHINE(NODE PU("0", "0x1") PU("0", "0x1")), "shares processors"},
        {MACHINE(NODE PU("0", "0x1") PU("2147483648", "0x2")), "not a number from 0 to 16383"},
        {MACHINE(NODE PU("0", "0x1") PU("1", "0x4")), "not inside of that around it"},
        {MACHINE(NODE PU("0", "0x1") "<object type=\"PU\" os_index=\"1\" cpuset=\"0x2\"/>"),
         "lacks its attribute \"complete_cpuset\""},
        {MACHINE(NODE NODE PU("0", "0x1") PU("1", "0x2")), "NUMA node 0 stands twice"},
        {MACHINE(NODE PU("0", "0x1") PU("1", "0x2") "<object type=\"Teapot\"/>"), "type=\"Teapot\""},
        {MACHINE_OF("2.0", NODE PU("0", "0x1") PU("1", "0x2"),
                    "<distances2 type=\"PU\" nbobjs=\"2\" kind=\"5\"><indexes length=\"3\">0 "
                    "1</indexes></distances2>"),
         "a matrix of 2 objects"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hal_topology *t = NULL;
        assert_int_equal(hal_status_code(describe_text(cases[i].text, &t)), HAL_CODE_INVALID_ARGUMENT);
        if (strstr(hal_status_last()->text, cases[i].words) == NULL ||
            strstr(hal_status_last()->text, "input.xml: ") == NULL)
            fail_msg("case %zu: \"%s\" lacks the file or \"%s\"", i, hal_status_last()->text, cases[i].words);
    }
}

static void deep_files_are_not_followed(void **state)
{
    (void)state;
    static char text[700000];
    hal_topology *t = NULL;
    size_t n = 0;
    for (uint32_t i = 0; i < 20000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "<pci busid=\"0000:00:00.0\">");
    assert_int_equal(hal_status_code(describe_text(text, &t)), HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "nested deeper than 64"));
}

static uint32_t describe_all(const char *directory)
{
    uint32_t n = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[1024];
        hal_topology *t = NULL;
        if (strstr(e->d_name, ".xml") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        if (describe(path, &t) != HAL_OK)
            fail_msg("%s", hal_status_last()->text);
        assert_true(hal_topology_device_count(t) > 0);
        hal_topology_release(t);
        n++;
    }
    if (d != NULL)
        closedir(d);
    return n;
}

/* Files of real machines, where they are at hand. */
static void collected_files_load(void **state)
{
    (void)state;
    char directory[1024];
    const char *data = getenv("HAL_TEST_DATA");
    snprintf(directory, sizeof directory, "%s/topology/nccl", data != NULL ? data : "");
    uint32_t n = describe_all(directory);
    snprintf(directory, sizeof directory, "%s/topology/hwloc", data != NULL ? data : "");
    n += describe_all(directory);
    if (n == 0) {
        print_message("SKIP: no files below HAL_TEST_DATA/topology\n");
        skip();
    }
    print_message("%u files\n", n);
}

static void xml_is_declined(void **state)
{
    (void)state;
    hal_topology *t = NULL;
    assert_int_equal(hal_status_code(describe_text("<system><cpu numaid=\"0\"/></system>", &t)),
                     HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "libxml2"));
}

/* Without libxml2 the answer is always the same. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nccl_is_read),
        cmocka_unit_test(hwloc_2_and_3_are_read_alike),
        cmocka_unit_test(latencies_become_steps),
        cmocka_unit_test(hostile_files_end_in_a_sentence),
        cmocka_unit_test(deep_files_are_not_followed),
        cmocka_unit_test(collected_files_load),
    };
    const struct CMUnitTest without[] = {cmocka_unit_test(xml_is_declined)};
#ifdef HAL_HAVE_LIBXML2
    const bool reads = true;
#else
    const bool reads = false;
#endif
    return reads ? cmocka_run_group_tests(tests, scratch_setup, scratch_teardown)
                 : cmocka_run_group_tests(without, scratch_setup, scratch_teardown);
}

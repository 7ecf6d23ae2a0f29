/* SPDX-License-Identifier: Apache-2.0 */
/* The passive scan: what is read from trees as small as the fact in question. Whole machines: tests/machines.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"
#include "tests/unit/tree_text.h"

#include "hal/discovery/cgroup.h"
#include "hal/discovery/cpulist.h"
#include "hal/discovery/family.h"
#include "hal/discovery/scan.h"
#include "hal/discovery/steps.h"
#include "hal/discovery/words.h"

#define HEAD "hal-tree 1\n"
#define PCI  "/sys/bus/pci/devices/"

static hal_files *parsed(const char *text)
{
    hal_files *files = NULL;
    if (tree_parse(NULL, "some.tree", text, strlen(text), &files) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return files;
}

static hal_topology *discovered(const char *text)
{
    hal_topology_options options = {HAL_HEAD(hal_topology_options), .deadline = SOON};
    hal_topology *topology = NULL;
    hal_files *files = parsed(text);
    if (hal_discover(files, &options, &topology) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    hal_files_close(files);
    return topology;
}

/* Without the ladder, which would tell first that these devices have no driver. */
static hal_topology *scanned(const char *text)
{
    hal_draft *draft = NULL;
    hal_topology *topology = NULL;
    hal_files *files = parsed(text);
    assert_ok(hal_draft_create(NULL, &draft));
    assert_ok(hal_scan_processors(files, SOON, draft));
    hal_scan_host(files, draft);
    hal_scan_pci(files, draft);
    hal_scan_classes(files, draft);
    hal_scan_hidden(files, draft);
    assert_ok(hal_draft_seal(draft, &topology));
    hal_files_close(files);
    return topology;
}

static const hal_topology_device *device(const hal_topology *t, const char *name)
{
    uint32_t index = hal_topology_device_find(t, name);
    if (index == HAL_NOWHERE)
        fail_msg("%s is missing", name);
    return hal_topology_device_at(t, index);
}

static void assert_absent(const hal_topology *t, const char *address)
{
    const hal_topology_device *d;
    for (uint32_t i = 0; (d = hal_topology_device_at(t, i)) != NULL; i++)
        assert_string_not_equal(d->address, address);
}

static uint32_t count(const hal_topology *t, hal_device_kind kind)
{
    const hal_topology_device *d;
    uint32_t n = 0;
    for (uint32_t i = 0; (d = hal_topology_device_at(t, i)) != NULL; i++)
        n += d->kind == (uint32_t)kind;
    return n;
}

static uint32_t index_of(const hal_topology_device *d, const char *api)
{
    for (uint32_t i = 0; i < d->n_indices; i++)
        if (strcmp(d->indices[i].api, api) == 0)
            return d->indices[i].index;
    return HAL_NOWHERE;
}

static bool has_text(const char *const *texts, uint32_t n, const char *text)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

/* Numbers of a device at PATH. */
#define DEVICE(path, vendor, device, class)                                                                  \
    "= " path "/vendor " vendor "\n= " path "/device " device "\n= " path "/class " class "\n"
#define NVIDIA(path) DEVICE(path, "0x10de", "0x2330", "0x030200")
#define LINK(path, speed, width, most_speed, most_width)                                                     \
    "= " path "/current_link_speed " speed "\n= " path "/current_link_width " width "\n= " path              \
    "/max_link_speed " most_speed "\n= " path "/max_link_width " most_width "\n"

static void devices_on_pci(void **state)
{
    (void)state;
    hal_topology *t = discovered(
        HEAD NVIDIA(PCI "0000:1b:00.0") LINK(PCI "0000:1b:00.0", "16.0 GT/s PCIe", "8", "32.0 GT/s PCIe",
                                             "16") "= " PCI "0000:1b:00.0/numa_node 1\n"
                                                   "= " PCI "0000:1b:00.0/revision 0xa1\n"
                                                   "@ " PCI "0000:1b:00.0/driver ../../../drivers/nvidia\n"
                                                   "= /sys/module/nvidia/version 570.124.06\n"
                                                   "< /proc/driver/nvidia/gpus/0000:1b:00.0/information\n"
                                                   "\tModel: \t\t NVIDIA H100 80GB HBM3\n"
                                                   "\tIRQ:   \t\t 120\n"
                                                   "\tGPU UUID: \t GPU-7c1e\n"
                                                   "\tDevice Minor: \t 3\n" /* */
        DEVICE(PCI "0000:03:00.0", "0x1a03", "0x2000", "0x030000")          /* a console */
        DEVICE(PCI "0000:04:00.0", "0x144d", "0xa80a", "0x010802")          /* a disk */
        DEVICE(PCI "0000:05:00.0", "0x8086", "0x2725", "0x028000")          /* wireless */
        DEVICE(PCI "0000:18:00.0", "0x15b3", "0x1021", "0x020700")          /* a card and a function of it */
        DEVICE(PCI "0000:18:00.1", "0x15b3", "0x101e",
               "0x020700") "@ " PCI "0000:18:00.1/physfn ../0000:18:00.0\n" /* */
        DEVICE(PCI "0000:20:00.0", "0xffff", "0x0001", "0x120000")          /* of nobody we know */
        DEVICE(PCI "0000:21:00.0", "0x8086", "0x9999", "0x120000")          /* known by its driver */
        "@ " PCI "0000:21:00.0/driver ../../../drivers/intel_vpu\n" LINK(PCI "0000:21:00.0", "Unknown", "0",
                                                                         "Unknown", "255")
            DEVICE(PCI "0000:05:01.0", "0x10de", "0x22a3", "0x068000"));
    const hal_topology_device *gpu = device(t, "gpu:0000:1b:00.0");
    assert_string_equal(gpu->alias, "gpu0");
    assert_string_equal(gpu->name, "H100 80GB HBM3");
    assert_string_equal(gpu->vendor, "NVIDIA");
    assert_string_equal(gpu->family, "nvidia");
    assert_string_equal(gpu->driver, "nvidia");
    assert_string_equal(gpu->driver_version, "570.124.06");
    assert_string_equal(gpu->uuid, "GPU-7c1e");
    assert_string_equal(gpu->link_text, "Gen4 x8");
    assert_int_equal(gpu->link_now.value, 16e9 * 128 / 130 / 8 * 8);
    assert_int_equal(gpu->link_most.value, 32e9 * 128 / 130 / 8 * 16);
    assert_int_equal(gpu->numa, 1);
    assert_int_equal(gpu->pci_revision, 0xa1);
    assert_int_equal(index_of(gpu, "nvidia"), 3);
    assert_true(has_text(gpu->nodes, gpu->n_nodes, "/dev/nvidia3"));
    assert_int_equal(gpu->n_memories, 1);
    const hal_topology_memory *memory = hal_topology_memory_at(t, gpu->memories[0]);
    assert_string_equal(memory->id, "gpu:0000:1b:00.0/hbm");
    assert_int_equal(memory->capacity.source, HAL_SOURCE_UNKNOWN);
    assert_absent(t, "0000:03:00.0");
    assert_absent(t, "0000:04:00.0");
    assert_absent(t, "0000:05:00.0");
    assert_int_equal(device(t, "nic:0000:18:00.1")->parent, hal_topology_device_find(t, "nic:0000:18:00.0"));
    assert_string_equal(device(t, "npu:0000:20:00.0")->family, "accelerator");
    const hal_topology_device *npu = device(t, "npu:0000:21:00.0");
    assert_string_equal(npu->family, "intel-npu");
    assert_string_equal(npu->link_text, "");
    assert_int_equal(npu->link_most.source, HAL_SOURCE_UNKNOWN);
    assert_string_equal(device(t, "switch:0000:05:01.0")->name, "H100 NVSwitch");
    hal_topology_release(t);
}

#define AT(name, path) "@ " PCI name " ../../.." path "/" name "\n"

/* A host bridge with a switch of two ports below a switch, one device beside it, one below an old bridge; a
 * second bridge. */
static const char paths[] = HEAD "= /hal/hwloc.synthetic pack:2 numa:1 core:2 pu:1\n" /* */
    NVIDIA("/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:00.0/0000:13:00.0/0000:14:00.0/"
           "0000:15:00.0") NVIDIA("/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:00.0/"
                                  "0000:13:00.0/0000:14:01.0/0000:16:00.0")
        NVIDIA("/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:01.0/0000:17:00.0")
            NVIDIA("/sys/devices/pci0000:10/0000:10:02.0/0000:18:00.0/0000:19:00.0") NVIDIA(
                "/sys/devices/pci0000:20/0000:20:01.0/0000:21:00.0")
                NVIDIA("/sys/devices/pci0000:30/0000:30:01.0/0000:31:00.0") LINK(
                    "/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0", "8.0 GT/s PCIe", "4",
                    "8.0 GT/s PCIe",
                    "4") LINK("/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:01.0/0000:17:00.0",
                              "32.0 GT/s PCIe", "16", "32.0 GT/s PCIe", "16")
                    LINK("/sys/devices/pci0000:10/0000:10:02.0/0000:18:00.0/0000:19:00.0", "32.0 GT/s PCIe",
                         "16", "32.0 GT/s PCIe",
                         "16") "= "
                               "/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:00.0/0000:13:00.0/"
                               "0000:14:00.0/0000:15:00.0/numa_node 0\n"
                               "= /sys/devices/pci0000:20/0000:20:01.0/0000:21:00.0/numa_node 0\n"
                               "= /sys/devices/pci0000:30/0000:30:01.0/0000:31:00.0/numa_node 1\n" AT(
                                   "0000:15:00.0", "/devices/pci0000:10/0000:10:01.0/0000:11:00.0/"
                                                   "0000:12:00.0/0000:13:00.0/0000:14:00.0")
                                   AT("0000:16:00.0", "/devices/pci0000:10/0000:10:01.0/0000:11:00.0/"
                                                      "0000:12:00.0/0000:13:00.0/0000:14:01.0")
                                       AT("0000:17:00.0",
                                          "/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:01.0")
                                           AT("0000:19:00.0", "/devices/pci0000:10/0000:10:02.0/0000:18:00.0")
                                               AT("0000:21:00.0", "/devices/pci0000:20/0000:20:01.0")
                                                   AT("0000:31:00.0", "/devices/pci0000:30/0000:30:01.0");

static const hal_topology_link *link_between(const hal_topology *t, const char *from, const char *to)
{
    uint32_t a = hal_topology_device_find(t, from), b = hal_topology_device_find(t, to);
    const hal_topology_link *link;
    for (uint32_t i = 0; (link = hal_topology_link_at(t, i)) != NULL; i++)
        if (link->from.kind == HAL_END_DEVICE && link->to.kind == HAL_END_DEVICE && link->from.index == a &&
            link->to.index == b)
            return link;
    fail_msg("no link from %s to %s", from, to);
    return NULL;
}

static void paths_between_devices(void **state)
{
    (void)state;
    static const struct {
        const char *to, *path, *via;
    } expected[] = {{"gpu:0000:16:00.0", "PIX", "pci:0000:13:00.0"},
                    {"gpu:0000:17:00.0", "PXB", "pci:0000:11:00.0"},
                    {"gpu:0000:19:00.0", "PHB", "pci:0000:10"},
                    {"gpu:0000:21:00.0", "NODE", "numa0"},
                    {"gpu:0000:31:00.0", "SYS", "machine"}};
    hal_topology *t = discovered(paths);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const hal_topology_link *link = link_between(t, "gpu:0000:15:00.0", expected[i].to);
        assert_string_equal(link->path, expected[i].path);
        assert_string_equal(link->via, expected[i].via);
        assert_string_equal(link_between(t, expected[i].to, "gpu:0000:15:00.0")->path, expected[i].path);
        assert_int_equal(link->verified, 0);
    }
    /* as fast as the narrowest link on the way: the upper switch has four lanes */
    assert_int_equal(link_between(t, "gpu:0000:17:00.0", "gpu:0000:19:00.0")->bandwidth.value,
                     8e9 * 128 / 130 / 8 * 4);
    assert_int_equal(link_between(t, "gpu:0000:15:00.0", "gpu:0000:16:00.0")->bandwidth.source,
                     HAL_SOURCE_UNKNOWN);
    const hal_topology_place *place = hal_topology_place_at(t, device(t, "gpu:0000:19:00.0")->place);
    assert_string_equal(place->id, "pci:0000:10"); /* an old bridge is no switch */
    assert_int_equal(place->number, 0x10);
    hal_topology_release(t);
}

static void speeds_of_links(void **state)
{
    (void)state;
    static const struct {
        const char *speed;
        uint32_t generation;
        double bytes;
    } cases[] = {{"2.5 GT/s PCIe", 1, 0.25e9},
                 {"5.0 GT/s PCIe", 2, 0.5e9},
                 {"8.0 GT/s PCIe", 3, 8e9 * 128 / 130 / 8},
                 {"8 GT/s", 3, 8e9 * 128 / 130 / 8},
                 {"32.0 GT/s PCIe", 5, 32e9 * 128 / 130 / 8},
                 {"64.0 GT/s PCIe", 6, 64e9 * 236 / 256 / 8},
                 {"Unknown", 0, 0},
                 {"", 0, 0},
                 {"7.0 GT/s PCIe", 0, 0},
                 {"32.0", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t generation = 0;
        assert_true(hal_pcie_lane(cases[i].speed, &generation) == cases[i].bytes);
        assert_int_equal(generation, cases[i].generation);
    }
}

static void lists_of_processors(void **state)
{
    (void)state;
    assert_int_equal(hal_cpulist_count("0-55,112-167"), 112);
    assert_int_equal(hal_cpulist_count("3"), 1);
    assert_int_equal(hal_cpulist_count(""), 0);
    assert_int_equal(hal_cpulist_count("5-3"), 0);
    assert_int_equal(hal_cpulist_count("0-99999999999"), 0);
    assert_int_equal(hal_cpulist_count("0-1,x"), 2);
    assert_int_equal(hal_cpulist_common("0-7", "4-11,1"), 5);
}

static void limits_of_the_process(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        double processors, memory;
        const char *group;
        uint64_t left;
    } cases[] = {
        {HEAD, 0, 0, "", UINT64_MAX},
        {HEAD "< /proc/self/status\n\tName:\tx\n\tCpus_allowed_list:\t0-3,8\n", 5, 0, "", UINT64_MAX},
        /* the narrowest of a group and of those around it holds */
        {HEAD "= /proc/self/cgroup 0::/a/b\n= /sys/fs/cgroup/a/b/cpu.max 250000 100000\n"
              "= /sys/fs/cgroup/a/cpu.max 150000 100000\n= /sys/fs/cgroup/a/b/memory.max max\n"
              "= /sys/fs/cgroup/a/memory.max 1000\n= /sys/fs/cgroup/cpuset.cpus.effective 0-63\n",
         1.5, 1000, "/a/b", 1000},
        {HEAD "= /proc/self/cgroup 0::/\n= /sys/fs/cgroup/cpu.max max 100000\n= "
              "/sys/fs/cgroup/cpuset.cpus.effective 2-3\n",
         2, 0, "/", UINT64_MAX},
        {HEAD "< /proc/self/cgroup\n\t9:cpu,cpuacct:/x\n\t4:memory:/x\n\t3:cpuset:/x\n"
              "= /sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us 400000\n= "
              "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us 100000\n"
              "= /sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712\n"
              "= /sys/fs/cgroup/memory/x/memory.limit_in_bytes 8589934592\n= "
              "/sys/fs/cgroup/cpuset/x/cpuset.cpus 0-31\n",
         4, 8589934592.0, "/x", 8589934592},
        /* what is left: below the limit in either hierarchy, of the container's own root, on the machine */
        {HEAD "= /proc/self/cgroup 0::/a\n= /sys/fs/cgroup/a/memory.max 1000000\n"
              "= /sys/fs/cgroup/a/memory.current 400000\n< /proc/meminfo\n\tMemAvailable:   1000 kB\n",
         0, 1000000, "/a", 600000},
        {HEAD "= /proc/self/cgroup 4:memory:/x\n= /sys/fs/cgroup/memory/memory.limit_in_bytes 1000000\n"
              "= /sys/fs/cgroup/memory/memory.usage_in_bytes 1000001\n",
         0, 1000000, "/x", 0},
        {HEAD "= /proc/self/cgroup 0::/\n= /sys/fs/cgroup/memory.current 400000\n"
              "< /proc/meminfo\n\tMemTotal:   2000 kB\n\tMemAvailable:   1000 kB\n",
         0, 0, "/", 1024000},
        {HEAD "< /proc/self/cgroup\n\tnonsense\n\t:\n\t1:x\n\t0::\n", 0, 0, "", UINT64_MAX},
        {HEAD "= /proc/self/cgroup 0::/a\n= /sys/fs/cgroup/a/cpu.max 0 0\n= /sys/fs/cgroup/a/memory.max -5\n",
         0, 0, "/a", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hal_limits limits;
        hal_files *files = parsed(cases[i].tree);
        hal_limits_read(files, &limits);
        assert_true(limits.processors == cases[i].processors);
        assert_true(limits.memory == cases[i].memory);
        assert_string_equal(limits.group, cases[i].group);
        assert_int_equal(limits.left, cases[i].left);
        hal_files_close(files);
    }
}

/* Four devices of each of five vendors; numbers of Ascend's and places of Gaudi's are not in PCI order. */
#define ASCEND(address, number)                                                                              \
    DEVICE(PCI address, "0x19e5", "0xd802", "0x120000") "= " PCI address "/dev_id " number "\n"
#define AMD(address)        DEVICE(PCI address, "0x1002", "0x740f", "0x038000")
#define UUID(address, uuid) "< /proc/driver/nvidia/gpus/" address "/information\n\tGPU UUID: " uuid "\n"
#define GAUDI(address, place)                                                                                \
    DEVICE(PCI address, "0x1da3", "0x1020", "0x120000") "= " PCI address "/module_id " place "\n"
#define INTEL(address) DEVICE(PCI address, "0x8086", "0x56a0", "0x030000")
static const char twenty[] =
    HEAD NVIDIA(PCI "0000:01:00.0") NVIDIA(PCI "0000:02:00.0") NVIDIA(PCI "0000:03:00.0")
        NVIDIA(PCI "0000:04:00.0") UUID("0000:01:00.0", "GPU-a1") UUID("0000:02:00.0", "GPU-a2")
            UUID("0000:03:00.0", "GPU-b3") UUID("0000:04:00.0", "GPU-b4") AMD("0000:11:00.0")
                AMD("0000:12:00.0") AMD("0000:13:00.0") AMD("0000:14:00.0") ASCEND("0000:21:00.0", "3")
                    ASCEND("0000:22:00.0", "2") ASCEND("0000:23:00.0", "1") ASCEND("0000:24:00.0", "0")
                        GAUDI("0000:31:00.0", "3") GAUDI("0000:32:00.0", "2") GAUDI("0000:33:00.0", "1")
                            GAUDI("0000:34:00.0", "0") INTEL("0000:41:00.0") INTEL("0000:42:00.0")
                                INTEL("0000:43:00.0") INTEL("0000:44:00.0");

static void variables_hide_devices(void **state)
{
    (void)state;
    static const struct {
        const char *environment;
        const char *kind;
        unsigned bus;        /* of the first */
        const char *visible; /* one letter a device, in PCI order */
        const char *code;    /* of the others */
        const char *found;   /* of a diagnostic, or NULL */
    } cases[] = {
        {"OTHER=1", "gpu", 1, "++++", "", NULL},
        {"CUDA_VISIBLE_DEVICES=0,2", "gpu", 1, "+-+-", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES= 3 , 1", "gpu", 1, "-+-+", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=", "gpu", 1, "----", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=-1", "gpu", 1, "----", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=1,9,2", "gpu", 1, "-+--", "D901", "D911"},
        {"CUDA_VISIBLE_DEVICES=GPU-b", "gpu", 1, "--++", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=GPU-a2,0", "gpu", 1, "++--", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=MIG-GPU-a1/1/0", "gpu", 1, "+---", "D901", NULL},
        {"CUDA_VISIBLE_DEVICES=GPU-nobody", "gpu", 1, "----", "D901", "D911"},
        {"CUDA_VISIBLE_DEVICES=99999999999999999999", "gpu", 1, "----", "D901", "D911"},
        {"ROCR_VISIBLE_DEVICES=1,2,3", "gpu", 0x11, "-+++", "D902", NULL},
        {"ASCEND_RT_VISIBLE_DEVICES=0,1", "npu", 0x21, "--++", "D903", NULL},
        {"ASCEND_RT_VISIBLE_DEVICES=0,7", "npu", 0x21, "----", "D903", "D911"},
        {"NVIDIA_VISIBLE_DEVICES=0,1", "gpu", 1, "++++", "", NULL}, /* of a container's runtime, and this is none */
        {"HABANA_VISIBLE_MODULES=1,2", "npu", 0x31, "-++-", "D905", NULL},
        {"HABANA_VISIBLE_MODULES=0,9", "npu", 0x31, "---+", "D905", "D911"},
        {"ONEAPI_DEVICE_SELECTOR=level_zero:1,2", "gpu", 0x41, "-++-", "D904", NULL},
        {"ONEAPI_DEVICE_SELECTOR=level_zero:0.1;opencl:cpu", "gpu", 0x41, "+---", "D904", NULL},
        {"ONEAPI_DEVICE_SELECTOR=*:gpu", "gpu", 0x41, "++++", "", NULL},
        {"ONEAPI_DEVICE_SELECTOR=opencl:cpu", "gpu", 0x41, "----", "D904", NULL},
        {"ONEAPI_DEVICE_SELECTOR=opencl:3", "gpu", 0x41, "++++", "", NULL}, /* processors count there too */
        {"ONEAPI_DEVICE_SELECTOR=!level_zero:3", "gpu", 0x41, "+++-", "D904", NULL},
        {"ONEAPI_DEVICE_SELECTOR=*:*;!opencl:0", "gpu", 0x41, "++++", "", NULL},
        {"ONEAPI_DEVICE_SELECTOR=nonsense", "gpu", 0x41, "----", "D904", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[sizeof twenty + 256];
        const hal_topology_diagnostic *told;
        bool found = false;
        snprintf(text, sizeof text, "%s< /hal/env\n\t%s\n", twenty, cases[i].environment);
        hal_topology *t = scanned(text);
        for (unsigned k = 0; k < 4; k++) {
            snprintf(text, sizeof text, "%s:0000:%02x:00.0", cases[i].kind, cases[i].bus + k);
            const hal_topology_device *d = device(t, text);
            bool hidden = d->usability == HAL_USABLE_HIDDEN;
            if (hidden != (cases[i].visible[k] == '-'))
                fail_msg("%s: %s is %s", cases[i].environment, text, hidden ? "hidden" : "visible");
            if (hidden)
                assert_string_equal(d->reason, cases[i].code);
        }
        for (uint32_t k = 0; cases[i].found != NULL && (told = hal_topology_diagnostic_at(t, k)) != NULL; k++)
            found |= strcmp(told->code, cases[i].found) == 0;
        assert_int_equal(found, cases[i].found != NULL);
        hal_topology_release(t);
    }
}

/* A synthetic description has one size for all nodes; the kernel tells each node's own. */
static void each_node_has_its_own_capacity(void **state)
{
    (void)state;
    hal_topology *t = scanned(HEAD "= /hal/hwloc.synthetic Package:2 [NUMANode(memory=8192000)] Core:1 PU:1\n"
                                   "= /sys/devices/system/node/node0/meminfo Node 0 MemTotal: 8000 kB\n"
                                   "= /sys/devices/system/node/node1/meminfo Node 1 MemTotal: 8100 kB\n");
    assert_int_equal(hal_topology_memory_count(t), 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(hal_topology_memory_at(t, i)->capacity.value == 8192000 + i * 102400);
    hal_topology_release(t);
}

/* One id of each family that has variables. */
static const struct {
    const char *family, *vendor, *device, *class;
} examples[] = {
    {"nvidia", "0x10de", "0x2330", "0x030200"},   {"amdgpu", "0x1002", "0x740f", "0x038000"},
    {"intel-gpu", "0x8086", "0x56a0", "0x030000"}, {"intel-npu", "0x8086", "0x7d1d", "0x120000"},
    {"ascend", "0x19e5", "0xd802", "0x120000"},   {"gaudi", "0x1da3", "0x1020", "0x120000"},
    {"tpu", "0x1ae0", "0x005e", "0xff0000"},      {"tenstorrent", "0x1e52", "0x401e", "0x120000"},
    {"cambricon", "0xcabc", "0x0370", "0x120000"}, {"musa", "0x1ed5", "0x0201", "0x030000"},
    {"iluvatar", "0x1e3e", "0x0001", "0x120000"}, {"metax", "0x9999", "0x0a01", "0x030200"},
    {"enflame", "0x1e36", "0x0001", "0x120000"},
};

/* Two devices in a container that has a node of neither. */
static hal_topology *two_of(const char *family, const char *environment)
{
    char text[2048] = HEAD "/ /dev/shm\n";
    size_t row = 0;
    while (row < sizeof examples / sizeof *examples && strcmp(examples[row].family, family) != 0)
        row++;
    if (row == sizeof examples / sizeof *examples)
        fail_msg("%s has no example here", family);
    for (int i = 0; i < 2; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "= %s0000:0%d:00.0/vendor %s\n= %s0000:0%d:00.0/device %s\n= %s0000:0%d:00.0/class %s\n"
                 "= %s0000:0%d:00.0/module_id %d\n",
                 PCI, i + 1, examples[row].vendor, PCI, i + 1, examples[row].device, PCI, i + 1,
                 examples[row].class, PCI, i + 1, i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "< /hal/env\n\tcontainer=docker\n\t%s\n",
             environment);
    return scanned(text);
}

static void check_pair(const char *family, const char *environment, const char *seen, const char *code)
{
    hal_topology *t = two_of(family, environment);
    uint32_t n = 0;
    const hal_topology_device *d;
    for (uint32_t i = 0; (d = hal_topology_device_at(t, i)) != NULL; i++) {
        if (strcmp(d->family, family) != 0)
            continue;
        if ((d->usability == HAL_USABLE_HIDDEN) != (seen[n++] == '-'))
            fail_msg("%s: %s is %s", environment, d->id, hal_usability_name(d->usability));
        if (d->usability == HAL_USABLE_HIDDEN && code != NULL)
            assert_string_equal(d->reason, code);
    }
    assert_int_equal(n, 2);
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(t); i++)
        assert_string_not_equal(hal_topology_diagnostic_at(t, i)->code, "D911");
    hal_topology_release(t);
}

/* What the table of families says hides devices does. */
static void every_variable_of_a_family_hides_its_devices(void **state)
{
    (void)state;
    const hal_family *family;
    for (uint32_t i = 0; (family = hal_family_at(i)) != NULL; i++) {
        char name[64], setting[96];
        for (const char *rest = family->variables; hal_word_next(&rest, ' ', name, sizeof name);) {
            snprintf(setting, sizeof setting, "%s=%s0", name,
                     strcmp(name, "ONEAPI_DEVICE_SELECTOR") == 0 ? "level_zero:" : "");
            check_pair(family->name, setting, "+-", NULL);
        }
    }
    check_pair("enflame", "ENFLAME_VISIBLE_DEVICES=1", "-+", "D907");
    check_pair("intel-npu", "ZE_AFFINITY_MASK=1", "-+", "D904");
    check_pair("metax", "CUDA_VISIBLE_DEVICES=1", "-+", "D906");
    check_pair("metax", "CUDA_VISIBLE_DEVICES=1\n\tMACA_VISIBLE_DEVICES=1", "-+", "D906");
}

/* What the runtime of a container was told to leave out has no node in it, and is hidden; what has one is not,
 * and what was to be given and has none is broken. */
static void containers_leave_devices_out(void **state)
{
    (void)state;
    static const char fifth[] = NVIDIA(PCI "0000:05:00.0");
    char text[sizeof twenty + 512];
    for (int inside = 0; inside < 2; inside++) {
        snprintf(text, sizeof text,
                 "%s%s< /hal/env\n\tNVIDIA_VISIBLE_DEVICES=0,GPU-b3\n%sc /dev/nvidia9 195:9 0666 0:0\n"
                 "< /proc/driver/nvidia/gpus/0000:05:00.0/information\n\tDevice Minor: 9\n",
                 twenty, fifth, inside ? "\tcontainer=podman\n" : "");
        hal_topology *t = scanned(text);
        const hal_topology_device *out = device(t, "gpu:0000:02:00.0");
        assert_int_equal(out->usability == HAL_USABLE_HIDDEN, inside);
        if (inside) {
            assert_string_equal(out->reason, "D907");
            assert_non_null(strstr(out->reason_text, "NVIDIA_VISIBLE_DEVICES=0,GPU-b3"));
        }
        assert_int_not_equal(device(t, "gpu:0000:01:00.0")->usability, HAL_USABLE_HIDDEN);
        assert_int_not_equal(device(t, "gpu:0000:03:00.0")->usability, HAL_USABLE_HIDDEN);
        assert_int_not_equal(device(t, "gpu:0000:05:00.0")->usability, HAL_USABLE_HIDDEN);
        hal_topology_release(t);
    }
}

/* HIP's numbers count what ROCr's variable left. */
static void one_variable_after_another(void **state)
{
    (void)state;
    char text[sizeof twenty + 128];
    snprintf(text, sizeof text, "%s< /hal/env\n\tHIP_VISIBLE_DEVICES=1\n\tROCR_VISIBLE_DEVICES=1,3\n",
             twenty);
    hal_topology *t = scanned(text);
    assert_int_equal(device(t, "gpu:0000:12:00.0")->usability, HAL_USABLE_HIDDEN);
    assert_int_not_equal(device(t, "gpu:0000:14:00.0")->usability, HAL_USABLE_HIDDEN);
    hal_topology_release(t);
}

/* CUDA's order of unlike devices is CUDA's: only when it is the order of the bus is a number somebody's. */
static void numbers_of_unlike_devices(void **state)
{
    (void)state;
    static const char two[] =
        HEAD DEVICE(PCI "0000:01:00.0", "0x10de", "0x1eb8", "0x030200") NVIDIA(PCI "0000:02:00.0");
    char text[sizeof two + 128];
    for (int ordered = 0; ordered < 2; ordered++) {
        snprintf(text, sizeof text, "%s< /hal/env\n\tCUDA_VISIBLE_DEVICES=0\n%s", two,
                 ordered ? "\tCUDA_DEVICE_ORDER=PCI_BUS_ID\n" : "");
        hal_topology *t = scanned(text);
        assert_int_not_equal(device(t, "gpu:0000:01:00.0")->usability, HAL_USABLE_HIDDEN);
        assert_int_equal(device(t, "gpu:0000:02:00.0")->usability == HAL_USABLE_HIDDEN, ordered);
        assert_int_equal(hal_topology_diagnostic_count(t), !ordered);
        if (!ordered)
            assert_string_equal(hal_topology_diagnostic_at(t, 0)->code, "D912");
        hal_topology_release(t);
    }
}

#define NODES "/sys/class/kfd/kfd/topology/nodes/"
#define XGMI(from, to)                                                                                       \
    "< " NODES from "/io_links/0/properties\n\ttype 11\n\tnode_from " from "\n\tnode_to " to                 \
    "\n\tmin_bandwidth 32000\n\tmax_bandwidth 64000\n"

static void nodes_of_amd(void **state)
{
    (void)state;
    hal_topology *t = discovered(HEAD AMD("0000:11:00.0") AMD(
        "0000:12:00.0") "< " NODES "0/properties\n\tsimd_count 0\n\tcpu_cores_count 64\n"
                        "< " NODES "1/properties\n\tsimd_count 416\n\tsimd_per_cu 4\n\tlocation_id "
                        "4352\n\tdomain 0\n\tgfx_target_version 90010\n"
                        "< " NODES
                        "2/properties\n\tsimd_count 416\n\tsimd_per_cu 4\n\tlocation_id 4608\n\tdomain 0\n"
                        "< " NODES
                        "1/mem_banks/0/properties\n\theap_type 1\n\tsize_in_bytes 68702699520\n" XGMI(
                            "1", "2") XGMI("2", "1") "< " NODES
                                                     "9/properties\n\tsimd_count 1\n\tlocation_id 99999\n"
                                                     "c /dev/kfd 235:0 0666 0:0\n");
    const hal_topology_device *gpu = device(t, "gpu:0000:11:00.0");
    assert_int_equal(gpu->cores, 104);
    assert_int_equal(index_of(gpu, "kfd"), 1);
    assert_true(has_text(gpu->features, gpu->n_features, "gfx90a"));
    assert_true(has_text(gpu->nodes, gpu->n_nodes, "/dev/kfd"));
    assert_int_equal(hal_topology_memory_at(t, gpu->memories[0])->capacity.value, 68702699520);
    const hal_topology_link *link, *found = NULL;
    for (uint32_t i = 0; (link = hal_topology_link_at(t, i)) != NULL; i++)
        if (strcmp(link->kind, "xgmi") == 0)
            found = link;
    assert_non_null(found);
    assert_int_equal(found->bandwidth.value, 64e9);
    assert_int_equal(found->bandwidth.source, HAL_SOURCE_VENDOR);
    assert_int_equal(found->lanes, 2);
    hal_topology_release(t);
}

#define SOC "/sys/devices/platform/"
static void devices_off_pci(void **state)
{
    (void)state;
    hal_topology *t =
        discovered(HEAD "= " SOC "fdab0000.npu/modalias of:NnpuT(null)Crockchip,rk3588-rknn-core\n"
                        "@ " SOC "fdab0000.npu/subsystem ../../../bus/platform\n"
                        "@ " SOC "fdab0000.npu/driver ../../../bus/platform/drivers/rocket\n"
                        "= " SOC "fdac0000.npu/modalias of:NnpuT(null)Crockchip,rk3588-rknn-core\n"
                        "@ /sys/bus/platform/devices/fdab0000.npu ../../../devices/platform/fdab0000.npu\n"
                        "@ /sys/bus/platform/devices/fdac0000.npu ../../../devices/platform/fdac0000.npu\n"
                        "@ " SOC "rknn/subsystem ../../../bus/platform\n"
                        "@ " SOC "rknn/accel/accel0/device ../../../rknn\n"
                        "@ /sys/class/accel/accel0 ../../devices/platform/rknn/accel/accel0\n"
                        "@ " SOC "fb000000.gpu/subsystem ../../../bus/platform\n"
                        "@ " SOC "fb000000.gpu/driver ../../../bus/platform/drivers/panthor\n"
                        "@ " SOC "fb000000.gpu/drm/card1/device ../../../fb000000.gpu\n"
                        "@ " SOC "fb000000.gpu/drm/renderD128/device ../../../fb000000.gpu\n"
                        "@ /sys/class/drm/card1 ../../devices/platform/fb000000.gpu/drm/card1\n"
                        "@ /sys/class/drm/renderD128 ../../devices/platform/fb000000.gpu/drm/renderD128\n"
                        "@ " SOC "display/subsystem ../../../bus/platform\n"
                        "@ " SOC "display/driver ../../../bus/platform/drivers/rockchip-drm\n"
                        "@ " SOC "display/drm/renderD129/device ../../../display\n"
                        "@ /sys/class/drm/renderD129 ../../devices/platform/display/drm/renderD129\n"
                        "/ /sys/class/misc/fastrpc-cdsp\n"
                        "c /dev/davinci4 236:4 0660 0:0\n"
                        "= /dev/davinci5 no device\n");
    const hal_topology_device *npu = device(t, "npu:fdab0000.npu");
    assert_string_equal(npu->family, "rocket");
    assert_int_equal(npu->cores, 2);
    assert_int_equal(index_of(npu, "accel"), 0);
    assert_true(has_text(npu->nodes, npu->n_nodes, "/dev/accel/accel0"));
    const hal_topology_device *gpu = device(t, "gpu:fb000000.gpu");
    assert_int_equal(index_of(gpu, "drm"), 1);
    assert_true(has_text(gpu->nodes, gpu->n_nodes, "/dev/dri/renderD128"));
    assert_absent(t, "display");
    assert_string_equal(device(t, "npu:fastrpc-cdsp")->family, "hexagon");
    assert_string_equal(device(t, "npu:davinci4")->family, "ascend");
    assert_absent(t, "davinci5");
    hal_topology_release(t);
}

#define VIRTUAL "/sys/devices/pci0000:00/0000:00:03.0"
static void virtual_cards(void **state)
{
    (void)state;
    hal_topology *t = discovered(HEAD "= " VIRTUAL "/class 0x020000\n"
                                      "= " VIRTUAL "/vendor 0x1af4\n"
                                      "= " VIRTUAL "/device 0x1041\n"
                                      "@ /sys/bus/pci/devices/0000:00:03.0 ../../../devices/pci0000:00/0000:00:03.0\n"
                                      "@ " VIRTUAL "/virtio2/net/eth0/device ../../../virtio2\n"
                                      "@ /sys/class/net/eth0 ../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0\n"
                                      "/ /sys/devices/virtual/net/lo\n"
                                      "@ /sys/class/net/lo ../../devices/virtual/net/lo\n");
    const hal_topology_device *nic = device(t, "nic:0000:00:03.0");
    assert_int_equal(nic->n_ways, 1);
    assert_string_equal(nic->ways[0], "net: eth0");
    hal_topology_release(t);
}

#define CAPS "/proc/driver/nvidia/capabilities/gpu0/mig/"
static void parts_of_a_gpu(void **state)
{
    (void)state;
    hal_topology *t = discovered(
        HEAD NVIDIA(PCI "0000:01:00.0") "< /proc/driver/nvidia/gpus/0000:01:00.0/information\n\tModel: "
                                        "NVIDIA A100\n\tDevice Minor: 0\n"
                                        "= " CAPS "gi1/access DeviceFileMinor: 12\n"
                                        "= " CAPS "gi1/ci0/access DeviceFileMinor: 13\n"
                                        "= " CAPS "gi1/ci1/access DeviceFileMinor: 14\n"
                                        "/ " CAPS "gix\n"
                                        "/ /proc/driver/nvidia/capabilities/gpu7/mig/gi1/ci0\n");
    const hal_topology_device *part = device(t, "gpu:0000:01:00.0/gi1ci1");
    assert_string_equal(part->alias, "gpu0.1");
    assert_int_equal(part->parent, hal_topology_device_find(t, "gpu0"));
    assert_true(has_text(part->nodes, part->n_nodes, "/dev/nvidia-caps/nvidia-cap12"));
    assert_true(has_text(part->nodes, part->n_nodes, "/dev/nvidia-caps/nvidia-cap14"));
    assert_int_equal(count(t, HAL_DEVICE_GPU), 3);
    hal_topology_release(t);
}

#define NODE "/sys/devices/system/node/"
static void kinds_of_memory(void **state)
{
    (void)state;
    hal_topology *t = discovered(
        HEAD "= /sys/devices/system/cpu/online 0-3\n"
             "= /sys/devices/system/cpu/cpu2/topology/physical_package_id 1\n"
             "= /sys/devices/system/cpu/cpu3/topology/physical_package_id 1\n"
             "= " NODE "node0/cpulist 0-1\n< " NODE
             "node0/meminfo\n\tNode 0 MemTotal: 1000 kB\n\tNode 0 MemFree: 10 kB\n"
             "= " NODE "node1/cpulist 2-3\n< " NODE
             "node1/meminfo\n\tNode 1 MemTotal: 1000 kB\n\tNode 1 MemFree: 5 kB\n"
             "= " NODE "node2/cpulist\n< " NODE
             "node2/meminfo\n\tNode 2 MemTotal: 4000 kB\n\tNode 2 MemFree: 4000 kB\n"
             "= " NODE "node3/cpulist\n< " NODE "node3/meminfo\n\tNode 3 MemTotal: 0 kB\n"
             "= " NODE "node4/cpulist\n< " NODE "node4/meminfo\n\tNode 4 MemTotal: 8000 kB\n"
             "= /sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0/target_node 2\n"
             "@ /sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0/driver "
             "/sys/bus/dax/drivers/kmem\n"
             "@ /sys/bus/dax/devices/dax0.0 "
             "/sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0\n" /* */
        NVIDIA(PCI "0009:01:00.0") "< /proc/driver/nvidia/gpus/0009:01:00.0/numa_status\n\tNode:      "
                                   "4\n\tStatus:    online\n" DEVICE(
                                       PCI "0000:00:02.0", "0x8086", "0x7d55",
                                       "0x030000") "= " PCI "0000:00:02.0/numa_node -1\n");
    static const struct {
        const char *id;
        hal_memory_kind kind;
        uint32_t shared;
    } expected[] = {{"numa0", HAL_MEMORY_DRAM, 1},
                    {"numa1", HAL_MEMORY_DRAM, 0},
                    {"numa2", HAL_MEMORY_CXL, 0},
                    {"numa4", HAL_MEMORY_HBM, 1}};
    for (uint32_t i = 0; i < 4; i++) {
        const hal_topology_memory *m = hal_topology_memory_at(t, i);
        assert_non_null(m);
        assert_string_equal(m->id, expected[i].id);
        assert_int_equal(m->kind, expected[i].kind);
        assert_int_equal(m->shared, expected[i].shared);
    }
    assert_null(hal_topology_memory_at(t, 4));
    assert_int_equal(hal_topology_memory_at(t, 1)->free.value, 5 * 1024);
    assert_int_equal(count(t, HAL_DEVICE_CPU), 2);
    assert_int_equal(device(t, "cpu1")->numa, 1);
    assert_int_equal(device(t, "gpu:0009:01:00.0")->memories[0], 3);
    assert_int_equal(device(t, "gpu:0000:00:02.0")->memories[0], 0);
    hal_topology_release(t);
}

static void hidden_packages(void **state)
{
    (void)state;
    hal_topology *t = discovered(HEAD "= /hal/hwloc.synthetic pack:2 core:2 pu:1\n"
                                      "= /proc/self/status Cpus_allowed_list: 0-1\n");
    assert_int_not_equal(device(t, "cpu0")->usability, HAL_USABLE_HIDDEN);
    assert_int_equal(device(t, "cpu1")->usability, HAL_USABLE_HIDDEN);
    assert_string_equal(device(t, "cpu1")->reason, "D910");
    assert_int_equal(hal_topology_host_of(t)->cpu_limit.value, 2);
    hal_topology_release(t);
}

/* A machine of which nothing can be read has a processor, as something reads. */
static void nothing_at_all(void **state)
{
    (void)state;
    hal_topology *t = discovered(HEAD);
    assert_int_equal(count(t, HAL_DEVICE_CPU), 1);
    assert_null(hal_topology_device_at(t, 1));
    assert_int_equal(hal_topology_host_of(t)->cpu_limit.source, HAL_SOURCE_UNKNOWN);
    hal_topology_release(t);
}

static void odd_trees_do_no_harm(void **state)
{
    (void)state;
    static const char *const trees[] = {
        HEAD "@ " PCI "0000:01:00.0 0000:01:00.0\n",
        HEAD "! /sys/bus/pci/devices EACCES\n! /sys/class/drm EIO\n",
        HEAD "= /sys/bus/pci/devices file\n= /sys/class/accel file\n= /dev file\n",
        HEAD DEVICE(PCI "garbage", "0x10de", "0x2330", "0x030200"),
        HEAD DEVICE(PCI "0000:01:00.0", "0x10de2330ffffffffffff", "-1", "0x99999999999999999999"),
        HEAD DEVICE(PCI "0000:01:00.0", "ten", "", "0x0302000x"),
        HEAD NVIDIA(PCI "0000:01:00.0") "= " PCI "0000:01:00.0/numa_node 4294967295\n",
        HEAD NVIDIA(PCI "0000:01:00.0") "@ " PCI "0000:01:00.0/physfn .\n",
        HEAD NVIDIA(PCI "0000:01:00.0") "@ " PCI "0000:01:00.0/physfn ../0000:02:00.0\n" NVIDIA(
            PCI "0000:02:00.0") "@ " PCI "0000:02:00.0/physfn ../0000:01:00.0\n",
        HEAD "@ /sys/class/drm/card0 card0\n@ /sys/class/accel/accel0/device /\n/ "
             "/sys/class/drm/card18446744073709551616\n",
        HEAD "= /sys/devices/system/cpu/online 0-4294967295\n= " NODE "node4294967294/cpulist 0-1,x\n",
        HEAD "< " NODES "99999999/properties\n\tsimd_count 1\n< " NODES
             "0/properties\n\tsimd_count 5\n\tsimd_per_cu 0\n",
        HEAD "< /proc/driver/nvidia/gpus/0000:01:00.0/information\n\tDevice Minor: 99999999999\n",
        HEAD "= /hal/env\n= /hal/id nobody\n= /hal/uname\n= /hal/date never\n= /proc/cpuinfo model name\n",
    };
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        hal_topology_options options = {HAL_HEAD(hal_topology_options), .deadline = SOON};
        hal_topology *t = NULL;
        hal_files *files = parsed(trees[i]);
        if (hal_discover(files, &options, &t) == HAL_OK)
            hal_topology_release(t);
        else
            print_message("%zu: %s\n", i, hal_status_last()->text);
        hal_files_close(files);
    }
}

static void descriptions_that_are_refused(void **state)
{
    (void)state;
    static const char *const trees[] = {HEAD "= /hal/hwloc.synthetic node:4 pu:100000000\n",
                                        HEAD "= /hal/hwloc.synthetic pack:999 core:999 pu:2\n",
                                        HEAD "= /hal/hwloc.synthetic nonsense\n",
                                        HEAD "= /hal/hwloc.synthetic pack:2 0x120000\n",
                                        HEAD "= /hal/hwloc.synthetic pack:2 pu:-2\n",
                                        HEAD "= /hal/hwloc.synthetic pack:2[numa]100000 pu:9\n",
                                        HEAD "= /hal/hwloc.synthetic pack:2((core:2\n"};
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        hal_topology_options options = {HAL_HEAD(hal_topology_options), .deadline = SOON};
        hal_topology *t = NULL;
        hal_files *files = parsed(trees[i]);
        assert_code(hal_discover(files, &options, &t), INVALID_ARGUMENT);
        assert_non_null(strstr(hal_status_last()->text, "hwloc.synthetic"));
        assert_null(t);
        hal_files_close(files);
    }
}

static uint32_t allocations_left;
static void *allocate_some(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    (void)alignment;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return aligned_alloc(64, (bytes + 63) & ~(size_t)63);
}

static void release_some(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

/* Whichever allocation fails, the answer is a description or OUT_OF_MEMORY. */
static void running_out_of_memory_is_told(void **state)
{
    (void)state;
    const hal_allocator allocator = {.allocate = allocate_some, .release = release_some};
    bool done = false;
    for (uint32_t n = 0; !done && n < 20000; n += n < 200 ? 1 : 37) {
        hal_topology_options options = {HAL_HEAD(hal_topology_options), .allocator = &allocator,
                                        .deadline = SOON};
        hal_files *files = NULL;
        hal_topology *t = NULL;
        allocations_left = n;
        hal_status status = tree_parse(&allocator, "some.tree", paths, strlen(paths), &files);
        if (status == HAL_OK)
            status = hal_discover(files, &options, &t);
        if (status != HAL_OK)
            assert_code(status, OUT_OF_MEMORY);
        done = allocations_left > 0 && status == HAL_OK;
        hal_topology_release(t);
        hal_files_close(files);
    }
    assert_true(done);
}

static char *as_json(const hal_topology *t)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_ok(hal_topology_print_json(t, 0, out));
    fclose(out);
    return text;
}

static void write_tree(const char *path, const char *text)
{
    size_t bytes;
    char *whole = tree_end(text, strlen(text), &bytes);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(whole, file);
    fclose(file);
    free(whole);
}

/* What gather writes is described as what it was gathered from, and gathered again is the same text. */
static void what_is_gathered_is_the_same_machine(void **state)
{
    (void)state;
    static const char odd[] = HEAD NVIDIA(
        PCI "0000:01:00.0") "= /hal/env CUDA_VISIBLE_DEVICES=\n"
                            "= /hal/uname Linux\n= /hal/date 7\n= /hal/id uid=5 gid=6 groups=44(video)\n"
                            "= " PCI "0000:01:00.0/with\\040blank  a b \nx " PCI
                            "0000:01:00.0/octets 00ff0a\n"
                            "c /dev/nvidia0 195:0 0600 0:0\n! /dev/nvidia0 EPERM\n= /sys/secret 1\nm "
                            "/sys/secret 0400 0:0\n"
                            "= /etc/passwd root:x:0:0::/root:/bin/sh\n= /etc/group video:x:44:ann,bob\n"
                            "< /proc/driver/nvidia/gpus/0000:01:00.0/information\n\tDevice Minor: 0\n";
    const char *trees[] = {paths, twenty, odd};
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        char *gathered[2] = {NULL, NULL}, *json[2];
        size_t size;
        for (int pass = 0; pass < 2; pass++) {
            write_tree(scratch_path("machine.tree"), pass == 0 ? trees[i] : gathered[0]);
            FILE *out = open_memstream(&gathered[pass], &size);
            assert_ok(hal_topology_gather(scratch_path("machine.tree"), out));
            fclose(out);
            hal_topology *t = discovered(pass == 0 ? trees[i] : gathered[0]);
            json[pass] = as_json(t);
            hal_topology_release(t);
        }
        assert_string_equal(json[0], json[1]);
        assert_string_equal(gathered[0], gathered[1]);
        assert_null(strstr(gathered[0], "bob"));
        for (int pass = 0; pass < 2; pass++) {
            free(gathered[pass]);
            free(json[pass]);
        }
    }
}

static void this_machine_is_described_twice_alike(void **state)
{
    (void)state;
    hal_topology_options options = {HAL_HEAD(hal_topology_options)};
    hal_topology *t = NULL;
    assert_ok(hal_topology_create(&options, &t));
    assert_true(count(t, HAL_DEVICE_CPU) >= 1);
    assert_string_equal(hal_topology_host_of(t)->os, "Linux");
    assert_int_equal(hal_topology_host_of(t)->offline, 0);
    FILE *out = fopen(scratch_path("this.tree"), "w");
    assert_ok(hal_topology_gather(NULL, out));
    fclose(out);
    options.input = scratch_path("this.tree");
    hal_topology *again = NULL;
    hal_status status = hal_topology_create(&options, &again);
    if (status == HAL_OK) {
        const hal_topology_device *a, *b;
        for (uint32_t i = 0; (a = hal_topology_device_at(t, i)) != NULL; i++) {
            assert_non_null(b = hal_topology_device_at(again, i));
            assert_string_equal(a->id, b->id);
            assert_string_equal(a->name, b->name);
        }
        hal_topology_release(again);
    } else {
        print_message("not read again: %s\n", hal_status_last()->text); /* the helper is not installed yet */
    }
    hal_topology_release(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_on_pci),
        cmocka_unit_test(paths_between_devices),
        cmocka_unit_test(speeds_of_links),
        cmocka_unit_test(lists_of_processors),
        cmocka_unit_test(limits_of_the_process),
        cmocka_unit_test(variables_hide_devices),
        cmocka_unit_test(each_node_has_its_own_capacity),
        cmocka_unit_test(every_variable_of_a_family_hides_its_devices),
        cmocka_unit_test(containers_leave_devices_out),
        cmocka_unit_test(one_variable_after_another),
        cmocka_unit_test(numbers_of_unlike_devices),
        cmocka_unit_test(nodes_of_amd),
        cmocka_unit_test(devices_off_pci),
        cmocka_unit_test(virtual_cards),
        cmocka_unit_test(parts_of_a_gpu),
        cmocka_unit_test(kinds_of_memory),
        cmocka_unit_test(hidden_packages),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(odd_trees_do_no_harm),
        cmocka_unit_test(descriptions_that_are_refused),
        cmocka_unit_test(running_out_of_memory_is_told),
        cmocka_unit_test(what_is_gathered_is_the_same_machine),
        cmocka_unit_test(this_machine_is_described_twice_alike),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

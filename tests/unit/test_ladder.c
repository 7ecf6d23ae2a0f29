/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder: one machine on which everything holds, and for each code what must be changed on it so that
 * just this code is the answer. The machine is a recorded tree; its devices are put into the draft as a scan
 * would put them there.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <elf.h>
#include <sys/stat.h>

#include "hal/discovery/answer.h"
#include "hal/discovery/family.h"
#include "hal/discovery/scan.h"
#include "hal/discovery/search.h"
#include "hal/discovery/words.h"

#define PORT   "/sys/devices/pci0000:16/0000:16:00.0/"
#define GPU    PORT "0000:1b:00.0/"
#define SECOND "/sys/devices/pci0000:16/0000:16:01.0/0000:1c:00.0/"
#define NPU    "/sys/devices/pci0000:00/0000:00:0b.0/"
#define XDNA   "/sys/devices/pci0000:00/0000:c5:00.1/"
#define ASCEND "/sys/devices/pci0000:00/0000:c1:00.0/"
#define AMD    "/sys/devices/pci0000:00/0000:03:00.0/"
#define LIB    "/usr/lib/x86_64-linux-gnu/"

/* Everything holds here. */
static const char whole[] =
    "hal-tree 1\n"
    "= /hal/id uid=1000 gid=1000 groups=109(render)\n"
    "< /hal/env\n"
    "\tHOME=/home/ann\n"
    "< /hal/dmesg\n"
    "\t[    0.000000] Linux version 6.8.0\n"
    "\t[    9.000000] quiet\n"
    "< /etc/passwd\n"
    "\troot:x:0:0::/root:/bin/sh\n"
    "\tann:x:1000:1000::/home/ann:/bin/sh\n"
    "< /etc/group\n"
    "\tvideo:x:44:\n"
    "\trender:x:109:bob\n"
    "\tHwHiAiUser:x:1001:\n"
    "= /proc/sys/kernel/tainted 4097\n"
    "= /proc/cmdline quiet splash\n"
    "< /lib/modules/6.8.0/modules.dep\n"
    "\tkernel/drivers/accel/ivpu/intel_vpu.ko.zst:\n"
    "\tupdates/dkms/nvidia.ko:\n"
    "\tupdates/drv_vascend.ko:\n"
    "\tkernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst:\n"
    "= /lib/modules/6.8.0/modules.builtin kernel/drivers/tty/vt.ko\n"
    "= /lib/firmware/intel/vpu/vpu_37xx_v1.bin.zst x\n"
    "= /lib/firmware/amdnpu/17f0_10/npu.sbin.zst x\n"
    "@ /sys/bus/pci/devices/0000:1b:00.0 ../../../devices/pci0000:16/0000:16:00.0/0000:1b:00.0\n"
    "@ /sys/bus/pci/devices/0000:1c:00.0 ../../../devices/pci0000:16/0000:16:01.0/0000:1c:00.0\n"
    "@ /sys/bus/pci/devices/0000:00:0b.0 ../../../devices/pci0000:00/0000:00:0b.0\n"
    "@ /sys/bus/pci/devices/0000:c5:00.1 ../../../devices/pci0000:00/0000:c5:00.1\n"
    "@ /sys/bus/pci/devices/0000:c1:00.0 ../../../devices/pci0000:00/0000:c1:00.0\n"
    "@ /sys/bus/pci/devices/0000:03:00.0 ../../../devices/pci0000:00/0000:03:00.0\n"
    "= " PORT "max_link_width 16\n"
    "= " PORT "max_link_speed 32.0 GT/s PCIe\n"
    "= " GPU "current_link_width 16\n"
    "= " GPU "max_link_width 16\n"
    "= " GPU "current_link_speed 32.0 GT/s PCIe\n"
    "= " GPU "max_link_speed 32.0 GT/s PCIe\n"
    "= " GPU "numa_node 0\n"
    "= " GPU "power_state D0\n"
    "< " GPU "resource\n"
    "\t0x00000000a0000000 0x00000000a0ffffff 0x0000000000040200\n"
    "\t0x0000006000000000 0x0000007fffffffff 0x000000000014220c\n"
    "< " GPU "aer_dev_fatal\n"
    "\tUndefined 0\n"
    "\tTOTAL_ERR_FATAL 0\n"
    "= " SECOND "numa_node 0\n"
    "= " NPU "numa_node 0\n"
    "= " XDNA "numa_node 0\n"
    "= " ASCEND "numa_node 0\n"
    "= " AMD "numa_node 0\n"
    "/ /sys/module/nvidia\n"
    "/ /sys/module/intel_vpu\n"
    "/ /sys/module/amdxdna\n"
    "/ /sys/module/amdgpu\n"
    "/ /sys/module/devdrv_device_driver\n"
    "= /sys/class/accel/accel0/dev 261:0\n"
    "c /dev/nvidia0 195:0 0666 0:0\n"
    "c /dev/nvidia1 195:1 0666 0:0\n"
    "c /dev/nvidiactl 195:255 0666 0:0\n"
    "c /dev/nvidia-uvm 511:0 0666 0:0\n"
    "c /dev/accel/accel0 261:0 0660 0:109\n"
    "c /dev/accel/accel1 261:1 0660 0:109\n"
    "c /dev/dri/renderD128 226:128 0660 0:109\n"
    "c /dev/kfd 235:0 0660 0:109\n"
    "c /dev/davinci0 236:0 0666 0:1001\n"
    "c /dev/davinci_manager 237:0 0666 0:1001\n"
    "c /dev/devmm_svm 238:0 0666 0:1001\n"
    "c /dev/hisi_hdc 239:0 0666 0:1001\n"
    "@ " LIB "libcuda.so.1 libcuda.so.570.124.06\n"
    "= " LIB "libcuda.so.570.124.06 ELF 64 x86_64\n"
    "@ " LIB "libnvidia-ml.so.1 libnvidia-ml.so.570.124.06\n"
    "= " LIB "libnvidia-ml.so.570.124.06 ELF 64 x86_64\n"
    "= " LIB "libnvidia-opencl.so.1 ELF 64 x86_64\n"
    "= " LIB "libOpenCL.so.1 ELF\n"
    "@ " LIB "libze_loader.so.1 libze_loader.so.1.18.5\n"
    "= " LIB "libze_loader.so.1.18.5 ELF\n"
    "= " LIB "libze_intel_npu.so.1 ELF\n"
    "= " LIB "libnpu_driver_compiler.so ELF\n"
    "= " LIB "libxrt_core.so.2 ELF\n"
    "= " LIB "libxrt_coreutil.so.2 ELF\n"
    "= " LIB "libxrt_driver_xdna.so.2 ELF\n"
    "= " LIB "libhsa-runtime64.so.1 ELF\n"
    "= " LIB "libamdhip64.so.6 ELF\n"
    "= " LIB "libamdocl64.so ELF\n"
    "= " LIB "libdcmi.so ELF\n"
    "= " LIB "libascend_hal.so ELF\n"
    "= " LIB "libascendcl.so ELF\n"
    "= /etc/OpenCL/vendors/nvidia.icd libnvidia-opencl.so.1\n"
    "= /etc/OpenCL/vendors/amdocl64.icd libamdocl64.so\n"
    "< /usr/local/Ascend/driver/version.info\n"
    "\tVersion=24.1.rc3\n"
    "\tcompatible_version_fw=[6.4.0,6.4.99],[7.0.0,7.5.99]\n"
    "= /usr/local/Ascend/firmware/version.info Version=7.5.0.1.129\n";

/* A device as a scan would find it: what changes of it is written where it is needed. */
typedef struct found {
    const char *family, *address, *driver, *version, *node;
    uint32_t kind, device, revision;
} found;

static const found gpu = {"nvidia",       "0000:1b:00.0", "nvidia", "570.124.06",
                          "/dev/nvidia0", HAL_DEVICE_GPU, 0x2330,   0xa1};
static const found second = {"nvidia",       "0000:1c:00.0", "nvidia", "570.124.06",
                             "/dev/nvidia1", HAL_DEVICE_GPU, 0x2330,   0xa1};
static const found npu = {"intel-npu",         "0000:00:0b.0", "intel_vpu", "",
                          "/dev/accel/accel0", HAL_DEVICE_NPU, 0x7d1d,      4};
static const found xdna = {"xdna",         "0000:c5:00.1", "amdxdna", "", "/dev/accel/accel1",
                           HAL_DEVICE_NPU, 0x17f0,         0x10};
static const found ascend = {
    "ascend", "0000:c1:00.0", "devdrv_device_driver", "", "/dev/davinci0", HAL_DEVICE_NPU, 0xd802, 0x20};
static const found amd = {"amdgpu",       "0000:03:00.0", "amdgpu", "", "/dev/dri/renderD128",
                          HAL_DEVICE_GPU, 0x740f,         2};

static const found part = {
    "nvidia",       "0000:1b:00.0", "nvidia", "570.124.06", "/dev/nvidia-caps/nvidia-cap21",
    HAL_DEVICE_GPU, 0x2330,         0xa1};

static bool starts_line(const char *line, const char *prefixes)
{
    char prefix[256];
    while (hal_word_next(&prefixes, '\n', prefix, sizeof prefix))
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

/* The machine without lines that begin with a line of `without` (and what hangs below them), with `with`
 * added. */
static hal_files *changed(const char *without, const char *with)
{
    char *text = calloc(1, sizeof whole + strlen(with) + 1), *out = text;
    bool dropped = false;
    for (const char *line = whole; *line != '\0';) {
        size_t length = strcspn(line, "\n") + 1;
        dropped = line[0] == '\t' ? dropped || starts_line(line, without) : starts_line(line, without);
        if (!dropped) {
            memcpy(out, line, length);
            out += length;
        }
        if (line[0] == '\t' && starts_line(line, without))
            dropped = false;
        line += length;
    }
    strcpy(out, with);
    hal_files *files = NULL;
    if (hal_files_parse(NULL, "case", text, strlen(text), &files) != HAL_OK)
        fail_msg("%s\n%s", hal_status_last()->text, with);
    free(text);
    return files;
}

static hal_draft *machine(void)
{
    hal_draft *draft = NULL;
    assert_ok(hal_draft_create(NULL, &draft));
    hal_topology_host *host = hal_draft_host(draft);
    host->arch = hal_draft_text(draft, "x86_64");
    host->kernel = hal_draft_text(draft, "6.8.0");
    host->cgroup = hal_draft_text(draft, "/docker/4f");
    hal_draft_add_place(
        draft, &(hal_topology_place){.kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine"});
    hal_draft_add_place(draft, &(hal_topology_place){.kind = HAL_PLACE_NUMA, .id = "numa0"});
    hal_draft_add_place(draft, &(hal_topology_place){.kind = HAL_PLACE_NUMA, .id = "numa1"});
    return draft;
}

static uint32_t add(hal_draft *draft, found device)
{
    char id[64];
    snprintf(id, sizeof id, "%s:%s", hal_device_kind_name(device.kind), device.address);
    uint32_t index = hal_draft_add_device(draft, &(hal_topology_device){.id = id,
                                                                        .kind = device.kind,
                                                                        .family = device.family,
                                                                        .address = device.address,
                                                                        .driver = device.driver,
                                                                        .driver_version = device.version,
                                                                        .parent = HAL_NOWHERE,
                                                                        .numa = HAL_NOWHERE,
                                                                        .pci_device = device.device,
                                                                        .pci_revision = device.revision});
    if (device.node[0] != '\0')
        hal_draft_device_node(draft, index, device.node);
    return index;
}

static bool produced[1100];
/* Where the plugins of this build lie, or NULL. */
static const char *built_plugins;

static hal_topology *sealed(hal_draft *draft)
{
    hal_topology *topology = NULL;
    if (hal_draft_seal(draft, &topology) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        produced[strtoul(hal_topology_diagnostic_at(topology, i)->code + 1, NULL, 10)] = true;
    return topology;
}

static const hal_topology_diagnostic *diagnosed(const hal_topology *topology, uint32_t code)
{
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        if (strtoul(hal_topology_diagnostic_at(topology, i)->code + 1, NULL, 10) == code)
            return hal_topology_diagnostic_at(topology, i);
    return NULL;
}

static void list_findings(const hal_topology *topology)
{
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(topology, i);
        print_message("  %s %s: %s [%s]\n", d->code, d->summary, d->evidence, d->remedy);
    }
}

/* On a machine changed so, `device` alone must have that code, as its reason when it is a failure, and
 * evidence with the words. */
typedef struct given {
    uint32_t code;
    const found *device;
    const char *without, *with, *words;
    /* Of the device, where it is not as always: */
    const char *driver, *node;
} given;

static uint32_t severity_of(uint32_t code)
{
    char name[16];
    snprintf(name, sizeof name, "D%u", code);
    const hal_code_row *row = hal_code_explain(name);
    if (row == NULL)
        fail_msg("%s is no code", name);
    return row->severity;
}

static void check_device(const hal_topology *topology, const given *g)
{
    char expected[16], id[64];
    snprintf(id, sizeof id, "%s:%s", hal_device_kind_name(g->device->kind), g->device->address);
    const hal_topology_device *device =
        hal_topology_device_at(topology, hal_topology_device_find(topology, id));
    const hal_topology_diagnostic *d = diagnosed(topology, g->code);
    snprintf(expected, sizeof expected, "D%u", g->code);
    if (d == NULL || strstr(d->evidence, g->words) == NULL) {
        list_findings(topology);
        fail_msg("%s with \"%s\" is missing", expected, g->words);
    }
    if (severity_of(g->code) == HAL_SEVERITY_FAILURE) {
        assert_int_equal(device->usability, HAL_USABLE_BROKEN);
        assert_string_equal(device->reason, expected);
        assert_non_null(strstr(device->reason_text, g->words));
    } else {
        assert_int_equal(device->usability, HAL_USABLE_NO_BACKEND);
    }
    assert_int_equal(device->n_rungs, 10);
}

static void check_given(const given *g)
{
    hal_files *files = changed(g->without, g->with);
    hal_draft *draft = machine();
    found device = *g->device;
    device.driver = g->driver != NULL ? g->driver : device.driver;
    device.node = g->node != NULL ? g->node : device.node;
    add(draft, device);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    check_device(topology, g);
    hal_topology_release(topology);
    hal_files_close(files);
}

#define CHECK_ALL(table)                                                                                     \
    for (size_t each = 0; each < sizeof(table) / sizeof(table)[0]; each++)                                   \
    check_given(&(table)[each])

static void nothing_is_wrong_with_a_whole_machine(void **state)
{
    (void)state;
    hal_files *files = changed("?", "");
    hal_draft *draft = machine();
    const found *all[] = {&gpu, &second, &npu, &xdna, &ascend, &amd};
    for (size_t i = 0; i < 6; i++)
        add(draft, *all[i]);
    add(draft, (found){"cpu", "package 0", "", "", "", HAL_DEVICE_CPU, 0, 0});
    add(draft, (found){"nic", "0000:05:00.0", "mlx5_core", "", "", HAL_DEVICE_NIC, 0x1021, 0});
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        if (strcmp(hal_topology_diagnostic_at(topology, i)->code, "D1001") != 0) {
            list_findings(topology);
            fail_msg("a finding on a machine that is in order");
        }
    for (uint32_t i = 0; i < hal_topology_device_count(topology); i++) {
        const hal_topology_device *device = hal_topology_device_at(topology, i);
        uint32_t good = device->kind == HAL_DEVICE_CPU   ? HAL_USABLE_READY
                        : device->kind == HAL_DEVICE_NIC ? HAL_USABLE_NOT_PROBED
                                                         : HAL_USABLE_NO_BACKEND;
        assert_int_equal(device->usability, good);
        for (uint32_t k = 0; k < device->n_rungs; k++) {
            assert_true(device->rungs[k].status == HAL_RUNG_OK || device->rungs[k].status == HAL_RUNG_SKIP);
            assert_string_not_equal(device->rungs[k].evidence, "");
        }
    }
    hal_topology_release(topology);
    hal_files_close(files);
}

static void the_bus(void **state)
{
    (void)state;
    static const given cases[] = {
        {101, &gpu, "= " GPU "current_link_width", "= " GPU "current_link_width 8\n", "8 of 16 lanes", NULL,
         NULL},
        {102, &gpu, "= " GPU "current_link_speed", "= " GPU "current_link_speed 2.5 GT/s PCIe\n", "2.5 GT/s",
         NULL, NULL},
        {103, &gpu, "= " GPU "current_link_width", "= " GPU "current_link_width 63\n", "all ones", NULL,
         NULL},
        {103, &gpu, "?", "= /var/x y\n", "Xid (PCI:0000:1b:00): 79", NULL, NULL},
        {104, &gpu, "= " GPU "power_state", "= " GPU "power_state D3cold\n", "D3cold", NULL, NULL},
        {105, &gpu, "= " GPU "numa_node", "= " GPU "numa_node -1\n", "2 NUMA nodes", NULL, NULL},
        {106, &gpu, "< " GPU "resource",
         "< " GPU "resource\n\t0x00000000a0000000 0x00000000a0ffffff 0x0000000000040200\n"
         "\t0x0000000000000000 0x0000001fffffffff 0x000000002014220c\n",
         "window 1 of 131072 MiB", NULL, NULL},
        {109, &gpu, "< " GPU "aer_dev_fatal", "< " GPU "aer_dev_fatal\n\tDLP 3\n\tTOTAL_ERR_FATAL 3\n",
         "counts 3", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        given g = cases[i];
        /* The log is one file: it is put in the place of the quiet one. */
        if (strstr(g.words, "Xid") != NULL) {
            g.without = "< /hal/dmesg";
            g.with =
                "= /hal/dmesg [ 99.1] NVRM: Xid (PCI:0000:1b:00): 79, pid=1, GPU has fallen off the bus.\n";
        }
        check_given(&g);
    }
}

static void a_slot_that_is_narrower_is_not_a_fault(void **state)
{
    (void)state;
    hal_files *files = changed("= " PORT "max_link_width\n= " GPU "current_link_width",
                               "= " PORT "max_link_width 8\n= " GPU "current_link_width 8\n");
    hal_draft *draft = machine();
    add(draft, gpu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_null(diagnosed(topology, 101));
    hal_topology_release(topology);
    hal_files_close(files);
}

#define NO_MODULES "/ /sys/module/intel_vpu\n/ /sys/module/nvidia\n/ /sys/module/amdxdna"
#define LOG(words) "= /hal/dmesg [ 3.1] " words "\n"

static void the_driver(void **state)
{
    (void)state;
    static const given cases[] = {
        {201, &npu, NO_MODULES "\n\tkernel/drivers/accel", "", "not installed for this kernel", "", ""},
        {201, &npu, NO_MODULES "\n< /lib/modules", "", "cannot be seen from here", "", ""},
        {202, &npu, NO_MODULES, "", "installed for kernel 6.8.0", "", ""},
        {203, &npu, "?", "", "/sys/module has intel_vpu", "", ""},
        {203, &npu, "< /hal/dmesg", "", "the kernel log was not recorded", "", ""},
        {204, &gpu, "?", "", "driver is nouveau", "nouveau", ""},
        {205, &gpu, "?", "", "vfio-pci", "vfio-pci", ""},
        {206, &npu, NO_MODULES, "< /etc/modprobe.d/local.conf\n\t# a comment\n\tblacklist intel_vpu\n",
         "local.conf", "", ""},
        {206, &npu, NO_MODULES, "= /etc/modprobe.d/a.conf install intel_vpu /bin/false\n", "a.conf", "", ""},
        {206, &npu, NO_MODULES "\n= /proc/cmdline", "= /proc/cmdline quiet module_blacklist=x,intel_vpu\n",
         "module_blacklist", "", ""},
        {207, &npu, "= /lib/firmware/intel", "", "intel/vpu/vpu_*.bin", "", ""},
        {207, &xdna, "= /lib/firmware/amdnpu", "= /lib/firmware/amdnpu/1502_00/npu.sbin x\n",
         "amdnpu/17f0_10/npu.sbin", "", ""},
        {207, &xdna, "< /hal/dmesg",
         LOG("amdxdna 0000:c5:00.1: Direct firmware load for amdnpu/17f0_10/npu.sbin failed with error -2"),
         "error -2", "", ""},
        {208, &xdna, NO_MODULES, "", "6.8.0; amdxdna came with 6.14", "", ""},
        {209, &xdna, "< /hal/dmesg",
         LOG("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_check_protocol: Incompatible firmware protocol major "
             "7 minor 3"),
         "major 7", "", ""},
        {210, &gpu, NO_MODULES, "= /sys/kernel/security/lockdown none [integrity] confidentiality\n",
         "[integrity]", "", ""},
        {211, &gpu, "< /hal/dmesg", LOG("NVRM: Xid (PCI:0000:1b:00): 31, pid=77, name=python3"), "31, pid=77",
         NULL, NULL},
        {211, &amd, "< /hal/dmesg", LOG("amdgpu 0000:03:00.0: amdgpu: GPU reset begin!"), "reset begin", NULL,
         NULL},
        {213, &gpu, "?", "/ /var/lib/dkms/nvidia/575.57.08\n", "575.57.08", NULL, NULL},
    };
    CHECK_ALL(cases);
    given unknown_family = {214,
                            &(found){"accelerator", "0000:c1:00.0", "", "", "", HAL_DEVICE_NPU, 1, 0},
                            "?",
                            "",
                            "in no family",
                            NULL,
                            NULL};
    check_given(&unknown_family);
}

static void what_the_log_said_before_the_last_start_is_forgotten(void **state)
{
    (void)state;
    hal_files *files = changed(
        "< /hal/dmesg",
        "< /hal/dmesg\n\t[ 9.1] NVRM: Xid (PCI:0000:1b:00): 31, pid=1\n\t[ 0.0] Linux version 6.8.0\n");
    hal_draft *draft = machine();
    add(draft, gpu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_null(diagnosed(topology, 211));
    hal_topology_release(topology);
    hal_files_close(files);
}

static void the_node(void **state)
{
    (void)state;
    static const given cases[] = {
        {301, &gpu, "c /dev/nvidia0", "", "/dev/nvidia0 is missing", NULL, NULL},
        {301, &gpu, "c /dev/nvidia0", "", "no /dev/nvidia{index}", NULL, ""},
        {302, &gpu, "c /dev/nvidiactl", "", "/dev/nvidiactl is missing", NULL, NULL},
        {302, &ascend, "c /dev/davinci_manager", "", "davinci_manager_docker is missing", NULL, NULL},
        {302, &amd, "c /dev/kfd", "", "/dev/kfd", NULL, NULL},
        {305, &npu, "c /dev/accel/accel0", "c /dev/accel/accel0 261:3 0660 0:109\n",
         "261:3, the kernel says 261:0", NULL, NULL},
        {306, &gpu, "c /dev/nvidia0", "/ /dev/nvidia0\n", "is a directory", NULL, NULL},
        {306, &gpu, "c /dev/nvidia0", "= /dev/nvidia0\n", "is a file", NULL, NULL},
        {307, &part, "?", "", "nvidia-cap21 is missing", NULL, NULL},
        {302, &ascend, "c /dev/davinci_manager", "c /dev/davinci_manager_docker 237:0 0666 0:0\n",
         "davinci_manager", NULL, NULL},
        {308, &npu, "?", "", "no entry of /sys/class", NULL, ""},
    };
    CHECK_ALL(cases);
}

static void a_part_is_as_broken_as_its_whole(void **state)
{
    (void)state;
    hal_files *files = changed("c /dev/nvidia0", "c /dev/nvidia-caps/nvidia-cap21 237:21 0444 0:0\n");
    hal_draft *draft = machine();
    uint32_t board = add(draft, gpu);
    hal_draft_device(
        draft, add(draft, (found){"nvidia", gpu.address, "nvidia", "", part.node, HAL_DEVICE_OTHER, 0, 0}))
        ->parent = board;
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(hal_topology_device_at(topology, i)->usability, HAL_USABLE_BROKEN);
        assert_string_equal(hal_topology_device_at(topology, i)->reason, "D301");
    }
    assert_string_equal(hal_topology_device_at(topology, 1)->rungs[0].evidence, "part of gpu:0000:1b:00.0");
    hal_topology_release(topology);
    hal_files_close(files);
}

static void a_container_with_some_of_the_devices(void **state)
{
    (void)state;
    hal_files *files = changed("c /dev/nvidia1", "");
    hal_draft *draft = machine();
    hal_draft_host(draft)->container = hal_draft_text(draft, "docker");
    add(draft, gpu);
    add(draft, second);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_NO_BACKEND);
    assert_int_equal(hal_topology_device_at(topology, 1)->usability, HAL_USABLE_BROKEN);
    assert_string_equal(hal_topology_device_at(topology, 1)->reason, "D303");
    assert_non_null(strstr(hal_topology_device_at(topology, 1)->reason_text, "docker"));
    hal_topology_release(topology);
    hal_files_close(files);
}

static void a_container_has_its_own_control_node(void **state)
{
    (void)state;
    hal_files *files = changed("c /dev/davinci_manager", "c /dev/davinci_manager_docker 237:0 0666 0:0\n");
    hal_draft *draft = machine();
    hal_draft_host(draft)->container = hal_draft_text(draft, "docker");
    add(draft, ascend);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_null(diagnosed(topology, 302));
    hal_topology_release(topology);
    hal_files_close(files);
}

static void a_node_that_cannot_be_looked_at(void **state)
{
    (void)state;
    hal_files *files = changed("?", "m /dev/accel 0700 0:0\n");
    hal_draft *draft = machine();
    add(draft, npu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    const hal_topology_device *device = hal_topology_device_at(topology, 0);
    assert_int_equal(device->rungs[2].status, HAL_RUNG_DENIED);
    assert_non_null(strstr(device->rungs[2].evidence, "without more rights"));
    hal_topology_release(topology);
    hal_files_close(files);
}

#define RENDER_NODE "c /dev/accel/accel0"

static void permission(void **state)
{
    (void)state;
    static const given cases[] = {
        {401, &npu, "= /hal/id", "= /hal/id uid=1000 gid=1000 groups=44(video)\n",
         "ann (uid 1000) is not in group render", NULL, NULL},
        {401, &amd, "= /hal/id", "= /hal/id uid=1000 gid=1000 groups=\n", "/dev/dri/renderD128", NULL, NULL},
        {402, &gpu, "?", "! /dev/nvidia0 EPERM\n", "control group /docker/4f", NULL, NULL},
        {403, &part, "?", "c /dev/nvidia-caps/nvidia-cap21 237:21 0400 0:0\n", "mode 0400", NULL, NULL},
        {403, &npu, RENDER_NODE, RENDER_NODE " 261:0 0600 0:0\n", "mode 0600", NULL, NULL},
        {404, &npu, "= /hal/id\n" RENDER_NODE,
         "= /hal/id uid=1000 gid=1000 groups=44(video)\n" RENDER_NODE " 261:0 0660 0:993\n",
         "group 993 (no name here)", NULL, NULL},
        {405, &npu, "= /hal/id\n< /etc/passwd",
         "= /hal/id uid=1002 gid=1002 groups=44(video)\n= /etc/passwd bob:x:1002:1002::/:/bin/sh\n",
         "bob is a member", NULL, NULL},
        {406, &npu, "?", "! /dev/accel/accel0 ENODEV\n", "No such device", NULL, NULL},
        {407, &npu, "?", "! /dev/accel/accel0 EBUSY\n", "busy", NULL, NULL},
        {408, &npu, "?", "! /dev/accel/accel0 EACCES\n", "although mode 0660 allows it", NULL, NULL},
        {409, &gpu, "c /dev/nvidia0", "c /dev/nvidia0 195:0 0444 0:0\n", "mode 0444", NULL, NULL},
    };
    CHECK_ALL(cases);
}

static void the_remedy_names_the_user_and_the_group(void **state)
{
    (void)state;
    hal_files *files = changed("= /hal/id", "= /hal/id uid=1000 gid=1000 groups=44(video)\n");
    hal_draft *draft = machine();
    add(draft, npu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_string_equal(diagnosed(topology, 401)->remedy,
                        "usermod -aG render ann as root, then log in again");
    hal_topology_release(topology);
    hal_files_close(files);
}

static void the_library(void **state)
{
    (void)state;
    static const given cases[] = {
        {501, &gpu, "@ " LIB "libcuda", "", "libcuda.so.1 is in no directory", NULL, NULL},
        {502, &ascend, "= " LIB "libdcmi", "= /usr/local/dcmi/libdcmi.so ELF\n", "/usr/local/dcmi/libdcmi.so",
         NULL, NULL},
        {502, &ascend, "= " LIB "libascendcl\n\tHOME",
         "< /hal/env\n\tASCEND_HOME_PATH=/opt/cann\n= /opt/cann/lib64/libascendcl.so ELF\n",
         "/opt/cann/lib64/libascendcl.so", NULL, NULL},
        {503, &gpu, "= " LIB "libcuda.so.570", "= " LIB "libcuda.so.570.124.06 ELF 32 i386\n", "32-bit", NULL,
         NULL},
        {503, &gpu, "= " LIB "libcuda.so.570", "= " LIB "libcuda.so.570.124.06 ELF 64 aarch64\n",
         "another architecture", NULL, NULL},
        {504, &gpu, "= " LIB "libcuda.so.570", "= " LIB "libcuda.so.570.124.06\n", "empty", NULL, NULL},
        {504, &gpu, "= " LIB "libcuda.so.570", "= " LIB "libcuda.so.570.124.06 version https://git-lfs\n",
         "no ELF file", NULL, NULL},
        {505, &gpu, "= " LIB "libcuda.so.570", "", "leads nowhere", NULL, NULL},
        {506, &gpu, "@ " LIB "libcuda",
         "= /usr/local/cuda/lib64/stubs/libcuda.so.1 ELF\n= /etc/ld.so.conf.d/cuda.conf "
         "/usr/local/cuda/lib64/stubs # x\n",
         "stubs", NULL, NULL},
        {507, &npu, "= " LIB "libze_intel", "", "libze_intel_npu.so.1", NULL, NULL},
        {509, &npu, "= " LIB "libnpu_driver", "", "libnpu_driver_compiler.so", NULL, NULL},
        {510, &gpu, "?", "= /usr/lib/libcuda.so.1 ELF\n", "2 different files", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        given g = cases[i];
        /* The environment is one file. */
        if (strstr(g.with, "/hal/env") != NULL)
            g.without = "= " LIB "libascendcl\n< /hal/env";
        check_given(&g);
    }
}

static void versions(void **state)
{
    (void)state;
    static const given cases[] = {
        {601, &gpu, "@ " LIB "libcuda",
         "@ " LIB "libcuda.so.1 libcuda.so.575.57.08\n= " LIB "libcuda.so.575.57.08 ELF\n",
         "libcuda.so.1 is 575.57.08", NULL, NULL},
        {602, &npu, "@ " LIB "libze_loader",
         "@ " LIB "libze_loader.so.1 libze_loader.so.1.8.12\n= " LIB "libze_loader.so.1.8.12 ELF\n",
         "1.8.12, below 1.17.17", NULL, NULL},
        {604, &ascend, "= /usr/local/Ascend/firmware",
         "= /usr/local/Ascend/firmware/version.info Version=7.7.0.1.231\n", "installed is 7.7.0.1.231", NULL,
         NULL},
    };
    CHECK_ALL(cases);
    given old_name = {602,
                      &npu,
                      "@ " LIB "libze_loader\n= " LIB "libze_intel",
                      "@ " LIB "libze_loader.so.1 libze_loader.so.1.8.12\n= " LIB
                      "libze_loader.so.1.8.12 ELF\n= " LIB "libze_intel_vpu.so.1 ELF\n",
                      "",
                      NULL,
                      NULL};
    hal_files *files = changed(old_name.without, old_name.with);
    hal_draft *draft = machine();
    add(draft, npu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_null(diagnosed(topology, 602));
    hal_topology_release(topology);
    hal_files_close(files);
}

#define ICD "/etc/OpenCL/vendors/"

static void registration(void **state)
{
    (void)state;
    static const given cases[] = {
        {701, &gpu, "= " ICD "nvidia", "", "no usable nvidia.icd", NULL, NULL},
        {702, &gpu, "?", "= " ICD "a.icd\n", "a.icd is empty", NULL, NULL},
        {703, &gpu, "?", "= " ICD "a.icd libgone.so.1\n", "libgone.so.1, which is nowhere", NULL, NULL},
        {703, &gpu, "?", "= " ICD "a.icd " LIB "liblink.so\n@ " LIB "liblink.so libgone.so\n",
         "a link to libgone.so", NULL, NULL},
        {704, &gpu, "?", "= " ICD "a.icd /opt/x/libx.so\n= /opt/x/libx.so some text\n", "no ELF file", NULL,
         NULL},
        {705, &gpu, "?", "= " ICD "a.icd libx.so\nm " ICD "a.icd 0600 0:0\n", "Permission denied", NULL,
         NULL},
        {705, &gpu, "?", "= " ICD "a.icd \001\002\n", "no text", NULL, NULL},
        {707, &gpu, "= " LIB "libOpenCL", "", "libOpenCL.so.1", NULL, NULL},
        {708, &gpu, "?", "= " ICD "zz.icd libnvidia-opencl.so.1\n", "zz.icd", NULL, NULL},
    };
    CHECK_ALL(cases);
    static const given variables[] = {
        {706, &gpu, "< /hal/env",
         "= /hal/env OCL_ICD_VENDORS=/opt/conda/vendors\n= /opt/conda/vendors/a.icd libnvidia-opencl.so.1\n",
         "leaves out", NULL, NULL},
        {710, &gpu, "< /hal/env", "= /hal/env OPENCL_VENDOR_PATH=/opt/nowhere\n",
         "/opt/nowhere: No such file", NULL, NULL},
        {709, &npu, "< /hal/env", "= /hal/env ZE_ENABLE_ALT_DRIVERS=/tmp/x.so\n", "/tmp/x.so", NULL, NULL},
    };
    CHECK_ALL(variables);
}

static void a_single_manifest_may_be_named(void **state)
{
    (void)state;
    hal_files *files = changed(
        "< /hal/env",
        "= /hal/env OCL_ICD_VENDORS=/opt/one/nvidia.icd\n= /opt/one/nvidia.icd libnvidia-opencl.so.1\n");
    hal_draft *draft = machine();
    add(draft, gpu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_null(diagnosed(topology, 701));
    assert_null(diagnosed(topology, 706));
    assert_non_null(strstr(hal_topology_device_at(topology, 0)->rungs[6].evidence, "/opt/one/nvidia.icd"));
    hal_topology_release(topology);
    hal_files_close(files);
}

static void hidden_devices_keep_their_reason(void **state)
{
    (void)state;
    static const uint32_t codes[] = {901, 902, 903, 904, 905, 906, 907, 908, 909, 910};
    hal_files *files = changed("?", ""), *broken = changed("c /dev/nvidia0", "");
    for (size_t i = 0; i < 2 * sizeof codes / sizeof codes[0]; i++) {
        bool whole_one = i % 2 == 0;
        hal_draft *draft = machine();
        hal_topology_device *device = hal_draft_device(draft, add(draft, gpu));
        device->usability = HAL_USABLE_HIDDEN;
        device->reason = hal_draft_format(draft, "D%u", codes[i / 2]);
        device->reason_text = hal_draft_text(draft, "because");
        hal_ladder_climb(whole_one ? files : broken, draft);
        hal_topology *topology = sealed(draft);
        const hal_topology_device *after = hal_topology_device_at(topology, 0);
        /* What is broken below is told first: showing the device would not help. */
        assert_int_equal(after->usability, whole_one ? HAL_USABLE_HIDDEN : HAL_USABLE_BROKEN);
        assert_int_equal(strtoul(after->reason + 1, NULL, 10), whole_one ? codes[i / 2] : 301);
        if (whole_one)
            assert_non_null(strstr(diagnosed(topology, codes[i / 2])->evidence, "because"));
        hal_topology_release(topology);
    }
    hal_files_close(files);
    hal_files_close(broken);
}

/* Asked so, the vendor of the H100 answered with these lines of /hal/answers/VENDOR. */
typedef struct asked {
    const char *code, *lines, *words;
} asked;

static hal_topology *answered(const char *lines)
{
    char with[1024];
    hal_answers *answers = NULL;
    bool nvml = strstr(lines, "api=nvml") != NULL;
    snprintf(with, sizeof with, "< /hal/answers/%s\n%s", nvml ? "nvml" : "cuda", lines);
    hal_files *files = changed("?", with);
    hal_draft *draft = machine();
    add(draft, gpu);
    if (hal_answers_recall(NULL, files, &answers) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    assert_ok(hal_answers_merge(draft, answers));
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    hal_answers_free(answers);
    hal_files_close(files);
    return topology;
}

static void answers(void **state)
{
    (void)state;
    static const asked cases[] = {
        {"D508", "\tlibrary\tapi=nvml\tstate=absent\ttext=libnvidia-ml.so.1: cannot open\n", "cannot open"},
        {"D601", "\tlibrary\tapi=nvml\tstate=failed\tcode=18\n", "status 18"},
        {"D603", "\tlibrary\tapi=nvml\tstate=lacks\ttext=nvmlInit_v2\n", "nvmlInit_v2"},
        {"D605", "\tlibrary\tapi=cuda\tstate=old\trequired=12.4\n", "CUDA driver"},
        {"D606", "\tlibrary\tapi=cuda\tstate=failed\tcode=801\n", "status 801"},
        {"D801", "\tlibrary\tapi=cuda\tstate=failed\tcode=999\ttext=cuInit\n", "cuInit, status 999"},
        {"D802", "\tlibrary\tapi=nvml\tstate=ok\n", "NVIDIA management library"},
        {"D803", "\tlibrary\tapi=nvml\tstate=late\ttook=3000000000\n", "after 3000 ms"},
        {"D804", "\tlibrary\tapi=nvml\tstate=died\ttext=signal 6\n", "signal 6"},
        {"D805", "\tlibrary\tapi=nvml\tstate=garbage\n", "NVIDIA management library"},
        {"D806", "\tlibrary\tapi=nvml\tstate=left\n", "NVIDIA management library"},
        {"D807",
         "\tlibrary\tapi=nvml\tstate=ok\n\tdevice\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:99:00.0\n",
         "library"},
        {"D810", "\tlibrary\tapi=cuda\tstate=failed\tcode=46\n", "status 46"},
        {"D811", "\tlibrary\tapi=nvml\tstate=failed\tcode=15\n", "status 15"},
        {"D812", "\tlibrary\tapi=cuda\tstate=failed\tcode=802\n", "status 802"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hal_topology *topology = answered(cases[i].lines);
        const hal_topology_device *device = hal_topology_device_at(topology, 0);
        assert_string_equal(device->address, gpu.address);
        assert_int_equal(device->usability, HAL_USABLE_BROKEN);
        if (strcmp(device->reason, cases[i].code) != 0 || strstr(device->reason_text, cases[i].words) == NULL)
            fail_msg("%s where %s with \"%s\" was to be: %s", device->reason, cases[i].code, cases[i].words,
                     device->reason_text);
        hal_topology_release(topology);
    }
}

static void an_old_loader_is_the_reason_not_its_silence(void **state)
{
    (void)state;
    hal_answers *told = NULL;
    hal_files *files = changed("?", "< /hal/answers/ze\n\tlibrary\tapi=ze\tstate=ok\tuser=1.8.12\n");
    hal_draft *draft = machine();
    add(draft, npu);
    assert_ok(hal_answers_recall(NULL, files, &told));
    assert_ok(hal_answers_merge(draft, told));
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_string_equal(hal_topology_device_at(topology, 0)->reason, "D602");
    hal_topology_release(topology);
    hal_answers_free(told);
    hal_files_close(files);
}

static void answers_that_do_no_harm(void **state)
{
    (void)state;
    hal_topology *topology = answered("\tlibrary\tapi=nvml\tstate=unasked\ttext=no such file\n");
    assert_non_null(
        strstr(diagnosed(topology, (uint32_t)strtoul("D809" + 1, NULL, 10))->evidence, "no such file"));
    assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_NO_BACKEND);
    hal_topology_release(topology);
    topology = answered(
        "\tlibrary\tapi=nvml\tstate=ok\n\tdevice\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:1b:00.0\n");
    const hal_rung *rung = &hal_topology_device_at(topology, 0)->rungs[7];
    assert_int_equal(rung->status, HAL_RUNG_OK);
    assert_non_null(strstr(rung->evidence, "listed by NVIDIA management library"));
    hal_topology_release(topology);
}

static void a_split_device_without_parts(void **state)
{
    (void)state;
    hal_files *files = changed("?", "");
    for (int parts = 0; parts < 2; parts++) {
        hal_draft *draft = machine();
        uint32_t board = add(draft, gpu);
        hal_draft_device_feature(draft, board, "mig");
        if (parts == 1)
            hal_draft_device(draft, add(draft, second))->parent = board;
        assert_ok(hal_ladder_climb(files, draft));
        hal_topology *topology = sealed(draft);
        assert_int_equal(diagnosed(topology, 913) != NULL, parts == 0);
        hal_topology_release(topology);
    }
    hal_files_close(files);
}

/* Findings on the machine, with these devices. */
static void check_machine(uint32_t code, const found *a, const found *b, const char *without,
                          const char *with, const char *words)
{
    hal_files *files = changed(without, with);
    hal_draft *draft = machine();
    if (a != NULL)
        add(draft, *a);
    if (b != NULL)
        add(draft, *b);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    const hal_topology_diagnostic *d = diagnosed(topology, code);
    if (d == NULL || strstr(d->evidence, words) == NULL) {
        list_findings(topology);
        fail_msg("D%u with \"%s\" is missing", code, words);
    }
    assert_int_equal(d->device, HAL_NOWHERE);
    hal_topology_release(topology);
    hal_files_close(files);
}

static void the_machine(void **state)
{
    (void)state;
    check_machine(108, &gpu, &second, "?",
                  "= " GPU "iommu_group/type DMA-FQ\n= " SECOND "iommu_group/type DMA-FQ\n", "2 devices");
    check_machine(110, NULL, NULL, "?", "", "/sys/module has nvidia");
    check_machine(111, &gpu, NULL, "?",
                  "< /proc/cpuinfo\n\tvendor_id\t: GenuineIntel\n\tcpu family\t: 6\n\tmodel\t\t: 170\n",
                  "model 170");
    check_machine(112, NULL, NULL, "?", "", "libcuda.so.1");
    check_machine(212, &gpu, NULL, "= /proc/sys/kernel/tainted", "= /proc/sys/kernel/tainted 18\n",
                  "by force");
    check_machine(304, NULL, NULL, "/ /sys/module/amdgpu", "", "/dev/kfd");
}

static void a_device_for_guests_without_a_group(void **state)
{
    (void)state;
    given g = {205, &gpu, "?", "", "vfio-pci", "vfio-pci", ""};
    check_given(&g);
    assert_true(produced[107]);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *stream = fopen(scratch_path(name), "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    fclose(stream);
}

/* This machine with a processor, and plugins where the test put them. */
static hal_topology *live(void)
{
    hal_files *files = NULL;
    assert_ok(hal_files_open(NULL, NULL, &files));
    hal_draft *draft = machine();
    add(draft, (found){"cpu", "package 0", "", "", "", HAL_DEVICE_CPU, 0, 0});
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    hal_files_close(files);
    return topology;
}

static void assert_processor(uint32_t usability, const char *reason, const char *words)
{
    hal_topology *topology = live();
    const hal_topology_device *device = hal_topology_device_at(topology, 0);
    assert_int_equal(device->usability, usability);
    assert_string_equal(device->reason, reason);
    assert_non_null(strstr(device->rungs[9].evidence, words));
    hal_topology_release(topology);
}

static void the_backend(void **state)
{
    (void)state;
    hal_loader_directory = scratch_root;
    assert_processor(HAL_USABLE_BROKEN, "D1002", "no libhal_cpu.so");
    write_file("libhal_cpu.so", "nonsense", 8);
    assert_processor(HAL_USABLE_BROKEN, "D1003", "libhal_cpu.so");
    setenv("HAL_BACKENDS", "^cpu", 1);
    assert_processor(HAL_USABLE_HIDDEN, "D908", "HAL_BACKENDS=^cpu");
    unsetenv("HAL_BACKENDS");
    chmod(scratch_path("libhal_cpu.so"), 0666);
    assert_processor(HAL_USABLE_BROKEN, "D1003", "libhal_cpu.so");
    unlink(scratch_path("libhal_cpu.so"));
    /* The one that was built beside this test, as a person would try it; tests of the source alone have none.
     */
    setenv("HAL_PLUGIN_PATH", built_plugins != NULL ? built_plugins : scratch_root, 1);
    if (built_plugins != NULL)
        assert_processor(HAL_USABLE_READY, "", "is in order");
    hal_loader_directory = "/nonexistent";
}

static void trees_without_libraries_accuse_nobody(void **state)
{
    (void)state;
    hal_files *files = changed("= " LIB "\n@ " LIB "\n= /lib/\n< /lib/\nc /dev/", "");
    hal_draft *draft = machine();
    add(draft, npu);
    add(draft, gpu);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    for (uint32_t i = 0; i < 2; i++) {
        const hal_topology_device *device = hal_topology_device_at(topology, i);
        assert_int_equal(device->usability, HAL_USABLE_NO_BACKEND);
        assert_non_null(strstr(device->rungs[2].evidence, "not recorded"));
        assert_non_null(strstr(device->rungs[4].evidence, "not recorded"));
    }
    hal_topology_release(topology);
    hal_files_close(files);
}

/* A table of the loader with one library, as ldconfig writes it; cut to `size` bytes. */
static void write_cache(const char *library, const char *path, size_t size)
{
    char bytes[1024] = "glibc-ld.so.cache1.1";
    uint32_t key = 48 + 24, value = key + (uint32_t)strlen(library) + 1, one = 1;
    memcpy(bytes + 20, &one, 4);
    memcpy(bytes + 48 + 4, &key, 4);
    memcpy(bytes + 48 + 8, &value, 4);
    strcpy(bytes + key, library);
    strcpy(bytes + value, path);
    size_t all = value + strlen(path) + 1;
    write_file("etc/ld.so.cache", bytes, size < all ? size : all);
}

static void the_loaders_table_is_read(void **state)
{
    (void)state;
    Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1}, .e_machine = EM_X86_64};
    hal_files *files = NULL;
    hal_found library;
    assert_int_equal(mkdir(scratch_path("etc"), 0755) | mkdir(scratch_path("opt"), 0755), 0);
    write_file("opt/libx.so.1.2.3", &head, sizeof head);
    for (size_t size = 0; size < 120; size++) {
        write_cache("libx.so.1", "/opt/libx.so.1.2.3", size);
        assert_ok(hal_files_open(NULL, scratch_root, &files));
        hal_search *search = hal_search_create(files, "x86_64");
        hal_search_find(search, "libx.so.1", "", &library);
        assert_int_equal(library.state, size < 48 + 24 + 10 + 19 ? HAL_FOUND_NOTHING : HAL_FOUND_LOADABLE);
        hal_search_destroy(search);
        hal_files_close(files);
    }
    assert_string_equal(library.where, "ld.so.cache");
    assert_string_equal(library.version, "1.2.3");
}

static void files_are_judged_by_their_first_bytes(void **state)
{
    (void)state;
    unsigned char head[HAL_FOUND_NOTHING + 64] = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2MSB, 1};
    hal_files *files = NULL;
    hal_found library;
    head[19] = EM_PPC;
    mkdir(scratch_path("lib"), 0755);
    write_file("lib/libbig.so", head, 64);
    write_file("lib/libcut.so", head, 10);
    assert_ok(hal_files_open(NULL, scratch_root, &files));
    hal_search *search = hal_search_create(files, "x86_64");
    hal_search_find(search, "libbig.so", "", &library);
    assert_int_equal(library.state, HAL_FOUND_FOREIGN);
    hal_search_find(search, "libcut.so", "", &library);
    assert_int_equal(library.state, HAL_FOUND_BROKEN);
    hal_search_destroy(search);
    hal_files_close(files);
}

static void words_and_patterns(void **state)
{
    (void)state;
    char text[64];
    assert_true(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidia12"));
    assert_false(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidiactl"));
    assert_false(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidia0x"));
    assert_true(hal_pattern_matches("a*c/*", "abcc/"));
    assert_false(hal_pattern_matches("a*c", "a/c"));
    assert_true(hal_word_listed("a|b c", "b"));
    assert_false(hal_word_listed("a|b c", ""));
    hal_pattern_fill("x/{device}_{revision}",
                     &(hal_topology_device){.pci_device = 0x17f0, .pci_revision = 0x10}, text, sizeof text);
    assert_string_equal(text, "x/17f0_10");
    hal_pattern_fill("0123456789{device}", &(hal_topology_device){.pci_device = 0x17f0}, text, 12);
    assert_string_equal(text, "01234567891");
    assert_true(hal_version_compare("1.17.6", "1.17.17") < 0);
    assert_true(hal_version_compare("7.5.0.1.129", "7.5.99") < 0);
    assert_true(hal_version_compare("6.8.0-57-generic", "6.14") < 0);
    assert_int_equal(hal_version_compare("v1.2", "1.2"), 0);
}

static void codes_are_complete(void **state)
{
    (void)state;
    const hal_code_row *row, *before = NULL;
    for (uint32_t i = 0; (row = hal_code_at(i)) != NULL; before = row, i++) {
        unsigned long number = strtoul(row->code + 1, NULL, 10);
        assert_ptr_equal(hal_code_explain(row->code), row);
        assert_int_equal(row->rung, number / 100);
        assert_true(before == NULL || number > strtoul(before->code + 1, NULL, 10));
        const char *texts[] = {row->summary, row->evidence, row->cause, row->remedy};
        for (size_t k = 0; k < 4; k++)
            assert_string_not_equal(texts[k], "");
        assert_int_equal(row->summary[strlen(row->summary) - 1], '.');
    }
    assert_null(hal_code_explain("D999"));
    assert_null(hal_code_explain("") != NULL ? hal_code_at(0) : NULL);
    assert_null(hal_code_explain(NULL));
}

/* Last: what the tests before it have not brought about. */
static void every_passive_code_was_brought_about(void **state)
{
    (void)state;
    enum { PASSIVE, SCAN, PROBE, PLUGIN };
#define HAL_LADDER_CODE(number, stage, ...) {number, stage},
    static const struct {
        uint32_t number, stage;
    } codes[] = {
#include "hal/discovery/codes.def"
    };
    uint32_t missing = 0;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].stage == PASSIVE && !produced[codes[i].number]) {
            print_error("D%u\n", codes[i].number);
            missing++;
        }
    assert_int_equal(missing, 0);
}

int main(void)
{
    built_plugins = getenv("HAL_PLUGIN_PATH") != NULL ? strdup(getenv("HAL_PLUGIN_PATH")) : NULL;
    unsetenv("HAL_PLUGIN_PATH");
    unsetenv("HAL_BACKENDS");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_complete),
        cmocka_unit_test(words_and_patterns),
        cmocka_unit_test(nothing_is_wrong_with_a_whole_machine),
        cmocka_unit_test(the_bus),
        cmocka_unit_test(a_slot_that_is_narrower_is_not_a_fault),
        cmocka_unit_test(the_driver),
        cmocka_unit_test(what_the_log_said_before_the_last_start_is_forgotten),
        cmocka_unit_test(the_node),
        cmocka_unit_test(a_part_is_as_broken_as_its_whole),
        cmocka_unit_test(a_container_with_some_of_the_devices),
        cmocka_unit_test(a_container_has_its_own_control_node),
        cmocka_unit_test(a_node_that_cannot_be_looked_at),
        cmocka_unit_test(permission),
        cmocka_unit_test(the_remedy_names_the_user_and_the_group),
        cmocka_unit_test(the_library),
        cmocka_unit_test(versions),
        cmocka_unit_test(registration),
        cmocka_unit_test(a_single_manifest_may_be_named),
        cmocka_unit_test(hidden_devices_keep_their_reason),
        cmocka_unit_test(answers),
        cmocka_unit_test(an_old_loader_is_the_reason_not_its_silence),
        cmocka_unit_test(answers_that_do_no_harm),
        cmocka_unit_test(a_split_device_without_parts),
        cmocka_unit_test(the_machine),
        cmocka_unit_test(a_device_for_guests_without_a_group),
        cmocka_unit_test_setup_teardown(the_backend, scratch_setup, scratch_teardown),
        cmocka_unit_test(trees_without_libraries_accuse_nobody),
        cmocka_unit_test_setup_teardown(the_loaders_table_is_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(files_are_judged_by_their_first_bytes, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(every_passive_code_was_brought_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

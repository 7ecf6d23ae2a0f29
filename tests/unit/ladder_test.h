/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One machine on which everything holds, and what is needed to change it. The machine is a recorded tree; its
 * devices are put into the draft as a scan would put them there. Include after core_test.h.
 */
#ifndef TESTS_UNIT_LADDER_TEST_H
#define TESTS_UNIT_LADDER_TEST_H

#include "hal/discovery/family.h"
#include "hal/discovery/scan.h"
#include "hal/discovery/words.h"
#include "tests/unit/tree_text.h"

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
    if (tree_parse(NULL, "case", text, strlen(text), &files) != HAL_OK)
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
                                                                        .cores = device.kind == HAL_DEVICE_CPU ? 8 : 0,
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

/* Nothing is asked of vendors here. */
static uint32_t usable_when_whole(const hal_topology_device *device)
{
    return *hal_family_backend(device->family) != '\0' ? HAL_USABLE_NOT_PROBED : HAL_USABLE_NO_BACKEND;
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
    } else if (device->usability != HAL_USABLE_DEGRADED || severity_of(g->code) != HAL_SEVERITY_WARNING) {
        assert_int_equal(device->usability, usable_when_whole(device));
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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are recorded trees. What is a tree must become a description that can be printed, or be refused with
 * a sentence; what has no end mark gets one, so that more than marks is looked at. XML of hwloc is left out,
 * which the helper reads (fuzz_translate). */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal/discovery/scan.h"
#include "tests/unit/tree_text.h"

#define GPU  "/sys/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:00.0/0000:13:00.0"
#define SOC  "/sys/devices/platform/fdab0000.npu"
#define KFD  "/sys/class/kfd/kfd/topology/nodes/1"
#define CAPS "/proc/driver/nvidia/capabilities/gpu0/mig/gi1"

static const char *const seeds[] = {
    "hal-tree 1\n= /hal/id uid=1000 gid=100 groups=44(video)\n< /hal/env\n\tCUDA_VISIBLE_DEVICES=0,GPU-a\n"
    "= /hal/hwloc.synthetic pack:2 numa:1 core:2 pu:2\n= /proc/self/status Cpus_allowed_list: 0-3\n"
    "= " GPU "/vendor 0x10de\n= " GPU "/device 0x2330\n= " GPU "/class 0x030200\n= " GPU "/numa_node 1\n"
    "= " GPU "/max_link_speed 32.0 GT/s PCIe\n= " GPU "/max_link_width 16\n"
    "@ " GPU
    "/driver ../../../../../../bus/pci/drivers/nvidia\n@ /sys/bus/pci/devices/0000:13:00.0 ../../.." /* */
    "/devices/pci0000:10/0000:10:01.0/0000:11:00.0/0000:12:00.0/0000:13:00.0\n"
    "< /proc/driver/nvidia/gpus/0000:13:00.0/information\n\tModel: NVIDIA H100\n\tGPU UUID: GPU-a\n\tDevice "
    "Minor: 0\n"
    "= " CAPS "/access DeviceFileMinor: 12\n= " CAPS "/ci0/access DeviceFileMinor: 13\n"
    "c /dev/nvidia0 195:0 0666 0:0\n! /dev/nvidia0 EPERM\nm /sys/bus 0755 0:0\n",
    "hal-tree 1\n= /proc/self/cgroup 0::/a\n= /sys/fs/cgroup/a/cpu.max 150000 100000\n"
    "= /sys/devices/system/cpu/online 0-3\n= /sys/devices/system/node/node0/cpulist 0-3\n"
    "< /sys/devices/system/node/node0/meminfo\n\tNode 0 MemTotal: 1000 kB\n\tNode 0 MemFree: 10 kB\n"
    "= " SOC "/modalias of:NnpuT(null)Crockchip,rk3588-rknpu\n@ " SOC "/subsystem ../../../bus/platform\n"
    "@ " SOC "/driver ../../../bus/platform/drivers/RKNPU\n@ " SOC
    "/drm/renderD129/device ../../../fdab0000.npu\n"
    "@ /sys/class/drm/renderD129 ../../devices/platform/fdab0000.npu/drm/renderD129\n"
    "@ /sys/bus/platform/devices/fdab0000.npu ../../../devices/platform/fdab0000.npu\n",
    "hal-tree 1\n= /sys/devices/system/cpu/online 0-3\n# the mark\n< /proc/meminfo\n\tMemTotal: 1000 kB\n. 2\n",
    "hal-tree 1\n= /sys/bus/pci/devices/0000:03:00.0/vendor 0x1002\n= "
    "/sys/bus/pci/devices/0000:03:00.0/device 0x740f\n"
    "= /sys/bus/pci/devices/0000:03:00.0/class 0x120000\n< " KFD
    "/properties\n\tsimd_count 416\n\tsimd_per_cu 4\n"
    "\tlocation_id 768\n< " KFD "/mem_banks/0/properties\n\theap_type 1\n\tsize_in_bytes 68702699520\n"
    "< " KFD
    "/io_links/0/properties\n\ttype 11\n\tnode_to 1\n\tmax_bandwidth 64000\nx /etc/ld.so.cache 00ff\n"
    "/ /sys/class/misc/fastrpc-cdsp\nc /dev/davinci4 236:4 0660 0:0\n= /dev/with\\040blank x\n",
};

size_t fuzz_seed_count(void)
{
    return sizeof seeds / sizeof *seeds;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    *out_bytes = strlen(seeds[index]);
    return seeds[index];
}

static void print(const hal_topology *topology)
{
    static FILE *nowhere;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL || hal_topology_print_json(topology, HAL_PRINT_REDACTED, nowhere) != HAL_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    hal_topology_options options = {HAL_HEAD(hal_topology_options), .deadline = hal_deadline_ms(10000)};
    hal_files *files = NULL;
    hal_topology *topology = NULL;
    if (memmem(data, bytes, "hwloc.xml", 9) != NULL)
        return 0;
    if (tree_parse(NULL, "input", (const char *)data, bytes, &files) != HAL_OK) {
        if (files != NULL || hal_status_last()->text[0] == '\0')
            abort();
        return 0;
    }
    if (hal_discover(files, &options, &topology) == HAL_OK)
        print(topology);
    else if (hal_status_last()->text[0] == '\0')
        abort();
    hal_topology_release(topology);
    hal_files_close(files);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs are recorded machines without their first line and, mostly, their end mark. Whatever one says, it is described: every device has
 * been on each rung of the ladder, and one that is unusable has a reason.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hal/discovery/answer.h"
#include "hal/discovery/measurements.h"
#include "hal/discovery/scan.h"
#include "tests/unit/tree_text.h"

#define HEAD                     "hal-tree 1\n"
#define PCI                      "/sys/devices/pci0000:16/0000:16:00.0/"
#define BUS                      "@ /sys/bus/pci/devices/"
#define SET(device, name, value) "= " PCI device "/" name " " value "\n"
#define DEVICE(address, vendor, model, class)                                                                \
    BUS address " ../../../devices/pci0000:16/0000:16:00.0/" address "\n" SET(address, "vendor", vendor)     \
        SET(address, "device", model) SET(address, "class", class) SET(address, "numa_node", "0")

static const char *const seeds[] = {
    /* An NVIDIA board, what it needs, and a partition. */
    DEVICE("0000:1b:00.0", "0x10de", "0x2330", "0x030200") SET("0000:1b:00.0", "current_link_width", "8") SET(
        "0000:1b:00.0", "max_link_width", "16") SET("0000:1b:00.0", "current_link_speed", "32.0 GT/s PCIe")
        SET("0000:1b:00.0", "max_link_speed",
            "32.0 GT/s PCIe") "@ " PCI "0000:1b:00.0/driver ../../../../bus/pci/drivers/nvidia\n"
                              "< " PCI "0000:1b:00.0/resource\n\t0x0 0x1fffffffff 0x2014220c\n"
                              "= " PCI "0000:1b:00.0/iommu_group/type DMA\n"
                              "= /sys/module/nvidia/version 570.124.06\n"
                              "< /proc/driver/nvidia/gpus/0000:1b:00.0/information\n\tModel: \t NVIDIA "
                              "H100\n\tDevice Minor: \t 0\n"
                              "< "
                              "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access\n\tDeviceFileMinor: "
                              "12\n"
                              "c /dev/nvidia0 195:0 0660 0:44\nc /dev/nvidiactl 195:255 0666 0:0\n! "
                              "/dev/nvidia0 EPERM\n"
                              "@ /usr/lib64/libcuda.so.1 libcuda.so.570.1\n= /usr/lib64/libcuda.so.570.1 ELF "
                              "64 x86_64\n"
                              "= /etc/OpenCL/vendors/nvidia.icd libnvidia-opencl.so.1\n= "
                              "/etc/OpenCL/vendors/a.icd\n"
                              "< /hal/env\n\tCUDA_VISIBLE_DEVICES=GPU-1,0\n\tLD_LIBRARY_PATH=/opt/x:/opt/y\n"
                              "= /hal/id uid=1000 gid=1000 groups=109(render)\n"
                              "< /hal/dmesg\n\tNVRM: Xid (PCI:0000:1b:00): 31, pid=1\n"
                              "< "
                              "/hal/answers/"
                              "nvml\n\tlibrary\tapi=nvml\tstate=ok\n\tdevice\tapi=nvml\ttype=gpu\tindex="
                              "0\taddress=0000:1b:00.0\tuuid=GPU-1\n",
    /* Two boards, and what was measured between them. */
    DEVICE("0000:1b:00.0", "0x10de", "0x2330", "0x030200") DEVICE("0000:1c:00.0", "0x10de", "0x2330", "0x030200")
        SET("0000:1b:00.0", "current_link_width", "16") SET("0000:1b:00.0", "current_link_speed", "32.0 GT/s PCIe")
            SET("0000:1c:00.0", "current_link_width", "16") SET("0000:1c:00.0", "current_link_speed",
                                                                "32.0 GT/s PCIe") "< /hal/measurements\n"
            "\thal-measurements 1\n"
            "\tlink\tgpu:0000:1b:00.0\tgpu:0000:1c:00.0\t67108864\t52000000000:100:31:1795000000\t"
            "9000000:1:31:1795000000\t1900000:0:31:1795000000\n"
            "\tlink\tgpu:0000:1c:00.0\tgpu:0000:1b:00.0\t67108864\t99000000000:100:31:1795000000\t-\t-\n"
            "\tread\tnuma0\tcpu:package0\t1\t-\t-\t-\n",
    /* NPUs that are not in order. */
    DEVICE("0000:00:0b.0", "0x8086", "0x7d1d", "0x120000") DEVICE(
        "0000:c5:00.1", "0x1022", "0x17f0", "0x118000") DEVICE("0000:c1:00.0", "0x19e5", "0xd802", "0x120000")
        SET("0000:c5:00.1", "revision",
            "0x10") "@ " PCI "0000:00:0b.0/driver ../../../../bus/pci/drivers/intel_vpu\n"
                    "@ /sys/class/accel/accel0 "
                    "../../devices/pci0000:16/0000:16:00.0/0000:00:0b.0/accel/accel0\n"
                    "= " PCI "0000:00:0b.0/accel/accel0/dev 261:0\n"
                    "@ " PCI "0000:00:0b.0/accel/accel0/device ../../../0000:00:0b.0\n"
                    "c /dev/accel/accel0 261:0 0660 0:993\nc /dev/davinci0 236:0 0666 0:0\nc "
                    "/dev/davinci_manager 237:0 0666 0:0\n"
                    "/ /sys/module/amdxdna\n= /lib/firmware/amdnpu/17f0_10/npu.sbin.zst x\n"
                    "= /lib/modules/6.8.0/modules.dep kernel/drivers/accel/ivpu/intel_vpu.ko:\n"
                    "< /hal/uname\n\tLinux\n\tbox\n\t6.8.0\n\tx86_64\n"
                    "= /etc/modprobe.d/x.conf blacklist amdxdna\n= /proc/cmdline module_blacklist=a,b\n"
                    "< /etc/group\n\trender:x:109:ann\n= /etc/passwd ann:x:1000:1000::/:/bin/sh\n"
                    "= /hal/id uid=1000 gid=1000 groups=\n= /hal/env ASCEND_RT_VISIBLE_DEVICES=7\n"
                    "@ /usr/lib/libze_loader.so.1 libze_loader.so.1.8.12\n= /usr/lib/libze_loader.so.1.8.12 "
                    "ELF\n= /usr/lib/libze_intel_npu.so.1 ELF\n"
                    "< "
                    "/usr/local/Ascend/driver/"
                    "version.info\n\tVersion=24.1\n\tcompatible_version_fw=[7.0.0,7.5.99]\n"
                    "= /usr/local/Ascend/firmware/version.info Version=7.7.0\n"
                    "< /proc/cpuinfo\n\tvendor_id\t: GenuineIntel\n\tcpu family\t: 6\n\tmodel\t\t: 170\n",
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

static void check_device(const hal_topology_device *device)
{
    bool unusable = device->usability == HAL_USABLE_BROKEN || device->usability == HAL_USABLE_HIDDEN;
    if (device->n_rungs != 10 || (unusable && hal_code_explain(device->reason) == NULL))
        abort();
}

static void check_machine(hal_topology *topology)
{
    for (uint32_t i = 0; i < hal_topology_device_count(topology); i++)
        check_device(hal_topology_device_at(topology, i));
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        if (hal_code_explain(hal_topology_diagnostic_at(topology, i)->code) == NULL)
            abort();
    hal_topology_release(topology);
}

/* Processors are left out: what hwloc is given there is its own affair, and slow. */
static void describe(const hal_files *files)
{
    hal_draft *draft;
    hal_answers *answers = NULL;
    hal_topology *topology;
    if (hal_draft_create(NULL, &draft) != HAL_OK)
        abort();
    hal_draft_add_place(
        draft, &(hal_topology_place){.kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine"});
    hal_scan_host(files, draft);
    hal_scan_pci(files, draft);
    hal_scan_classes(files, draft);
    hal_scan_kfd(files, draft);
    hal_scan_links(files, draft);
    if (hal_answers_recall(NULL, files, &answers) == HAL_OK && hal_answers_merge(draft, answers) != HAL_OK)
        abort();
    hal_scan_parts(files, draft);
    (void)hal_scan_measurements(NULL, files, draft); /* ones of another form are an error */
    hal_scan_hidden(files, draft);
    if (hal_ladder_climb(files, draft) != HAL_OK || hal_draft_seal(draft, &topology) != HAL_OK)
        abort();
    check_machine(topology);
    hal_answers_free(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(sizeof HEAD + bytes);
    hal_files *files;
    if (text == NULL)
        abort();
    memcpy(text, HEAD, sizeof HEAD - 1);
    memcpy(text + sizeof HEAD - 1, data, bytes);
    if (tree_parse(NULL, "fuzz", text, sizeof HEAD - 1 + bytes, &files) == HAL_OK) {
        describe(files);
        hal_files_close(files);
    }
    free(text);
    return 0;
}

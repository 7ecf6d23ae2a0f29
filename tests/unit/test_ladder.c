/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder: for each code what must be changed on a machine that is in order so that just this code is the
 * answer. */
#include "tests/unit/core_test.h"
#include "tests/unit/ladder_test.h"
#include "tests/unit/scratch_test.h"

#include "hal/discovery/answer.h"

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
                                                         : usable_when_whole(device);
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

static void a_processor_that_nothing_tells_of(void **state)
{
    (void)state;
    static const char *const words[] = {"nothing tells of cores or threads", "4 threads; nothing tells of cores"};
    for (uint32_t i = 0; i < 2; i++) {
        hal_files *files = changed("?", "");
        hal_draft *draft = machine();
        uint32_t index = add(draft, (found){"cpu", "package 0", "", "", "", HAL_DEVICE_CPU, 0, 0});
        hal_draft_device(draft, index)->cores = 0;
        hal_draft_device(draft, index)->threads = 4 * i;
        assert_ok(hal_ladder_climb(files, draft));
        hal_topology *topology = sealed(draft);
        assert_non_null(strstr(diagnosed(topology, 114)->evidence, words[i]));
        assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_DEGRADED);
        hal_topology_release(topology);
        hal_files_close(files);
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
    assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_NOT_PROBED);
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
        /* Without a node is how a container shows what it was started without (D907): that is no other fault. */
        bool whole_one = i % 2 == 0, told = whole_one || codes[i / 2] == 907;
        hal_draft *draft = machine();
        hal_topology_device *device = hal_draft_device(draft, add(draft, gpu));
        device->usability = HAL_USABLE_HIDDEN;
        device->reason = hal_draft_format(draft, "D%u", codes[i / 2]);
        device->reason_text = hal_draft_text(draft, "because");
        hal_ladder_climb(whole_one ? files : broken, draft);
        hal_topology *topology = sealed(draft);
        const hal_topology_device *after = hal_topology_device_at(topology, 0);
        /* What is broken below is told first: showing the device would not help. */
        assert_int_equal(after->usability, told ? HAL_USABLE_HIDDEN : HAL_USABLE_BROKEN);
        assert_int_equal(strtoul(after->reason + 1, NULL, 10), told ? codes[i / 2] : 301);
        if (told)
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

/* Management sees the board and CUDA does not start: nothing can compute, and the machine says so once. */
static void who_computes_decides(void **state)
{
    (void)state;
    hal_answers *told = NULL;
    hal_files *files =
        changed("?", "< /hal/answers/a\n\tlibrary\tapi=nvml\tstate=ok\tuser=570.1\n"
                     "\tdevice\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:1b:00.0\n"
                     "\tlibrary\tapi=cuda\tstate=failed\tcode=999\ttext=cuInit\n"
                     "\tlibrary\tapi=opencl\tstate=late\tmanifest=/etc/OpenCL/vendors/x.icd\n");
    hal_draft *draft = machine();
    add(draft, gpu);
    assert_ok(hal_answers_recall(NULL, files, &told));
    assert_ok(hal_answers_merge(draft, told));
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_string_equal(hal_topology_device_at(topology, 0)->reason, "D801");
    uint32_t of_cuda = 0;
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        of_cuda += strstr(hal_topology_diagnostic_at(topology, i)->evidence, "cuInit") != NULL;
    assert_int_equal(of_cuda, 1);
    assert_non_null(strstr(diagnosed(topology, 803)->evidence, "/etc/OpenCL/vendors/x.icd"));
    assert_int_equal(diagnosed(topology, 803)->device, HAL_NOWHERE);
    hal_topology_release(topology);
    hal_answers_free(told);
    hal_files_close(files);
}

/* Its package is installed and its device is not here: nothing is broken. What hangs is told as that. */
static void libraries_without_a_device_are_no_fault(void **state)
{
    (void)state;
    hal_topology *topology = answered("\tlibrary\tapi=hip\tstate=failed\tcode=101\ttext=hipInit\n"
                                      "\tlibrary\tapi=rsmi\tstate=late\n");
    assert_null(diagnosed(topology, 801));
    assert_int_equal(diagnosed(topology, 803)->severity, HAL_SEVERITY_FAILURE);
    hal_topology_release(topology);
}

static void answers_that_do_no_harm(void **state)
{
    (void)state;
    hal_topology *topology = answered("\tlibrary\tapi=nvml\tstate=unasked\ttext=no such file\n");
    assert_non_null(strstr(diagnosed(topology, 809 /* D809 */)->evidence, "no such file"));
    assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_DEGRADED);
    hal_topology_release(topology);
    topology = answered(
        "\tlibrary\tapi=nvml\tstate=ok\n\tdevice\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:1b:00.0\n");
    const hal_rung *rung = &hal_topology_device_at(topology, 0)->rungs[7];
    assert_int_equal(rung->status, HAL_RUNG_OK);
    assert_non_null(strstr(rung->evidence, "listed by NVIDIA management library"));
    hal_topology_release(topology);
    /* ROCm's library where there is no Radeon: that it says so with a status is no failure of this machine. */
    topology = answered("\tlibrary\tapi=hip\tstate=failed\tcode=101\ttext=hipInit\n");
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++)
        assert_null(strstr(hal_topology_diagnostic_at(topology, i)->evidence, "hipInit"));
    hal_topology_release(topology);
    topology = answered("\tlibrary\tapi=hip\tstate=died\ttext=signal 11\n");
    assert_int_equal(diagnosed(topology, 804)->device, HAL_NOWHERE);
    hal_topology_release(topology);
}

/* The rung `number` of `device` alone on a machine changed so. */
static void check_rung(found device, const char *without, const char *with, uint32_t number, uint32_t status,
                       const char *words)
{
    hal_files *files = changed(without, with);
    hal_draft *draft = machine();
    add(draft, device);
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    const hal_rung *rung = &hal_topology_device_at(topology, 0)->rungs[number - 1];
    if (strstr(rung->evidence, words) == NULL)
        fail_msg("D%u: \"%s\" has no \"%s\"", number, rung->evidence, words);
    assert_int_equal(rung->status, status);
    hal_topology_release(topology);
    hal_files_close(files);
}

static void evidence(void **state)
{
    (void)state;
    const found npu_of_a_board = {
        "rocket", "fdab0000.npu", "rocket", "", "/dev/accel/accel0", HAL_DEVICE_NPU, 0, 0};
    const found nic = {"nic", "0000:1b:00.0", "mlx5_core", "", "", HAL_DEVICE_NIC, 0x1021, 0};
    const found given_away = {"nic", "0000:1c:00.0", "vfio-pci", "", "", HAL_DEVICE_NIC, 0x1021, 0};
    const found display = {"display", "0000:1c:00.0", "", "", "", HAL_DEVICE_OTHER, 0x2000, 0};
    const found bare = {"", "package 0", "", "", "", HAL_DEVICE_CPU, 0, 0};
    const found node_alone = {"hexagon", "", "", "", "/dev/fastrpc-cdsp", HAL_DEVICE_NPU, 0, 0};
    check_rung(npu_of_a_board, "?", "= /sys/bus/platform/devices/fdab0000.npu/uevent x\n", 1, HAL_RUNG_OK,
               "/sys/bus/platform/devices/fdab0000.npu");
    check_rung(nic, "= " GPU "current_link_width", "= " GPU "current_link_width 8\n", 1, HAL_RUNG_WARN,
               "8 of 16");
    check_rung(given_away, "?", "", 2, HAL_RUNG_OK, "set aside for virtual machines");
    check_rung(display, "?", "", 2, HAL_RUNG_OK, "no driver bound");
    check_rung(bare, "?", "", 10, HAL_RUNG_OK, "backend cpu");
    check_rung(node_alone, "?", "", 1, HAL_RUNG_OK, "known by /dev/fastrpc-cdsp");
    check_rung(gpu, "/ /sys/module/nvidia", "= /sys/module/nvidia/taint OE\n", 2, HAL_RUNG_OK,
               "taints the kernel: OE");
    check_rung(gpu, "< /hal/dmesg", "", 2, HAL_RUNG_OK, "not recorded");
    check_rung(ascend, "?", "= /usr/local/Ascend/ascend-toolkit/latest/version.cfg version=8.1\n", 6,
               HAL_RUNG_OK, "toolkit 8.1");
    check_rung(gpu, "@ " LIB "libcuda\n< /hal/env",
               "= /hal/env LD_LIBRARY_PATH=/opt/a:relative:/opt/b\n= /opt/b/libcuda.so.1 ELF\n", 5,
               HAL_RUNG_OK, "/opt/b/libcuda.so.1 (LD_LIBRARY_PATH)");
}

static void a_warning_degrades(void **state)
{
    (void)state;
    hal_files *files = changed("= " GPU "current_link_width", "= " GPU "current_link_width 8\n");
    hal_draft *draft = machine();
    add(draft, (found){"nic", "0000:1b:00.0", "mlx5_core", "", "", HAL_DEVICE_NIC, 0x1021, 0});
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_int_equal(hal_topology_device_at(topology, 0)->usability, HAL_USABLE_DEGRADED);
    assert_string_equal(hal_topology_device_at(topology, 0)->reason, "D101");
    hal_topology_release(topology);
    hal_files_close(files);
}

/* Whether this user may read the kernel's log is not known here: the climb must not care. */
static void a_live_machine_keeps_its_log_or_tells_it(void **state)
{
    (void)state;
    hal_files *files = NULL;
    assert_ok(hal_files_open(NULL, NULL, &files));
    hal_draft *draft = machine();
    add(draft, (found){"nvidia", "ffff:ff:1f.7", "nvidia", "1.2", "/dev/nvidia250", HAL_DEVICE_GPU, 0, 0});
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    const hal_topology_device *device = hal_topology_device_at(topology, 0);
    assert_int_equal(device->rungs[1].status, HAL_RUNG_OK);
    assert_non_null(strstr(device->rungs[1].evidence, "nvidia 1.2 bound"));
    assert_string_equal(device->reason, "D301");
    hal_topology_release(topology);
    hal_files_close(files);
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

/* Pairs that there is no room for are not left out in silence. */
static void links_that_are_left_out_are_told(void **state)
{
    (void)state;
    static const uint32_t counts[] = {128, 129}; /* 128 * 127 links fit */
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        hal_draft *draft = machine();
        for (uint32_t k = 0; k < counts[i]; k++) {
            char address[32];
            snprintf(address, sizeof address, "0000:%02x:00.0", k);
            add(draft, (found){"nvidia", address, "nvidia", "", "", HAL_DEVICE_GPU, 0x2330, 0});
            hal_draft_device(draft, k)->pci_vendor = 0x10de;
        }
        hal_scan_links(NULL, draft);
        hal_topology *topology = sealed(draft);
        const hal_topology_diagnostic *d = diagnosed(topology, 115);
        assert_int_equal(d != NULL, i == 1);
        if (d != NULL)
            assert_non_null(strstr(d->evidence, "16384 links, of 129 devices"));
        hal_topology_release(topology);
    }
}

static void families_name_their_backends(void **state)
{
    (void)state;
    assert_string_equal(hal_family_backend("cpu"), "cpu");
    assert_string_equal(hal_family_backend("nvidia"), "cuda");
    assert_string_equal(hal_family_backend("qaic"), "");
    assert_string_equal(hal_family_backend("toaster"), "");
}

static void an_empty_list_has_its_reason(void **state)
{
    (void)state;
    static const char bare[] = "hal-tree 1\n= /proc/cmdline quiet\n";
    hal_files *files = NULL;
    assert_ok(tree_parse(NULL, "bare.tree", bare, sizeof bare - 1, &files));
    hal_draft *draft = machine();
    assert_ok(hal_ladder_climb(files, draft));
    hal_topology *topology = sealed(draft);
    assert_non_null(strstr(diagnosed(topology, 113)->evidence, "/sys: not recorded"));
    hal_topology_release(topology);
    hal_files_close(files);
}

static void a_device_for_guests_without_a_group(void **state)
{
    (void)state;
    given g = {205, &gpu, "?", "", "vfio-pci", "vfio-pci", ""};
    check_given(&g);
    assert_true(produced[107]);
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
    scratch_write("libhal_cpu.so", "nonsense", 8);
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
        assert_int_equal(device->usability, usable_when_whole(device));
        assert_non_null(strstr(device->rungs[2].evidence, "not recorded"));
        assert_non_null(strstr(device->rungs[4].evidence, "not recorded"));
    }
    hal_topology_release(topology);
    hal_files_close(files);
}

/* Memory that ends after `left` pieces. */
static struct {
    int left;
    uint32_t held;
} scarce;

static void *scarce_allocate(void *self, size_t bytes, size_t alignment)
{
    (void)self;
    if (scarce.left-- <= 0)
        return NULL;
    scarce.held++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void scarce_release(void *self, void *pointer)
{
    (void)self;
    scarce.held -= pointer != NULL;
    free(pointer);
}

/* The ladder alone is short of memory: the tree and the draft were made before. */
static bool climbs_within(int pieces, const hal_allocator *allocator)
{
    hal_files *files = NULL;
    hal_draft *draft = machine();
    scarce.left = 1 << 20;
    assert_ok(tree_parse(allocator, "whole", whole, sizeof whole - 1, &files));
    add(draft, gpu);
    add(draft, (found){"intel-npu", npu.address, "", "", "", HAL_DEVICE_NPU, 0x7d1d, 4});
    add(draft, (found){"gaudi", amd.address, "", "", "", HAL_DEVICE_NPU, 0x1020, 1});
    scarce.left = pieces;
    hal_status status = hal_ladder_climb(files, draft);
    /* Evidence that could not be read must not pass for evidence that is not there. */
    assert_true(hal_status_code(status) == (scarce.left < 0 ? HAL_CODE_OUT_OF_MEMORY : HAL_CODE_OK));
    hal_draft_destroy(draft);
    hal_files_close(files);
    assert_int_equal(scarce.held, 0);
    return status == HAL_OK;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    const hal_allocator allocator = {.allocate = scarce_allocate, .release = scarce_release};
    int pieces = 0;
    while (!climbs_within(pieces, &allocator))
        pieces++;
    assert_true(pieces > 5);
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
    enum { PASSIVE, SCAN, PROBE };
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
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(nothing_is_wrong_with_a_whole_machine),
        cmocka_unit_test(the_bus),
        cmocka_unit_test(a_processor_that_nothing_tells_of),
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
        cmocka_unit_test(who_computes_decides),
        cmocka_unit_test(libraries_without_a_device_are_no_fault),
        cmocka_unit_test(answers_that_do_no_harm),
        cmocka_unit_test(evidence),
        cmocka_unit_test(a_warning_degrades),
        cmocka_unit_test(a_live_machine_keeps_its_log_or_tells_it),
        cmocka_unit_test(a_split_device_without_parts),
        cmocka_unit_test(the_machine),
        cmocka_unit_test(links_that_are_left_out_are_told),
        cmocka_unit_test(families_name_their_backends),
        cmocka_unit_test(an_empty_list_has_its_reason),
        cmocka_unit_test(a_device_for_guests_without_a_group),
        cmocka_unit_test_setup_teardown(the_backend, scratch_setup, scratch_teardown),
        cmocka_unit_test(trees_without_libraries_accuse_nobody),
        cmocka_unit_test(every_passive_code_was_brought_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

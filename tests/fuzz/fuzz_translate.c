/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are XML of NCCL and hwloc. The reader ends its process where something is wrong, so each input gets
   a process: it must end by itself, well or with a reason, within ten seconds. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hal/probe/child.h"

#define SETS "cpuset=\"0x3\" complete_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
#define PU(number, set)                                                                                      \
    "<object type=\"PU\" os_index=\"" number "\" gp_index=\"1" number "\" cpuset=\"" set                     \
    "\" complete_cpuset=\"" set "\" nodeset=\"0x1\" complete_nodeset=\"0x1\"/>"

static const char *const seeds[] = {
    "<system version=\"1\"><cpu numaid=\"0\" affinity=\"0000ffff\" arch=\"x86_64\" "
    "vendor=\"GenuineIntel\"><pci busid=\"0000:05:00.0\" "
    "class=\"0x060400\" link_speed=\"32.0 GT/s PCIe\" link_width=\"16\"><pci busid=\"0000:06:00.0\" "
    "class=\"0x030200\" vendor=\"0x10de\" "
    "device=\"0x2330\"><gpu dev=\"0\" sm=\"90\" rank=\"0\" gdr=\"1\"><nvlink target=\"0000:09:00.0\" "
    "count=\"18\" tclass=\"0x068000\"/>"
    "</gpu></pci><pci busid=\"0000:07:00.0\" class=\"0x020700\"><nic><net name=\"mlx5_0\" speed=\"400000\" "
    "guid=\"0x1\" gdr=\"1\"/></nic>"
    "</pci></pci></cpu></system>",
    "<topology version=\"3.0\"><object type=\"Machine\" os_index=\"0\" gp_index=\"1\" " SETS
    "><object type=\"Package\" os_index=\"0\" gp_index=\"2\" " SETS
    "><info name=\"CPUModel\" value=\"M\"/><object type=\"NUMANode\" os_index=\"0\" gp_index=\"3\" "
    "local_memory=\"1073741824\" " SETS "/>" PU("0", "0x1") PU(
        "1", "0x2") "<object type=\"Bridge\" gp_index=\"6\" bridge_type=\"0-1\" depth=\"0\" "
                    "bridge_pci=\"0000:[1b-1c]\">"
                    "<object type=\"PCIDev\" gp_index=\"4\" pci_busid=\"0000:1b:00.0\" pci_type=\"0302 "
                    "[10de:1db8] [10de:12f0] a1 00\" pci_link_speed=\"15.75\">"
                    "<object type=\"OSDev\" gp_index=\"5\" name=\"cuda0\" subtype=\"CUDA\" "
                    "osdev_type=\"12\"><info name=\"CUDAGlobalMemorySize\" "
                    "value=\"1024KiB\"/></object></object></object></object></object><distances2hetero "
                    "nbobjs=\"2\" kind=\"25\" name=\"NVLinkBandwidth\">"
                    "<indexes length=\"17\">OSDev:5 Package:2</indexes><u64values length=\"9\">0 20 20 "
                    "0</u64values></distances2hetero><cpukind cpuset=\"0x1\" "
                    "forced_efficiency=\"1\"/><cpukind cpuset=\"0x2\"/><memattr name=\"Bandwidth\" "
                    "flags=\"5\"><memattr_value target_obj_type=\"NUMANode\" "
                    "target_obj_gp_index=\"3\" value=\"90\" initiator_cpuset=\"0x3\"/></memattr></topology>",
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

/* What a sanitizer finds must not look like a reason. */
__attribute__((used, visibility("default"))) const char *__asan_default_options(void)
{
    return "abort_on_error=1:detect_leaks=0";
}

int hal_child_fail(const char *text)
{
    return text[0] == '\0' ? 2 : 1;
}

_Noreturn void hal_child_end(int code)
{
    _exit(code);
}

_Noreturn static void run(int file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    alarm(10);
    _exit(hal_child_translate(path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int status, file = memfd_create("input", 0), answer = open("/dev/null", O_WRONLY);
    if (file < 0 || answer < 0 || write(file, data, bytes) != (ssize_t)bytes)
        abort();
    pid_t child = fork();
    if (child == 0) {
        int input = fcntl(file, F_DUPFD, 10);
        dup2(answer, HAL_CHILD_PAYLOAD);
        run(input);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
        abort();
    close(file);
    close(answer);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/elf.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *arch;
    hal_elf_kind kind;
} machines[] = {{"x86_64", {64, EM_X86_64}}, {"aarch64", {64, EM_AARCH64}}, {"riscv64", {64, EM_RISCV}},
                {"ppc64le", {64, EM_PPC64}}, {"s390x", {64, EM_S390}},      {"loongarch64", {64, 258}},
                {"i686", {32, EM_386}},      {"i386", {32, EM_386}},        {"armv7l", {32, EM_ARM}}};

hal_elf_kind hal_elf_of_arch(const char *arch)
{
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (strcmp(machines[i].arch, arch) == 0)
            return machines[i].kind;
    return (hal_elf_kind){0, 0};
}

static hal_elf_kind of_line(const char *line)
{
    hal_elf_kind kind = {64, 0};
    char arch[32] = "";
    if (sscanf(line, "ELF %u %31s", &kind.bits, arch) == 2)
        kind.machine = hal_elf_of_arch(arch).machine;
    return kind;
}

hal_elf_kind hal_elf_of_file(const char *head, size_t bytes)
{
    const unsigned char *octets = (const unsigned char *)head;
    if (bytes >= 3 && memcmp(head, "ELF", 3) == 0)
        return of_line(head);
    if (bytes < EI_NIDENT + 4 || memcmp(head, ELFMAG, SELFMAG) != 0)
        return (hal_elf_kind){0, 0};
    bool little = octets[EI_DATA] == ELFDATA2LSB;
    uint32_t machine =
        little ? octets[18] | (uint32_t)octets[19] << 8 : octets[19] | (uint32_t)octets[18] << 8;
    return (hal_elf_kind){octets[EI_CLASS] == ELFCLASS64 ? 64u : 32u, machine};
}

bool hal_elf_fits(hal_elf_kind file, hal_elf_kind host)
{
    if (file.bits == 0 || host.bits == 0)
        return file.bits != 0;
    return file.bits == host.bits && (file.machine == 0 || file.machine == host.machine);
}

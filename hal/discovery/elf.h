/* SPDX-License-Identifier: Apache-2.0 */
/* What the first bytes of a file say of the machine that it is for. Numbers are those of the ELF
 * specification and its supplements. */
#ifndef HAL_DISCOVERY_ELF_H
#define HAL_DISCOVERY_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are looked at. */
#define HAL_ELF_HEAD 64

typedef struct hal_elf_kind {
    uint32_t bits;    /* 32 or 64; 0: no ELF file */
    uint32_t machine; /* e_machine; 0 not known */
} hal_elf_kind;

/* Of the head of a file; recorded trees have a line "ELF 64 x86_64" in place of its bytes, or "ELF" alone. */
hal_elf_kind hal_elf_of_file(const char *head, size_t bytes);
/* Of a machine as uname calls it. */
hal_elf_kind hal_elf_of_arch(const char *arch);
/* True unless both are known and differ. */
bool hal_elf_fits(hal_elf_kind file, hal_elf_kind host);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are plugin files. A note that is accepted must stand in the file as it was returned, and its texts
 * must be ones that can be printed and compared. run.sh adds the first bytes of a real plugin to the seeds. */
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hal/object.h"

/* The least that is a plugin: one segment to load, one with notes. */
typedef struct plugin {
    Elf64_Ehdr head;
    Elf64_Phdr load, notes;
    Elf64_Nhdr other; /* somebody else's note stands first */
    char other_name[4], other_desc[8];
    hal_backend_note note;
} plugin;

static plugin make_plugin(uint64_t align)
{
    const uint16_t one = 1;
    plugin p;
    memset(&p, 0, sizeof p);
    memcpy(p.head.e_ident, ELFMAG, SELFMAG);
    p.head.e_ident[EI_CLASS] = ELFCLASS64;
    p.head.e_ident[EI_DATA] = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;
#if defined(__x86_64__)
    p.head.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    p.head.e_machine = EM_AARCH64;
#elif defined(__riscv)
    p.head.e_machine = EM_RISCV;
#endif
    p.head.e_type = ET_DYN;
    p.head.e_phoff = offsetof(plugin, load);
    p.head.e_phentsize = sizeof(Elf64_Phdr);
    p.head.e_phnum = 2;
    p.load = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = sizeof p};
    p.notes = (Elf64_Phdr){.p_type = PT_NOTE,
                           .p_offset = offsetof(plugin, other),
                           .p_filesz = sizeof p - offsetof(plugin, other),
                           .p_align = align};
    p.other = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 8, .n_type = 3};
    memcpy(p.other_name, "GNU", 4);
    p.note = (hal_backend_note){.name_bytes = 4,
                                .desc_bytes = sizeof p.note - 16,
                                .type = 1,
                                .owner = "hal",
                                .magic = HAL_BACKEND_NOTE_MAGIC,
                                .name = "seed",
                                .build_id = "seed-1"};
    return p;
}

size_t fuzz_seed_count(void)
{
    return 2;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    static plugin p;
    p = make_plugin(index == 0 ? 4 : 8);
    *out_bytes = sizeof p;
    return &p;
}

static int file_with(const uint8_t *data, size_t bytes)
{
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("plugin", MFD_CLOEXEC);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, bytes, 0) != (ssize_t)bytes) {
        abort();
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    hal_backend_note note, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    note = untouched;
    if (hal_note_read(file_with(data, bytes), &note) != HAL_OK) {
        if (memcmp(&note, &untouched, sizeof note) != 0 || hal_status_last()->text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (memmem(data, bytes, &note, sizeof note) == NULL || note.magic != HAL_BACKEND_NOTE_MAGIC ||
        strnlen(note.name, sizeof note.name) - 1 >= sizeof note.name - 1 ||
        strnlen(note.build_id, sizeof note.build_id) == sizeof note.build_id ||
        strpbrk(note.name, "/.% \n\"") != NULL) {
        abort();
    }
    return 0;
}

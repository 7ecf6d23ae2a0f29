/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a backend's ELF note without running anything of the file. Every number in it is an outsider's. */
#include "object.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADERS 128u
#define MAX_NOTES   65536u

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#else
#error "name this machine's ELF number here"
#endif

/* Reads [at, at + bytes), which must lie inside a file of `size` bytes. */
static hal_status window(int file, uint64_t size, uint64_t at, void *into, size_t bytes)
{
    uint64_t end;
    if (__builtin_add_overflow(at, bytes, &end) || end > size)
        return HAL_FAIL(DATA_LOSS, "the file is truncated: it has %llu bytes and refers to [%llu, +%zu)",
                        (unsigned long long)size, (unsigned long long)at, bytes);
    ssize_t got = pread(file, into, bytes, (off_t)at);
    if (got < 0)
        return HAL_FAIL(IO, "reading %zu bytes at %llu failed: %m", bytes, (unsigned long long)at);
    if ((size_t)got != bytes)
        return HAL_FAIL(DATA_LOSS, "the file shrank while being read: %zd of %zu bytes at %llu", got, bytes,
                        (unsigned long long)at);
    return HAL_OK;
}

static hal_status check_header(const Elf64_Ehdr *e)
{
    const uint16_t one = 1;
    int order = *(const uint8_t *)&one == 1 ? ELFDATA2LSB : ELFDATA2MSB;
    if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
        return HAL_FAIL(DATA_LOSS, "not an ELF file");
    if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != order || e->e_machine != MACHINE)
        return HAL_FAIL(VERSION_MISMATCH,
                        "built for another machine: ELF class %u, byte order %u, machine %u; this "
                        "one is class %u, order %d, machine %u",
                        e->e_ident[EI_CLASS], e->e_ident[EI_DATA], e->e_machine, ELFCLASS64, order, MACHINE);
    if (e->e_type != ET_DYN)
        return HAL_FAIL(DATA_LOSS, "ELF type %u is no shared object", e->e_type);
    if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phnum == 0 || e->e_phnum > MAX_HEADERS)
        return HAL_FAIL(DATA_LOSS, "damaged ELF header: %u program headers of %u bytes", e->e_phnum,
                        e->e_phentsize);
    return HAL_OK;
}

/* Rounds up to a note alignment of 4 or 8. */
static uint64_t align(uint64_t at, uint64_t to)
{
    return (at + to - 1) & ~(to - 1);
}

static bool is_ours(const char *owner, const Elf64_Nhdr *n)
{
    return n->n_namesz == 4 && memcmp(owner, "hal", 4) == 0 && n->n_type == 1;
}

/* Searches notes in memory; false when ours is not among them. */
static bool scan(const char *bytes, uint64_t size, uint64_t to, hal_backend_note *note)
{
    uint64_t at = 0;
    while (size - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr n;
        memcpy(&n, bytes + at, sizeof n);
        uint64_t name = at + sizeof n, desc = align(name + n.n_namesz, to), end = desc + n.n_descsz;
        if (end > size) /* the sizes are 32 bits wide and `at` is bounded: the sums cannot wrap */
            return false;
        if (is_ours(bytes + name, &n) && n.n_descsz >= sizeof *note - 16 && desc == name + 4) {
            memcpy(note, bytes + at, sizeof *note);
            return true;
        }
        at = align(end, to);
        if (at > size)
            return false;
    }
    return false;
}

/* The dynamic linker maps segments without asking how long the file is, and touching what lies behind its end
   kills the process: a truncated file has to be noticed here. */
static hal_status check_segment(uint64_t size, const Elf64_Phdr *p)
{
    uint64_t end;
    if (p->p_type != PT_LOAD || (!__builtin_add_overflow(p->p_offset, p->p_filesz, &end) && end <= size))
        return HAL_OK;
    return HAL_FAIL(DATA_LOSS,
                    "the file is truncated: it has %llu bytes and a segment at [%llu, +%llu); install it "
                    "again",
                    (unsigned long long)size, (unsigned long long)p->p_offset,
                    (unsigned long long)p->p_filesz);
}

static hal_status read_segment(int file, uint64_t size, const Elf64_Phdr *p, hal_backend_note *note,
                               bool *found)
{
    char bytes[4096];
    if (p->p_filesz > MAX_NOTES)
        return HAL_FAIL(DATA_LOSS, "note segment of %llu bytes is beyond the limit of %u",
                        (unsigned long long)p->p_filesz, MAX_NOTES);
    if (p->p_filesz > sizeof bytes)
        return HAL_OK; /* large notes are a debugger's, not ours */
    HAL_TRY(window(file, size, p->p_offset, bytes, (size_t)p->p_filesz));
    *found = scan(bytes, p->p_filesz, p->p_align == 8 ? 8 : 4, note);
    return HAL_OK;
}

static hal_status check_note(const hal_backend_note *n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    if (n->magic != HAL_BACKEND_NOTE_MAGIC)
        return HAL_FAIL(DATA_LOSS, "the note's magic is 0x%x, not 0x%x", n->magic, HAL_BACKEND_NOTE_MAGIC);
    if (memchr(n->name, 0, sizeof n->name) == NULL || memchr(n->build_id, 0, sizeof n->build_id) == NULL)
        return HAL_FAIL(DATA_LOSS, "a name in the note has no end");
    if (n->name[0] == '\0' || strspn(n->name, letters) != strlen(n->name))
        return HAL_FAIL(DATA_LOSS, "the name in the note is not made of a-z, 0-9, _ and -");
    return HAL_OK;
}

hal_status hal_note_read(int file, hal_backend_note *note)
{
    Elf64_Ehdr e;
    struct stat st;
    hal_backend_note n;
    bool found = false;
    if (fstat(file, &st) != 0 || st.st_size < 0)
        return HAL_FAIL(IO, "fstat failed: %m");
    uint64_t size = (uint64_t)st.st_size;
    HAL_TRY(window(file, size, 0, &e, sizeof e));
    HAL_TRY(check_header(&e));
    for (uint64_t i = 0; i < e.e_phnum; i++) {
        Elf64_Phdr p;
        uint64_t at;
        if (__builtin_add_overflow(e.e_phoff, i * sizeof p, &at))
            return HAL_FAIL(DATA_LOSS, "program headers begin beyond any file");
        HAL_TRY(window(file, size, at, &p, sizeof p));
        HAL_TRY(check_segment(size, &p));
        if (p.p_type == PT_NOTE && !found)
            HAL_TRY(read_segment(file, size, &p, &n, &found));
    }
    if (!found)
        return HAL_FAIL(NOT_FOUND, "no note .note.hal.backend: this is no hal backend");
    HAL_TRY(check_note(&n));
    *note = n;
    return HAL_OK;
}

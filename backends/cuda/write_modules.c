/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_modules [DIRECTORY]: prints modules.c, which has the modules of that folder, and writes index.txt into it: which image
 * was made of which text, and the parameters of its kernels, for the emulated driver of the tests. Without a folder there
 * are none. A text's name ends in its number, 32 digits: see ops/portable/write_texts.c.
 *
 *   hal-cuda-modules 1
 *   module NUMBER-OF-IMAGE BYTES NUMBER-OF-TEXT FILE-OF-TEXT
 *   entry NAME PARAMETERS BYTES BYTES ...
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/portable/hash.h"

enum { DIGITS = 32, MOST_PARAMETERS = 64 };

/* A text, without its ending. */
typedef struct module { char name[512]; const char *number; } module;

/* The whole file, and a NUL behind it; NULL: it cannot be read. */
static char *file_read(const char *directory, const char *name, const char *ending, size_t *bytes) {
    char path[4096], *data = NULL;
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, ending);
    FILE *from = fopen(path, "rb");
    if (!from) return NULL;
    const long n = fseek(from, 0, SEEK_END) == 0 ? ftell(from) : -1;
    if (n >= 0) data = calloc((size_t)n + 1, 1);
    if (data && (fseek(from, 0, SEEK_SET) != 0 || fread(data, 1, (size_t)n, from) != (size_t)n)) {
        free(data);
        data = NULL;
    }
    fclose(from);
    *bytes = data ? (size_t)n : 0;
    return data;
}

/* "name-0123...cu", a line of texts.list. */
static int module_parse(char *line, module *m) {
    line[strcspn(line, "\n")] = '\0';
    const size_t n = strlen(line);
    if (n < DIGITS + 3 || n >= sizeof m->name || strcmp(line + n - 3, ".cu") != 0) return 0;
    snprintf(m->name, sizeof m->name, "%.*s", (int)(n - 3), line);
    m->number = m->name + n - 3 - DIGITS;
    return 1;
}

/* ------------------------------------------------------------------------------------------ the index -- */

/* ".param .u64 x_param_0," or ".param .align 8 .b8 x_param_3[48]", one a line. */
static size_t parameter_bytes(const char *param) {
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(param, "\n"), param);
    char *align = strstr(line, ".align"), *type = line + strlen(".param");
    if (align) type = align + strlen(".align");
    type = strchr(type, '.');
    const char *many = strchr(line, '[');
    const size_t bits = type ? strtoul(type + 2, NULL, 10) : 0;
    return bits / 8 * (many ? strtoul(many + 1, NULL, 10) : 1);
}

/* ".visible .entry name(" and its parameters, to the closing bracket. */
static void entry_write(FILE *to, const char *ptx) {
    size_t bytes[MOST_PARAMETERS], n = 0;
    const char *name = ptx + strspn(ptx, " \t"), *end = strchr(name, ')');
    const int length = (int)strcspn(name, "( \t\n");
    for (const char *at = strstr(name, ".param"); at && at < end && n < MOST_PARAMETERS; at = strstr(at + 6, ".param"))
        bytes[n++] = parameter_bytes(at);
    fprintf(to, "entry %.*s %zu", length, name, n);
    for (size_t i = 0; i < n; i++) fprintf(to, " %zu", bytes[i]);
    fprintf(to, "\n");
}

/* What a fat binary's head says of its length: head and body. The driver sees no more. Source: fatbinary_section.h. */
static size_t fat_bytes(const char *image, size_t most) {
    uint16_t head;
    uint64_t body;
    if (most < 16) return most;
    memcpy(&head, image + 6, sizeof head);
    memcpy(&body, image + 8, sizeof body);
    return head + body < most ? (size_t)(head + body) : most;
}

static int index_write(FILE *to, const char *directory, const module *m) {
    size_t image_bytes = 0, ptx_bytes = 0;
    char *image = file_read(directory, m->name, "fatbin", &image_bytes);
    char *ptx = file_read(directory, m->name, "ptx", &ptx_bytes);
    const int there = image && ptx;
    if (there) {
        image_bytes = fat_bytes(image, image_bytes);
        const hal_portable_hash h = hal_portable_hash_of(image, image_bytes);
        fprintf(to, "module %016llx%016llx %zu %s %s.cu\n", (unsigned long long)h.high, (unsigned long long)h.low, image_bytes,
            m->number, m->name);
        for (const char *at = ptx; (at = strstr(at, ".entry ")) != NULL; at += 7) entry_write(to, at + 7);
    }
    free(image);
    free(ptx);
    return there;
}

/* --------------------------------------------------------------------------------------------- modules.c */

static void module_write(const char *directory, const module *m) {
    printf("__asm__(\".section .rodata\\n.balign 64\\nhal_module_%s:\\n.incbin \\\"%s/%s.fatbin\\\"\\n.previous\\n\");\n"
           "extern const unsigned char hal_module_%s[] __attribute__((visibility(\"hidden\")));\n",
        m->number, directory, m->name, m->number);
}

static void row_write(const module *m) {
    printf("    {{0x%.16su, 0x%.16su}, hal_module_%s},\n", m->number, m->number + 16, m->number);
}

/* Both files; 0: something is missing. */
static int write_all(const char *directory, FILE *list, FILE *index) {
    char line[512];
    module m;
    int there = 1;
    fprintf(index, "hal-cuda-modules 1\n");
    while (there && fgets(line, sizeof line, list)) {
        there = module_parse(line, &m) && index_write(index, directory, &m);
        if (there) module_write(directory, &m);
    }
    rewind(list);
    printf("const hal_cuda_module hal_cuda_modules[] = {\n");
    while (there && fgets(line, sizeof line, list))
        if (module_parse(line, &m)) row_write(&m);
    printf("    {{0, 0}, 0},\n};\n");
    return there;
}

static FILE *file_open(const char *directory, const char *name, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return fopen(path, mode);
}

int main(int argc, char **argv) {
    printf("/* Made by backends/cuda/write_modules.c. */\n#include \"backends/cuda/modules.h\"\n");
    if (argc < 2) {
        printf("const hal_cuda_module hal_cuda_modules[] = {{{0, 0}, 0}};\n");
        return 0;
    }
    FILE *list = file_open(argv[1], "texts.list", "r"), *index = file_open(argv[1], "index.txt", "w");
    int done = list && index && write_all(argv[1], list, index);
    if (list) fclose(list);
    if (index && fclose(index) != 0) done = 0;
    return done ? 0 : 1;
}

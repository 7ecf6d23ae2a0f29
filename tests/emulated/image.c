/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of modules, a text that the build writes beside them:
 *
 *   hal-cuda-modules 1
 *   module IMAGE-HASH IMAGE-BYTES TEXT-HASH TEXT-FILE        the file lies beside the index
 *   entry NAME N SIZE...                                     of the module above, as its PTX says
 */
#include "image.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/portable/hash.h"

#define FATBIN_MAGIC 0xba55ed50u
typedef struct fatbin { uint32_t magic; uint16_t version, header; uint64_t payload; } fatbin;

/* The image that is looked for, and what the index says of it. */
typedef struct search {
    char hash[33];
    size_t bytes;
    char text_hash[33], file[256], directory[4096];
    bool is_here;
    emu_image *image;
} search;

static void print_hash(const void *bytes, size_t n, char text[33]) {
    const hal_portable_hash h = hal_portable_hash_of(bytes, n);
    snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, h.high, h.low);
}

void emu_image_close(emu_image *image) {
    if (image) free(image->text);
    free(image);
}

/* -------------------------------------------------------------------------------------------- the index -- */

static const char *index_path(void) {
    const char *told = getenv("HAL_EMULATED_CUDA_MODULES");
    return told ? told : EMU_MODULES;
}

static void read_sizes(emu_entry *e, const char *text) {
    char *end;
    for (int i = 0; i < e->n && i < EMU_ENTRY_PARAMETERS; i++, text = end) e->bytes[i] = strtoull(text, &end, 10);
}

static void read_entry(emu_image *image, const char *line) {
    emu_entry *e = &image->entry[image->n_entries];
    int behind = 0;
    if (image->n_entries == EMU_ENTRIES || sscanf(line, "entry %63s %d%n", e->name, &e->n, &behind) != 2) return;
    read_sizes(e, line + behind);
    image->n_entries++;
}

/* The entries that follow the line of the module are its own. */
static bool read_line(search *s, const char *line) {
    char hash[33];
    size_t bytes;
    if (s->is_here && strncmp(line, "entry ", 6) == 0) read_entry(s->image, line);
    if (strncmp(line, "module ", 7) != 0) return true;
    if (s->is_here) return false;
    char text_hash[33], file[256];
    if (sscanf(line, "module %32s %zu %32s %255s", hash, &bytes, text_hash, file) != 4) return true;
    s->is_here = strcmp(hash, s->hash) == 0 && bytes == s->bytes;
    if (!s->is_here) return true;
    memcpy(s->text_hash, text_hash, sizeof text_hash);
    memcpy(s->file, file, sizeof file);
    return true;
}

static bool read_index(search *s) {
    const char *path = index_path(), *slash = strrchr(path, '/');
    FILE *from = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    if (!from) return false;
    snprintf(s->directory, sizeof s->directory, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    while (getline(&line, &room, from) > 0 && read_line(s, line)) continue;
    free(line);
    fclose(from);
    return true;
}

static char *read_file(const char *path) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *from = fopen(path, "r"), *to = from ? open_memstream(&text, &bytes) : NULL;
    char part[4096];
    for (size_t n; to && (n = fread(part, 1, sizeof part, from)) > 0;) fwrite(part, 1, n, to);
    if (to) fclose(to);
    if (from) fclose(from);
    return text;
}

/* --------------------------------------------------------------------------------------------- modules -- */

static const char *load_text(search *s, char *reason, size_t size) {
    char path[4400], hash[33] = "";
    snprintf(path, sizeof path, "%s/%s", s->directory, s->file);
    s->image->text = read_file(path);
    if (s->image->text) print_hash(s->image->text, strlen(s->image->text), hash);
    if (strcmp(hash, s->text_hash) == 0) return emu_text_refuse(s->image->text);
    snprintf(reason, size, "its text, %s, %s", path, s->image->text ? "was changed" : "cannot be read");
    return reason;
}

static const char *open_module(const void *bytes, emu_image *image, char *reason, size_t size) {
    fatbin head;
    search s = {.image = image};
    memcpy(&head, bytes, sizeof head);
    s.bytes = head.header + (size_t)head.payload;
    if (s.bytes > (size_t)1 << 30) return "it is longer than a module can be";
    print_hash(bytes, s.bytes, s.hash);
    if (!read_index(&s)) {
        snprintf(reason, size, "there is no index of modules at %s", index_path());
        return reason;
    }
    if (s.is_here) return load_text(&s, reason, size);
    snprintf(reason, size, "the index has no module of %zu bytes with hash %s", s.bytes, s.hash);
    return reason;
}

/* ----------------------------------------------------------------------------------- what was compiled -- */

static const char *open_compiled(const char *bytes, emu_image *image) {
    int arch;
    size_t length;
    unsigned long long high, low;
    char line[EMU_LINE] = "";
    const size_t n = strcspn(bytes, "\n");
    if (n + 1 >= sizeof line) return "it begins with no line of the emulated compiler";
    memcpy(line, bytes, n + 1);
    if (sscanf(line, "// hal emulated image, sm_%d, %zu bytes, %16llx%16llx", &arch, &length, &high, &low) != 4)
        return "it begins with no line of the emulated compiler";
    const char *text = bytes + n + 1;
    if (strnlen(text, length + 1) != length) return "it was cut short, or goes on behind its end";
    const hal_portable_hash h = hal_portable_hash_of(text, length);
    if (h.high != high || h.low != low) return "it was changed since it was compiled";
    image->text = strdup(text);
    return image->text ? emu_text_refuse(text) : "no memory is left";
}

emu_image *emu_image_open(const void *bytes, char *reason, size_t size, const char **why) {
    emu_image *image = calloc(1, sizeof *image);
    uint32_t magic;
    *why = "no memory is left";
    if (!image) return NULL;
    memcpy(&magic, bytes, sizeof magic);
    if (magic == FATBIN_MAGIC) *why = open_module(bytes, image, reason, size);
    else if (memcmp(bytes, "// h", 4) == 0) *why = open_compiled(bytes, image);
    else *why = "it is neither a module of this build nor an image of the emulated compiler";
    if (!*why) return image;
    emu_image_close(image);
    return NULL;
}

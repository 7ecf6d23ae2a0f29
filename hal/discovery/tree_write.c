/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/tree_write.h"
#include "hal/discovery/tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MOST_CONTENT = 1 << 20, RANK_STUB = 0, RANK_ENTRY = 1, RANK_CONTENT = 2 };

static void keep(hal_tree_writer *w, const char *path, uint32_t rank, char *text)
{
    const hal_allocator *a = w->files->allocator;
    char *copy = hal_string_copy(a, path), *own = text != NULL ? hal_string_copy(a, text) : NULL;
    if (copy != NULL && own != NULL &&
        hal_array_grow(a, (void **)&w->entries, w->n_entries, &w->capacity, sizeof *w->entries)) {
        w->entries[w->n_entries++] = (hal_tree_entry){copy, own, rank};
    } else {
        hal_deallocate(a, copy);
        hal_deallocate(a, own);
        w->starved = true;
    }
    free(text);
}

void hal_tree_writer_close(hal_tree_writer *w)
{
    for (uint32_t i = 0; i < w->n_entries; i++) {
        hal_deallocate(w->files->allocator, w->entries[i].path);
        hal_deallocate(w->files->allocator, w->entries[i].text);
    }
    hal_deallocate(w->files->allocator, w->entries);
    *w = (hal_tree_writer){.files = w->files};
}

/* ------------------------------------------------------------------------------------------- one entry -- */

static void put_path(FILE *out, const char *path)
{
    for (; *path != '\0'; path++)
        if (*path == ' ' || *path == '\t' || *path == '\n' || *path == '\\')
            fprintf(out, "\\%03o", (unsigned char)*path);
        else
            fputc(*path, out);
}

static bool is_text(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t')
            return false;
    return true;
}

static void put_lines(FILE *out, const char *path, const char *text, size_t bytes)
{
    fputs("< ", out);
    put_path(out, path);
    fputc('\n', out);
    for (const char *end = text + bytes; text < end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((newline != NULL ? newline : end) - text);
        fprintf(out, "\t%.*s\n", (int)length, text);
        text += length + 1;
    }
}

/* The shortest form that gives the content again; the newline at its end may get lost or come to be. */
static void put_content(FILE *out, const char *path, const char *text, size_t bytes)
{
    size_t length = bytes > 0 && text[bytes - 1] == '\n' ? bytes - 1 : bytes;
    if (!is_text(text, bytes)) {
        fputs("x ", out);
        put_path(out, path);
        fputc(' ', out);
        for (size_t i = 0; i < bytes; i++)
            fprintf(out, "%02x", (unsigned char)text[i]);
        fputc('\n', out);
    } else if (memchr(text, '\n', length) != NULL) {
        put_lines(out, path, text, bytes);
    } else {
        fputs("= ", out);
        put_path(out, path);
        fprintf(out, " %.*s\n", (int)length, text);
    }
}

static void put_refusal(FILE *out, const char *path, int error)
{
    fputs("! ", out);
    put_path(out, path);
    fprintf(out, " %s\n", hal_tree_error_name(error));
}

/* Only where it says something: most of what the kernel shows is read by all and owned by root. */
static void put_mode(FILE *out, const char *path, const hal_file_facts *f)
{
    uint32_t open = S_ISDIR(f->mode) ? 0555 : 0444;
    if ((f->mode & open) == open && f->uid == 0 && f->gid == 0)
        return;
    fputs("m ", out);
    put_path(out, path);
    fprintf(out, " %04o %u:%u\n", f->mode & 07777, f->uid, f->gid);
}

static void put_device(FILE *out, const char *path, const hal_file_facts *f)
{
    fputs("c ", out);
    put_path(out, path);
    fprintf(out, " %u:%u %04o %u:%u\n", f->major, f->minor, f->mode & 07777, f->uid, f->gid);
}

/* What opening answers beyond what the mode says. */
static void put_denial(const hal_tree_writer *w, FILE *out, const char *path)
{
    int why = hal_files_access(w->files, path, false);
    if (why != 0 && why != EACCES)
        put_refusal(out, path, why);
}

static void put_file(const hal_tree_writer *w, FILE *out, const char *path, size_t bytes,
                     const hal_file_facts *f)
{
    size_t have = 0;
    char *text = bytes != 0 ? hal_files_read_all(w->files, path, &have) : NULL;
    int why = bytes != 0 && text == NULL ? errno : 0;
    if (have > MOST_CONTENT)
        have = MOST_CONTENT;
    if (text != NULL && !is_text(text, have) && have > bytes)
        have = bytes;
    put_content(out, path, text != NULL ? text : "", have);
    put_mode(out, path, f);
    if (why != 0 && why != EACCES)
        put_refusal(out, path, why);
    hal_files_free(w->files, text);
}

static void write_link(hal_tree_writer *w, const char *path, const char *target)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        fputs("@ ", out);
        put_path(out, path);
        fprintf(out, " %s\n", target);
        fclose(out);
    }
    keep(w, path, RANK_CONTENT, text);
}

/* An entry that is no link. */
static void write_entry(hal_tree_writer *w, const char *path, size_t bytes)
{
    char *text = NULL;
    size_t size;
    hal_file_facts facts;
    bool known = hal_files_stat(w->files, path, &facts);
    int why = errno;
    if (!known && (why == ENOENT || why == ENOTDIR || why == ELOOP))
        return;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        w->starved = true;
        return;
    }
    uint32_t rank = bytes != 0 ? RANK_CONTENT : RANK_ENTRY;
    if (!known) {
        put_refusal(out, path, why);
        rank = RANK_STUB;
    } else if (S_ISDIR(facts.mode)) {
        fputs("/ ", out);
        put_path(out, path);
        fputc('\n', out);
        put_mode(out, path, &facts);
    } else if (S_ISCHR(facts.mode)) {
        put_device(out, path, &facts);
        put_denial(w, out, path);
    } else if (S_ISREG(facts.mode)) {
        put_file(w, out, path, bytes, &facts);
    }
    fclose(out);
    keep(w, path, rank, text);
}

/* ---------------------------------------------------------------------------------------------- a path -- */

/* What the kernel shows of a PCI device as bytes: registers, whose reading may do something, and memory. */
static bool is_raw(const char *name)
{
    static const char *const names[] = {"config", "rom", "vpd", "remove", "rescan", "reset"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "resource", 8) == 0 && isdigit((unsigned char)name[8]);
}

/* Names of a directory: what each is, and of what the kernel writes also what it holds. */
static void write_names(hal_tree_writer *w, const char *directory)
{
    hal_names names;
    char path[PATH_MAX], target[PATH_MAX];
    if (!hal_files_list(w->files, directory, &names))
        return;
    bool kernel = strncmp(directory, "/sys", 4) == 0;
    for (uint32_t i = 0; i < names.count; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", directory, names.items[i]);
        if (n < 0 || (size_t)n >= sizeof path)
            continue;
        if (hal_files_link(w->files, path, target, sizeof target))
            write_link(w, path, target);
        else
            write_entry(w, path, kernel && !is_raw(names.items[i]) ? 1 : 0);
    }
    hal_files_names_free(w->files, &names);
}

void hal_tree_write_path(hal_tree_writer *w, const char *path, size_t bytes, bool list)
{
    hal_path_walk walk;
    char real[PATH_MAX] = "", target[PATH_MAX];
    if (!hal_path_begin(&walk, path))
        return;
    for (char *name; (name = hal_path_next(&walk)) != NULL;) {
        size_t length = strlen(real);
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            char *slash = strrchr(real, '/');
            *(slash != NULL ? slash : real) = '\0';
            continue;
        }
        int n = snprintf(real + length, sizeof real - length, "/%s", name);
        if (n < 0 || length + (size_t)n >= sizeof real)
            return;
        if (!hal_files_link(w->files, real, target, sizeof target))
            continue;
        write_link(w, real, target);
        real[target[0] == '/' ? 0 : length] = '\0';
        if (!hal_path_follow(&walk, target))
            return;
    }
    if (real[0] == '\0')
        return;
    write_entry(w, real, bytes);
    if (list)
        write_names(w, real);
}

void hal_tree_write_text(hal_tree_writer *w, const char *path, const char *content, size_t bytes)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        put_content(out, path, content, bytes);
        fclose(out);
    }
    keep(w, path, RANK_CONTENT + 1, text);
}

static int by_path(const void *a, const void *b)
{
    const hal_tree_entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->rank < y->rank) - (x->rank > y->rank);
}

/* An entry's text is its line and those that say more of it; what a file holds is behind a tab. */
static uint32_t count_lines(const char *text)
{
    uint32_t n = 0;
    for (const char *line = text; line != NULL && *line != '\0';) {
        n += *line != '\t';
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return n;
}

hal_status hal_tree_writer_print(hal_tree_writer *w, FILE *stream)
{
    if (w->starved)
        return HAL_FAIL(OUT_OF_MEMORY, "gather: what was read does not fit into memory; free some");
    if (w->n_entries > 1)
        qsort(w->entries, w->n_entries, sizeof *w->entries, by_path);
    uint32_t lines = 0;
    for (uint32_t i = 0; i < w->n_entries; i++)
        if (i == 0 || strcmp(w->entries[i].path, w->entries[i - 1].path) != 0) {
            fputs(w->entries[i].text, stream);
            lines += count_lines(w->entries[i].text);
        }
    fprintf(stream, ". %u\n", lines);
    return fflush(stream) == 0 && !ferror(stream)
               ? HAL_OK
               : HAL_FAIL(IO, "gather: cannot be written: %s", strerror(errno));
}

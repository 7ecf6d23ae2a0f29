/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a program: its options as definitions, the prelude with its functions, what was generated, the kernel files. */
#include "portable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "texts.h"

static const char *text_of(const char *file, size_t length) {
    for (const hal_portable_text *t = hal_portable_texts; t->name; t++) {
        if (strlen(t->name) == length && memcmp(t->name, file, length) == 0) return t->text;
    }
    return "#error \"hal: no such kernel file\"\n";
}

/* "rows+softmax": one after the other. */
static void print_files(FILE *to, const char *files) {
    for (size_t n; *files; files += n + (files[n] == '+')) {
        n = strcspn(files, "+");
        fputs(text_of(files, n), to);
    }
}

/* "X=F32 Y=BF16" as lines of the preprocessor. */
static void print_options(FILE *to, const char *options) {
    while (*options) {
        const size_t n = strcspn(options, " "), name = strcspn(options, "= ");
        if (n > 0) fprintf(to, "#define %.*s %.*s\n", (int)name, options, name < n ? (int)(n - name - 1) : 0,
            options + name + (name < n));
        options += n + (options[n] == ' ');
    }
}

char *hal_portable_source(const hal_portable_program *program) {
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    if (!to) return NULL;
    print_options(to, program->options);
    print_files(to, "prelude+functions+math");
    if (program->body) fputs(program->body, to);
    print_files(to, program->file);
    bool failed = ferror(to) != 0;
    failed |= fclose(to) != 0;
    if (!failed) return text;
    free(text);
    return NULL;
}

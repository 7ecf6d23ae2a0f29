/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes of the types of parameters. OpenCL tells their names only, so the structs are read in the text: they are typedefs of
 * numbers, arrays of numbers and other such structs, without macros.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

enum { DEEPEST = 4 };
typedef struct span { const char *at, *end; } span;

static bool find(const char *text, const char *name, size_t *bytes, size_t *align, int depth);

static bool is_number(const char *name, size_t *bytes) {
    static const struct { const char *name; size_t bytes; } numbers[] = {
        {"char", 1}, {"uchar", 1}, {"short", 2}, {"ushort", 2}, {"int", 4}, {"uint", 4}, {"float", 4}, {"long", 8},
            {"ulong", 8},
        {"double", 8}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].name, name) != 0) continue;
        *bytes = numbers[i].bytes;
        return true;
    }
    return false;
}

/* The next word or sign; comments and blanks are passed over. False at the end. */
static bool next(span *s, char word[64]) {
    for (;;) {
        while (s->at < s->end && isspace((unsigned char)*s->at)) s->at++;
        if (s->end - s->at < 2 || s->at[0] != '/' || s->at[1] != '*') break;
        const char *close = strstr(s->at, "*/");
        s->at = close && close < s->end ? close + 2 : s->end;
    }
    size_t n = 0;
    while (s->at < s->end && n < 63 && (isalnum((unsigned char)*s->at) || *s->at == '_')) word[n++] = *s->at++;
    if (n == 0 && s->at < s->end) word[n++] = *s->at++;
    word[n] = '\0';
    return n > 0;
}

/* "rank, dense;" and "size[8], stride[7][8];": how many there are, in *many; the sign that ends them is taken. */
static bool read_names(span *s, size_t *many) {
    char word[64];
    size_t n = 1, all = 0;
    while (next(s, word)) {
        if (strcmp(word, "[") == 0) {
            if (!next(s, word) || !isdigit((unsigned char)word[0])) return false;
            n *= strtoull(word, NULL, 10);
            if (!next(s, word) || strcmp(word, "]") != 0) return false;
        } else if (strcmp(word, ",") == 0 || strcmp(word, ";") == 0) {
            all += n;
            n = 1;
            if (word[0] == ';') {
                *many = all;
                return true;
            }
        }
    }
    return false;
}

static bool read_members(const char *text, span members, size_t *bytes, size_t *align, int depth) {
    char type[64];
    size_t at = 0, most = 1;
    while (next(&members, type)) {
        size_t one, own, many;
        if (!find(text, type, &one, &own, depth + 1) || !read_names(&members, &many)) return false;
        at = (at + own - 1) / own * own + one * many;
        most = own > most ? own : most;
    }
    *bytes = (at + most - 1) / most * most;
    *align = most;
    return at > 0;
}

/* "typedef struct { ... } NAME;" ends in "} NAME;", and no braces are within. */
static bool find_struct(const char *text, const char *name, span *members) {
    char end[80];
    snprintf(end, sizeof end, "} %s;", name);
    const char *close = strstr(text, end), *open = close;
    while (open && open > text && *open != '{') open--;
    if (!close || *open != '{') return false;
    *members = (span){open + 1, close};
    return true;
}

/* "typedef double NAME;" */
static bool find_alias(const char *text, const char *name, char of[64]) {
    char end[80];
    snprintf(end, sizeof end, " %s;", name);
    for (const char *at = strstr(text, "typedef "); at; at = strstr(at + 1, "typedef ")) {
        const char *word = at + 8;
        const size_t n = strcspn(word, " ");
        if (n >= 64 || strncmp(word + n, end, strlen(end)) != 0) continue;
        memcpy(of, word, n);
        of[n] = '\0';
        return true;
    }
    return false;
}

static bool find(const char *text, const char *name, size_t *bytes, size_t *align, int depth) {
    span members;
    char of[64];
    if (is_number(name, bytes)) {
        *align = *bytes;
        return true;
    }
    if (depth > DEEPEST) return false;
    if (find_struct(text, name, &members)) return read_members(text, members, bytes, align, depth);
    return find_alias(text, name, of) && find(text, of, bytes, align, depth + 1);
}

bool emu_type_find(const char *text, const char *name, size_t *bytes, size_t *align) { return find(text, name, bytes,
    align, 0); }

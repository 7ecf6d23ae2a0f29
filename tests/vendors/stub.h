/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins of vendors' libraries, each made for the functions that hal-probe calls. How one behaves, a variable says, or the
 * name of its file: ok (two devices), none, fail, old, hang, abort, scribble. One that lacks a function is made from these by
 * changing its name in a copy.
 */
#ifndef TESTS_VENDORS_STUB_H
#define TESTS_VENDORS_STUB_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a file called lib...-hang.so does, or what the variable says. */
static inline const char *stub_behaviour(const char *variable)
{
    Dl_info info;
    static char word[32];
    const char *file = dladdr((void *)word, &info) != 0 ? strrchr(info.dli_fname, '/') : NULL;
    const char *dash = file != NULL ? strrchr(file, '-') : NULL;
    const char *value = getenv(variable);
    if (dash != NULL && sscanf(dash + 1, "%15[a-z]", word) == 1 && strcmp(word, "ml") != 0)
        return word;
    return value != NULL ? value : "ok";
}

static inline bool stub_is(const char *variable, const char *word)
{
    return strcmp(stub_behaviour(variable), word) == 0;
}

/* To be called by the first function of a library. */
static inline void stub_begin(const char *variable)
{
    static const char noise[] = "library\tapi=nvml\tstate=ok\n\xff\xfe\x00rubbish\n\nhal-probe: maybe\n";
    printf("chatter of a library\n");
    if (stub_is(variable, "hang"))
        for (;;)
            pause();
    if (stub_is(variable, "abort")) {
        fprintf(stderr, "stub: the card is on fire\n");
        abort();
    }
    for (int fd = 1; fd < 4 && stub_is(variable, "scribble"); fd++) {
        ssize_t n = write(fd, noise, sizeof noise);
        (void)n;
    }
}

/* What follows in the files is what a library is for. */
#pragma GCC visibility push(default)

static inline int stub_count(const char *variable)
{
    return stub_is(variable, "none") ? 0 : 2;
}

#endif

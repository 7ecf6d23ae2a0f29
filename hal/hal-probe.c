/* SPDX-License-Identifier: Apache-2.0 */
/* The child that tries what may kill or hang a process, so that the host of libhal need not. hal/probe.c
   starts it and reads its last line, "hal-probe: ok" or "hal-probe: failed: WHY"; no such line means that it
   died. What the code under trial prints stands before; what was found out goes to descriptor 3. */
#include "hal/probe/child.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A line of its own, whatever was printed before. */
int hal_child_fail(const char *text)
{
    dprintf(STDOUT_FILENO, "\nhal-probe: failed: %.*s\n", (int)strcspn(text, "\n"), text);
    return 1;
}

static int try_dlopen(const char *path)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL ? hal_child_fail(dlerror()) : 0;
}

static const struct verb {
    const char *name, *subject, *text;
    int (*run)(const char *subject);
} verbs[] = {
    {"ask", "VENDOR[:FILE]", "Prints on descriptor 3 what a vendor's library knows of devices.",
     hal_child_ask},
    {"dlopen", "FILE", "Opens a shared object and says whether that went well.", try_dlopen},
    {"translate", "FILE", "Prints on descriptor 3, as JSON of hal, what XML of NCCL, RCCL or hwloc describes.",
     hal_child_translate},
};

static int usage(FILE *stream, int code)
{
    fputs("usage: hal-probe VERB SUBJECT\n"
          "Does for libhal what may crash or hang, in a process of its own.\n",
          stream);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        fprintf(stream, "  %s %s\n      %s\n", verbs[i].name, verbs[i].subject, verbs[i].text);
    return code;
}

/* Which lines ran is written by a destructor otherwise. */
#ifdef HAL_COVERAGE
void __gcov_dump(void);
#else
#define __gcov_dump() ((void)0)
#endif

_Noreturn void hal_child_end(int code)
{
    __gcov_dump();
    _exit(code);
}

int main(int argc, char **argv)
{
    const struct rlimit none = {0, 0};
    const struct verb *verb = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    for (size_t i = 0; argc == 3 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            verb = &verbs[i];
    if (verb == NULL)
        return usage(stderr, 2);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = verb->run(argv[2]);
    if (code == 0)
        dprintf(STDOUT_FILENO, "\nhal-probe: ok\n");
    hal_child_end(code);
}

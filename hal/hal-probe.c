/* SPDX-License-Identifier: Apache-2.0 */
/* The child that tries what may kill or hang a process, so that the host of libhal need not. probe.c starts it
   and reads its last line, "hal-probe: ok" or "hal-probe: failed: WHY"; no such line means that it died. What
   the code under trial prints stands before. Links nothing of hal. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int usage(FILE *stream, int code)
{
    fputs("usage: hal-probe dlopen FILE\n"
          "Opens a shared object and says whether that went well. libhal starts this for plugins it meets for\n"
          "the first time.\n",
          stream);
    return code;
}

/* A line of its own, whatever was printed before. */
static void answer(const char *verdict, const char *text)
{
    dprintf(STDOUT_FILENO, "\nhal-probe: %s%s\n", verdict, text);
}

static int try_dlopen(const char *path)
{
    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL) {
        answer("failed: ", dlerror());
        return 1;
    }
    answer("ok", "");
    return 0;
}

int main(int argc, char **argv)
{
    const struct rlimit none = {0, 0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc != 3 || strcmp(argv[1], "dlopen") != 0)
        return usage(stderr, 2);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Destructors are not what was asked about. */
    _exit(try_dlopen(argv[2]));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/load_guard.h"

#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/error.h"

enum { SIGNALS = 5 };
static const int fatal[SIGNALS] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};

/* A signal handler can be given nothing, so this is static: one guard a process. */
static struct {
    const char *tool;
    pthread_t thread;
    struct sigaction before[SIGNALS];
} guard;

static void say(const char *text)
{
    ssize_t put = write(STDERR_FILENO, text, strlen(text));
    (void)put; /* nobody is left to tell */
}

/* The link map is in the order of loading. */
static int keep_plugin(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    const char *slash = strrchr(info->dlpi_name, '/');
    if (strncmp(slash ? slash + 1 : info->dlpi_name, "libhal_", 7) == 0) {
        *(const char **)last = info->dlpi_name;
    }
    return 0;
}

static void on_fatal(int number)
{
    if (!pthread_equal(pthread_self(), guard.thread)) {
        load_guard_end(); /* comes again, and then does what it would have done */
        return;
    }
    const char *plugin = "one that is not mapped yet";
    const char *name = sigabbrev_np(number);
    dl_iterate_phdr(keep_plugin, &plugin);
    say(guard.tool);
    say(": a plugin crashed while it was loaded: ");
    say(plugin);
    say(" (SIG");
    say(name ? name : "?");
    say("); remove it, or leave it out with HAL_BACKENDS=^NAME\n");
    _exit(TOOL_INTERNAL);
}

void load_guard_begin(const char *tool)
{
    struct sigaction action = {.sa_handler = on_fatal};
    guard.tool = tool;
    guard.thread = pthread_self();
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(fatal[i], &action, &guard.before[i]);
    }
}

void load_guard_end(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(fatal[i], &guard.before[i], NULL);
    }
}

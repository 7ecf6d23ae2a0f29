/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that does in its constructor what BAD_PLUGIN says. It carries a good note of somebody else's build,
 * so that nothing but opening it shows what is wrong; its table is of no use. */
#undef HAL_BACKEND_BUILD
#define HAL_BACKEND_BUILD ""
#include <hal/backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const hal_backend table = {HAL_HEAD(hal_backend), .name = "bad", .build_id = "bad-1"};

static volatile uintptr_t nowhere = 64; /* volatile, or compilers complain */

__attribute__((constructor)) static void misbehave(void)
{
    const char *how = getenv("BAD_PLUGIN");
    if (how == NULL)
        return;
    if (strcmp(how, "abort") == 0) {
        fputs("bad_plugin: the card is on fire\n", stderr);
        abort();
    }
    if (strcmp(how, "crash") == 0)
        *(volatile int *)nowhere = 1;
    if (strcmp(how, "exit") == 0)
        _exit(3);
    if (strcmp(how, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(how, "chatter") == 0)
        for (int i = 0; i < 4000; i++)
            fputs("hal-probe: nothing to see here\n", stderr);
}

HAL_BACKEND_EXPORT(table, "bad", "bad-1")

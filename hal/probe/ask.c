/* SPDX-License-Identifier: Apache-2.0 */
/* The verb "ask": loads one vendor's library and has it tell what it knows. */
#include "hal/probe/child.h"

#include <stdio.h>

static const hal_child_vendor vendors[] = {
#define HAL_VENDOR(name, api, title, families, libraries)                                                    \
    {#name, libraries, hal_ask_##name, hal_symbols_##name},
#include "hal/discovery/vendors.def"
};

static int ask(const hal_child_vendor *v, const char *subject)
{
    hal_answer library;
    hal_answer_init(&library, HAL_ANSWER_LIBRARY, v->name);
    hal_library_state state = hal_child_open(v->libraries, v->symbols, &library);
    if (state == HAL_LIBRARY_OK)
        state = v->ask(subject, &library);
    library.state = state;
    hal_child_tell(&library);
    return 0;
}

int hal_child_ask(const char *subject)
{
    const size_t length = strcspn(subject, ":");
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
        if (strlen(vendors[i].name) == length && strncmp(vendors[i].name, subject, length) == 0)
            return ask(&vendors[i], subject + length + (subject[length] == ':'));
    return hal_child_fail("there is no vendor of that name");
}

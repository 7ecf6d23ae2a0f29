/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONEAPI_DEVICE_SELECTOR, which chooses devices for programs in SYCL: "level_zero:gpu;opencl:cpu", "*:0,1",
 * "!level_zero:*". Source: intel/llvm, sycl/doc/EnvironmentVariables.md.
 */
#include "hal/discovery/selector.h"
#include "hal/discovery/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Whether a GPU of Intel can be reached through that interface; `numbered`: its numbers are those of GPUs alone. */
static bool reaches(const char *backend, bool *numbered)
{
    *numbered = strcasecmp(backend, "level_zero") == 0;
    return *numbered || strcmp(backend, "*") == 0 || strcasecmp(backend, "opencl") == 0;
}

/* "gpu", "*", "0", "0.1": of a part, the whole is meant. Numbers that count processors too may mean any. */
static bool means(const char *device, bool numbered, uint32_t position)
{
    if (strcmp(device, "*") == 0 || strcasecmp(device, "gpu") == 0 || strncmp(device, "*.", 2) == 0)
        return true;
    return isdigit((unsigned char)device[0]) && (!numbered || strtoul(device, NULL, 10) == position);
}

/* One term without its '!'; `sure` is false where the term may as well mean another device. */
static bool matches(char *term, uint32_t position, bool *sure)
{
    char *colon = strchr(term, ':'), device[64];
    bool numbered, found = false;
    *sure = true;
    if (colon == NULL)
        return false;
    *colon = '\0';
    if (!reaches(term, &numbered))
        return false;
    for (const char *rest = colon + 1; hal_word_next(&rest, ',', device, sizeof device);)
        if (means(device, numbered, position)) {
            found = true;
            *sure = numbered || !isdigit((unsigned char)device[0]);
        }
    return found;
}

bool hal_selector_hides(const char *selector, uint32_t position)
{
    char term[256];
    bool accepts = false, accepted = false, sure;
    for (const char *rest = selector; hal_word_next(&rest, ';', term, sizeof term);) {
        bool discards = term[0] == '!';
        bool found = matches(term + discards, position, &sure);
        if (discards && found && sure)
            return true;
        accepts |= !discards;
        accepted |= !discards && found;
    }
    return accepts && !accepted;
}

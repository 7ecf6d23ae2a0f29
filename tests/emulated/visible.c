/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA_VISIBLE_DEVICES: indices, or UUIDs that may be cut short, between commas, in the order in which devices are numbered
 * then. What is not understood ends the list, as -1 does; a device that is named twice leaves none at all.
 */
#include "emulated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void print_uuid(const CUuuid *uuid, const char *begin, char text[48]) {
    const unsigned char *b = (const unsigned char *)uuid->bytes;
    int n = snprintf(text, 48, "%s", begin);
    for (int i = 0; i < 16; i++) {
        const bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        n += snprintf(text + n, 48 - (size_t)n, "%s%02x", dash ? "-" : "", b[i]);
    }
}

static bool is_named(const emu_device *d, const char *word, size_t n) {
    char text[48];
    const bool instance = strncasecmp(word, "MIG-", 4) == 0;
    if (instance && !emu_rules.mig) return false;
    print_uuid(instance ? &d->instance : &d->uuid, instance ? "MIG-" : "GPU-", text);
    return strncasecmp(text, word, n) == 0;
}

/* -1: none; a beginning that several have is none, too. */
static int by_name(const char *word, size_t n, const emu_device *device, int count) {
    int found = -1;
    for (int i = 0; n > 4 && i < count; i++) {
        if (!is_named(&device[i], word, n)) continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

static int find(const char *word, size_t n, const emu_device *device, int count) {
    char *end;
    const long index = strtol(word, &end, 10);
    if (end != word) return index >= 0 && index < count ? (int)index : -1; /* digits count, whatever stands behind them */
    return by_name(word, n, device, count);
}

static bool is_in(int number, const int *shown, int n) {
    for (int i = 0; i < n; i++)
        if (shown[i] == number) return true;
    return false;
}

static int all(int n, int shown[EMU_DEVICES]) {
    for (int i = 0; i < n; i++) shown[i] = i;
    return n;
}

int emu_visible(const char *list, const emu_device *device, int count, int shown[EMU_DEVICES]) {
    int n = 0;
    if (!list) return all(count, shown);
    while (*list) {
        list += strspn(list, " ");
        const size_t length = strcspn(list, ",");
        const int number = find(list, length, device, count);
        if (number < 0) return n;
        if (is_in(number, shown, n)) return 0;
        shown[n++] = number;
        list += length + (list[length] == ',');
    }
    return n;
}

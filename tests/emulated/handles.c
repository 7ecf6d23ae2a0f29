/* SPDX-License-Identifier: Apache-2.0 */
/* Handles that callers hold, in a table by address: one that is gone, or never was, is told apart without being read. */
#include "emulated.h"

#include <stdlib.h>

typedef struct slot { const void *handle; emu_kind kind; } slot;

static slot *slots;
static size_t room, held;                 /* room: a power of two; slots that were given back keep a handle and no kind */
static unsigned counts[EMU_KINDS];

static size_t place(const void *handle) { return ((uintptr_t)handle >> 4) * 0x9e3779b97f4a7c15u >> 20 & (room - 1); }

static slot *find(const void *handle) {
    for (size_t i = room ? place(handle) : 0; room && slots[i].handle; i = (i + 1) & (room - 1))
        if (slots[i].handle == handle) return &slots[i];
    return NULL;
}

static void put(const void *handle, emu_kind kind) {
    size_t i = place(handle);
    while (slots[i].handle) i = (i + 1) & (room - 1);
    slots[i] = (slot){handle, kind};
    held++;
}

static bool grow(void) {
    slot *old = slots;
    const size_t n = room;
    slot *more = calloc(n ? n * 2 : 256, sizeof *more);
    if (!more) return false;
    slots = more;
    room = n ? n * 2 : 256;
    held = 0;
    for (size_t i = 0; i < n; i++)
        if (old[i].kind) put(old[i].handle, old[i].kind);
    free(old);
    return true;
}

bool emu_handle_add(const void *handle, emu_kind kind) {
    slot *known = find(handle);
    if (!known && held * 2 >= room && !grow()) return false;
    known = find(handle);
    if (known) known->kind = kind;
    else put(handle, kind);
    counts[kind]++;
    return true;
}

void emu_handle_drop(const void *handle) {
    slot *known = find(handle);
    if (!known || !known->kind) return;
    counts[known->kind]--;
    known->kind = 0;
}

bool emu_is(const void *handle, emu_kind kind) {
    const slot *known = handle ? find(handle) : NULL;
    return known && known->kind == kind;
}

unsigned emu_handles(emu_kind kind) { return counts[kind]; }

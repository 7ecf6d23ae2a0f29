/* SPDX-License-Identifier: Apache-2.0 */
/* How answers are collected: what ask.c and keep.c share. */
#ifndef HAL_DISCOVERY_ANSWERS_H
#define HAL_DISCOVERY_ANSWERS_H

#include "hal/discovery/answer.h"

struct hal_answers {
    hal_allocator allocator;
    hal_answer *items; /* devices and links */
    hal_answer *libraries;
    hal_vendor_fact *facts; /* one for each library */
    uint32_t *owners;       /* fact that an item belongs to, or HAL_NOWHERE */
    uint32_t n_items, room_items, n_facts, room_facts, room_libraries, room_owners;
    uint32_t platforms; /* of OpenCL, over all its drivers */
};

/* A row of vendors.def. */
typedef struct hal_vendor {
    const char *name, *api, *title, *families, *libraries;
} hal_vendor;
/* NULL when there is none; of that index, or NULL past the end. */
const hal_vendor *hal_vendor_find(const char *name);
const hal_vendor *hal_vendor_at(uint32_t index);

hal_status hal_answers_create(const hal_allocator *allocator, hal_answers **answers);
/* Adds a vendor that told nothing. OUT_OF_MEMORY. */
hal_status hal_answers_add(hal_answers *answers, const hal_answer *library);
/* Adds lines of text. `vendor`: a child that was asked about this one wrote it, and it is believed nothing else; NULL: what was
   kept or recorded. INVALID_ARGUMENT, with nothing added, says which line is wrong; OUT_OF_MEMORY. */
hal_status hal_answers_read(hal_answers *answers, const hal_vendor *vendor, const char *origin, const char *text, size_t bytes);
/* merge_links.c. `device_of` holds the draft's device of each item, HAL_NOWHERE for others. */
void hal_answers_merge_links(hal_draft *draft, const hal_answers *answers, const uint32_t *device_of);

/* keep.c. Writes answers for hal_answers_recall; whatever goes wrong costs time only. `vendors`: who was asked, separated by
   blanks; what was kept of others stays. NULL: all were. */
void hal_answers_keep(const hal_answers *answers, const hal_files *files, const char *vendors);

#endif

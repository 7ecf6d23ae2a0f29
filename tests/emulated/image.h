/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that this build made: modules of nvcc, which the build's index leads from to their text, and what the emulated
 * compiler answers, which is the text itself behind a line that says so.
 */
#ifndef HAL_TESTS_EMULATED_IMAGE_H
#define HAL_TESTS_EMULATED_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

enum { EMU_ENTRIES = 64, EMU_ENTRY_PARAMETERS = 64, EMU_LINE = 96 };
/* An image of the emulated compiler: this line, then the text and a zero; the figures are bytes of the text and its hash. */
#define EMU_IMAGE_LINE "// hal emulated image, sm_%02d, %08zu bytes, %016llx%016llx\n"

/* A kernel as nvcc compiled it. */
typedef struct emu_entry { char name[64]; int n; size_t bytes[EMU_ENTRY_PARAMETERS]; } emu_entry;
typedef struct emu_image { char *text; int n_entries; emu_entry entry[EMU_ENTRIES]; } emu_image;

/* NULL: it is not of this build, and `why` (static, or in `reason`) says what it is. Of the compiler's images no entries are
   known. */
emu_image *emu_image_open(const void *bytes, char *reason, size_t size, const char **why);
void emu_image_close(emu_image *image);
/* Whether a text is options and then this build's prelude; otherwise where it is not. */
const char *emu_text_refuse(const char *text);
/* Size and alignment of a type as the text defines it; false where it is not understood. */
bool emu_type_find(const char *text, const char *name, size_t *bytes, size_t *align);

#endif

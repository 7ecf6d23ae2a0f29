/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text is a portable kernel of this build: its options, then exactly the prelude and what stands with it. */
#include "image.h"

#include <string.h>

#include "ops/portable/texts.h"

static const char *text_of(const char *name) {
    for (const hal_portable_text *t = hal_portable_texts; t->name; t++)
        if (strcmp(t->name, name) == 0) return t->text;
    return "";
}

/* Behind `part` where the text begins with it; NULL where it does not. */
static const char *behind(const char *text, const char *part) {
    const size_t n = strlen(part);
    return text && strncmp(text, part, n) == 0 ? text + n : NULL;
}

const char *emu_text_refuse(const char *text) {
    static const char *const always[] = {"prelude", "functions", "math"};
    while (strncmp(text, "#define ", 8) == 0) text += strcspn(text, "\n") + 1;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) text = behind(text, text_of(always[i]));
    return text ? NULL : "its text is not options and then the prelude of this build";
}

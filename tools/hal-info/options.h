/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of hal-info. */
#ifndef HAL_INFO_OPTIONS_H
#define HAL_INFO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/common/error.h"

enum { INFO_MAX_SUPPLIED = 64, INFO_MAX_WORDS = 3 };

/* How the answer is written. */
typedef enum info_form { FORM_TEXT, FORM_MARKDOWN, FORM_JSON, FORM_JSON_LINES, FORM_CSV, FORM_GET } info_form;

typedef struct info_options {
    const char *verb;                  /* "list" when none is given */
    const char *words[INFO_MAX_WORDS]; /* what follows the verb */
    int n_words;
    const char *input;                           /* NULL: this machine */
    const char *supplied[INFO_MAX_SUPPLIED + 1]; /* "PATTERN=DEVICE[@LINK]", NULL at the end */
    int n_supplied;
    const char *device, *dtype, *explain, *get, *svg, *html, *colour, *plugin_dir, *output;
    info_form form;
    bool probe, wide, redact, help, version;
    double interval, deadline; /* seconds */
    uint64_t count;            /* looks of watch; 0 without end */
} info_options;

int info_options_parse(int argc, char **argv, info_options *out, tool_error *err);
const char *info_options_help(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's terminal can show, and text made fit for it. */
#ifndef HAL_INFO_STYLE_H
#define HAL_INFO_STYLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct info_style {
    bool colour, utf8;
    bool markdown;  /* tables as Markdown has them */
    uint32_t width; /* columns; UINT32_MAX when lines may be as long as they need */
} info_style;

/* Colour is only ever a support: the word beside it says the same. */
typedef enum info_tone { TONE_PLAIN, TONE_STRONG, TONE_FAINT, TONE_GOOD, TONE_WARN, TONE_BAD } info_tone;

/* The style for a stream; `colour` is auto, always or never. setlocale has been called. */
info_style style_of(FILE *out, const char *colour, bool wide);

/* Switches a tone on and off; "" without colour. */
const char *style_on(const info_style *style, info_tone tone);
const char *style_off(const info_style *style, info_tone tone);

/* Text from outside, made safe for a terminal: control characters, and without UTF-8 what is not ASCII,
 * become '?'. */
void style_clean(const info_style *style, const char *text, char *out, size_t size);
/* Columns that clean text takes. */
uint32_t style_columns(const info_style *style, const char *text);
/* Bytes of the longest start of clean text that takes at most `columns`. */
size_t style_fit(const info_style *style, const char *text, uint32_t columns);

/* Prints text in lines that keep to the width, the second and later ones indented as far as the first, which
   begins in column `indent` already. */
void style_wrap(const info_style *style, FILE *out, uint32_t indent, const char *text);

/* A faint line, wrapped: legends and hints. */
void style_hint(const info_style *style, FILE *out, const char *text);

/* Text inside of XML and HTML. */
void style_escape(FILE *out, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { NARROWEST = 60, WIDEST = 200, USUAL = 110 };

static uint32_t width_of(FILE *out)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long width = USUAL;
    if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
        width = size.ws_col;
    else if (columns && strtoul(columns, NULL, 10))
        width = strtoul(columns, NULL, 10);
    return width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : (uint32_t)width;
}

/* no-color.org and bixense.com/clicolors: the option wins, then NO_COLOR, then CLICOLOR_FORCE. */
static bool colour_of(FILE *out, const char *when)
{
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (strcmp(when, "auto"))
        return strcmp(when, "always") == 0;
    if (no && *no)
        return false;
    if (force && *force && strcmp(force, "0"))
        return true;
    return isatty(fileno(out)) && term && strcmp(term, "dumb");
}

info_style style_of(FILE *out, const char *colour, bool wide)
{
    return (info_style){.colour = colour_of(out, colour),
                        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                        .width = wide ? UINT32_MAX : width_of(out)};
}

static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[1;31m"};

const char *style_on(const info_style *style, info_tone tone)
{
    return style->colour ? codes[tone] : "";
}

const char *style_off(const info_style *style, info_tone tone)
{
    return style->colour && tone != TONE_PLAIN ? "\033[0m" : "";
}

/* Bytes of the character at `text`, 0 when it is none that may be printed. */
static size_t character(const info_style *style, const char *text, size_t left, int *columns)
{
    const unsigned char c = (unsigned char)*text;
    wchar_t wide;
    *columns = 1;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    if (!style->utf8)
        return 0;
    mbstate_t state = {0};
    const size_t n = mbrtowc(&wide, text, left, &state);
    if (n == 0 || n > left)
        return 0;
    *columns = wcwidth(wide);
    return *columns < 0 ? 0 : n;
}

void style_clean(const info_style *style, const char *text, char *out, size_t size)
{
    size_t used = 0, left = strlen(text);
    int columns;
    while (left && used + 1 < size) {
        size_t n = character(style, text, left, &columns);
        if (n && used + n < size)
            memcpy(out + used, text, n);
        else
            out[used] = '?';
        used += n && used + n < size ? n : 1;
        n = n ? n : 1;
        /* the rest of a character that is not shown goes with it */
        while (!style->utf8 && n < left && ((unsigned char)text[n] & 0xc0) == 0x80 &&
               (unsigned char)*text >= 0xc0)
            n++;
        text += n;
        left -= n;
    }
    out[used] = 0;
}

static size_t walk(const info_style *style, const char *text, uint32_t limit, uint32_t *taken)
{
    size_t at = 0;
    const size_t bytes = strlen(text);
    *taken = 0;
    while (at < bytes) {
        int columns;
        size_t n = character(style, text + at, bytes - at, &columns);
        if (*taken + (uint32_t)columns > limit)
            break;
        *taken += (uint32_t)columns;
        at += n ? n : 1;
    }
    return at;
}

uint32_t style_columns(const info_style *style, const char *text)
{
    uint32_t taken;
    walk(style, text, UINT32_MAX, &taken);
    return taken;
}

size_t style_fit(const info_style *style, const char *text, uint32_t columns)
{
    uint32_t taken;
    return walk(style, text, columns, &taken);
}

/* Where to break a line that is too long: behind the last blank that fits, else where it is full. */
static size_t break_at(const info_style *style, const char *text, uint32_t columns)
{
    size_t fits = style_fit(style, text, columns), at = fits;
    if (!text[fits])
        return fits;
    while (at && text[at] != ' ')
        at--;
    return at ? at : fits ? fits : strlen(text);
}

void style_wrap(const info_style *style, FILE *out, uint32_t indent, const char *text)
{
    const uint32_t columns = style->width > indent + 20 ? style->width - indent : 20;
    char *clean = malloc(strlen(text) + 1);
    if (!clean)
        return;
    style_clean(style, text, clean, strlen(text) + 1);
    for (const char *rest = clean; *rest;) {
        const size_t n = break_at(style, rest, columns);
        fprintf(out, "%.*s\n", (int)n, rest);
        for (rest += n; *rest == ' ';)
            rest++;
        if (*rest)
            fprintf(out, "%*s", (int)indent, "");
    }
    if (!*clean)
        fputc('\n', out);
    free(clean);
}

void style_hint(const info_style *style, FILE *out, const char *text)
{
    fputs(style_on(style, TONE_FAINT), out);
    style_wrap(style, out, 0, text);
    fputs(style_off(style, TONE_FAINT), out);
}

void style_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c < 0x20 && c != '\n' && c != '\t')
            fputc('?', out);
        else
            fputc(c, out);
    }
}

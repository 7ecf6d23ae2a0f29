/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/markup.h"

#include <string.h>
#include <time.h>

/* The first two bytes of characters (RFC 3629, 4), and how many follow those. */
static const struct { unsigned char low, high, next_low, next_high; size_t more; } lead[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 0}, {0xe0, 0xe0, 0xa0, 0xbf, 1}, {0xe1, 0xec, 0x80, 0xbf, 1}, {0xed, 0xed, 0x80, 0x9f, 1},
    {0xee, 0xef, 0x80, 0xbf, 1}, {0xf0, 0xf0, 0x90, 0xbf, 2}, {0xf1, 0xf3, 0x80, 0xbf, 2}, {0xf4, 0xf4, 0x80, 0x8f, 2}};

static bool within(unsigned char x, unsigned char low, unsigned char high) { return x >= low && x <= high; }

/* Bytes of the character at `s`, 0 when it is none. */
static size_t character(const unsigned char *s) {
    if (s[0] < 0x80) return 1;
    for (size_t k = 0; k < sizeof lead / sizeof lead[0]; k++) {
        size_t n = 2;
        if (!within(s[0], lead[k].low, lead[k].high)) continue;
        if (!within(s[1], lead[k].next_low, lead[k].next_high)) return 0;
        while (n < lead[k].more + 2 && within(s[n], 0x80, 0xbf)) n++;
        return n == lead[k].more + 2 ? n : 0;
    }
    return 0;
}

void markup_clean(char *text) {
    for (size_t n; *text; text += n) {
        n = character((const unsigned char *)text);
        const bool control = n == 1 && (unsigned char)*text < 0x20 && *text != '\n' && *text != '\t';
        if (n && !control) continue;
        *text = '?';
        n = 1;
    }
}

void markup_escape(FILE *out, const char *text) {
    for (; *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        default: fputc(*text, out);
        }
}

void markup_element(FILE *out, const char *tag, const char *class, const char *text) {
    if (class[0]) fprintf(out, "<%s class=\"%s\">", tag, class);
    else fprintf(out, "<%s>", tag);
    markup_escape(out, text);
    fprintf(out, "</%s>", tag);
}

void markup_date(int64_t when, char *text, size_t size) {
    const time_t t = (time_t)when;
    struct tm parts;
    if (!when || !gmtime_r(&t, &parts) || !strftime(text, size, "%Y-%m-%d %H:%M UTC", &parts)) text[0] = 0;
}

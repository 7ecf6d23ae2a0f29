/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded writing, and reading with line and column; see text.h. Independent of the locale. */
#include <ops/text.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void hal_text_add(hal_text *text, const char *format, ...)
{
    size_t room = text->used < text->size ? text->size - text->used : 0;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(room ? text->data + text->used : NULL, room, format, arguments);
    va_end(arguments);
    if (n > 0) text->used += (size_t)n;
}

void hal_text_real(hal_text *text, double value)
{
    char number[40];
    if (value != value || value - value != 0) {
        hal_text_add(text, "%s", value != value ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (strtod(number, NULL) == value) break;
    }
    /* Some locales write the point as a comma. */
    for (char *c = number; *c; c++)
        if (*c == ',') *c = '.';
    hal_text_add(text, "%s", number);
}

static void advance(hal_reader *reader)
{
    if (*reader->text == '\n') {
        reader->line++;
        reader->column = 1;
    } else {
        reader->column++;
    }
    reader->text++;
}

char hal_reader_peek(const hal_reader *reader)
{
    return reader->text < reader->end ? *reader->text : 0;
}

void hal_reader_skip(hal_reader *reader, bool lines)
{
    bool comment = false;
    while (reader->text < reader->end) {
        char c = *reader->text;
        if (c == '\n') {
            if (!lines) return;
            comment = false;
        } else if (c == '#') {
            comment = true;
        } else if (!comment && c != ' ' && c != '\t' && c != '\r') {
            return;
        }
        advance(reader);
    }
}

bool hal_reader_take(hal_reader *reader, const char *text)
{
    hal_reader_skip(reader, false);
    size_t n = strlen(text);
    if ((size_t)(reader->end - reader->text) < n || memcmp(reader->text, text, n) != 0) return false;
    while (n--) advance(reader);
    return true;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool hal_reader_word(hal_reader *reader, bool dots, char *word, size_t size)
{
    hal_reader_skip(reader, false);
    size_t n = 0;
    while (reader->text + n < reader->end) {
        char c = reader->text[n];
        if (!letter(c) && !digit(c) && !(dots && (c == '.' || c == '/' || c == '-'))) break;
        n++;
    }
    if (!n || n >= size) return false;
    memcpy(word, reader->text, n);
    word[n] = 0;
    while (n--) advance(reader);
    return true;
}

/* Copies the characters that can belong to a number. */
static size_t number_copy(hal_reader *reader, bool real, char *text, size_t size)
{
    hal_reader_skip(reader, false);
    size_t n = 0;
    while (reader->text + n < reader->end && n + 1 < size) {
        char c = reader->text[n], before = n ? reader->text[n - 1] : 'e';
        bool sign = (c == '-' || c == '+') && (before == 'e' || before == 'E');
        if (!digit(c) && !sign && !(real && (c == '.' || letter(c)))) break;
        text[n++] = c;
    }
    text[n] = 0;
    return n;
}

bool hal_reader_int(hal_reader *reader, int64_t *value)
{
    char text[32], *end;
    size_t n = number_copy(reader, false, text, sizeof text);
    if (!n) return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end) return false;
    *value = number;
    while (n--) advance(reader);
    return true;
}

/* Where the locale writes the point as a comma strtod stops at the point: read again with a comma. */
static bool real_read(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (!*end) return true;
    if (*end != '.') return false;
    char local[64];
    snprintf(local, sizeof local, "%s", text);
    local[end - text] = ',';
    *value = strtod(local, &end);
    return !*end;
}

bool hal_reader_real(hal_reader *reader, double *value)
{
    char text[48];
    size_t n = number_copy(reader, true, text, sizeof text);
    if (!n || !real_read(text, value)) return false;
    while (n--) advance(reader);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/topology/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static void line(hal_json *json)
{
    if (json->compact || json->flat != 0)
        return;
    putc('\n', json->stream);
    for (uint32_t i = 0; i < json->depth; i++)
        putc(' ', json->stream);
}

/* What the first byte of a UTF-8 character says of its length; 0 for a byte that begins none. */
static size_t promised(unsigned char c)
{
    if (c < 0x80)
        return 1;
    return c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* Second bytes that some first bytes rule out: longer forms than needed, surrogates, beyond U+10FFFF. */
static bool is_second(unsigned char first, unsigned char c)
{
    const unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return c >= least && c <= most;
}

/* Length of the UTF-8 character at `p`, 0 when there is none. */
static size_t character(const unsigned char *p)
{
    const size_t n = promised(*p);
    if (n > 1 && !is_second(p[0], p[1]))
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* One character; the number of bytes it took. */
static size_t escape(FILE *stream, const char *text)
{
    const unsigned char c = (unsigned char)*text;
    const size_t n = character((const unsigned char *)text);
    if (n == 0)
        fputs("\xef\xbf\xbd", stream);
    else if (c == '"' || c == '\\')
        fprintf(stream, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
        fprintf(stream, "\\u%04x", c);
    else
        fwrite(text, 1, n, stream);
    return n ? n : 1;
}

static void quote(hal_json *json, const char *text)
{
    putc('"', json->stream);
    for (const char *p = text; *p != '\0';) {
        size_t length = 0;
        const char *stand_in =
            json->redaction == NULL ? NULL : hal_redaction_match(json->redaction, p, text, &length);
        if (stand_in != NULL)
            fputs(stand_in, json->stream);
        p += stand_in != NULL ? length : escape(json->stream, p);
    }
    putc('"', json->stream);
}

static void begin(hal_json *json, const char *key)
{
    if (json->inner)
        putc(',', json->stream);
    if (json->flat != 0 && json->inner && !json->compact)
        putc(' ', json->stream);
    if (json->depth > 0)
        line(json);
    json->inner = true;
    if (key == NULL)
        return;
    quote(json, key);
    fputs(json->compact ? ":" : ": ", json->stream);
}

void hal_json_open(hal_json *json, const char *key, char bracket)
{
    begin(json, key);
    putc(bracket, json->stream);
    json->depth++;
    json->inner = false;
}

void hal_json_open_flat(hal_json *json, const char *key, char bracket)
{
    hal_json_open(json, key, bracket);
    if (json->flat == 0)
        json->flat = json->depth;
}

void hal_json_close(hal_json *json, char bracket)
{
    const bool ends_line = json->flat == json->depth;
    json->depth--;
    if (json->inner)
        line(json);
    if (ends_line)
        json->flat = 0;
    putc(bracket, json->stream);
    json->inner = true;
}

void hal_json_null(hal_json *json, const char *key)
{
    begin(json, key);
    fputs("null", json->stream);
}

void hal_json_bool(hal_json *json, const char *key, bool value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->stream);
}

void hal_json_integer(hal_json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->stream, "%" PRId64, value);
}

void hal_json_real(hal_json *json, const char *key, double value)
{
    char text[40];
    if (value >= -9007199254740992.0 && value <= 9007199254740992.0 && value == (double)(int64_t)value) {
        hal_json_integer(json, key, (int64_t)value);
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    begin(json, key);
    fputs(text, json->stream);
}

void hal_json_text(hal_json *json, const char *key, const char *text)
{
    if (text[0] == '\0') {
        hal_json_null(json, key);
        return;
    }
    begin(json, key);
    quote(json, text);
}

void hal_json_hex(hal_json *json, const char *key, uint32_t value, int digits)
{
    begin(json, key);
    fprintf(json->stream, "\"0x%0*" PRIx32 "\"", digits, value);
}

void hal_json_number(hal_json *json, const char *key, uint32_t value)
{
    if (value == HAL_NOWHERE)
        hal_json_null(json, key);
    else
        hal_json_integer(json, key, value);
}

void hal_json_date(hal_json *json, const char *key, int64_t seconds)
{
    struct tm parts;
    const time_t when = (time_t)seconds;
    if (seconds <= 0 || seconds > 253402300799 || gmtime_r(&when, &parts) == NULL) {
        hal_json_null(json, key);
        return;
    }
    begin(json, key);
    fprintf(json->stream, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", parts.tm_year + 1900, parts.tm_mon + 1,
            parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void hal_json_figure(hal_json *json, const char *key, const hal_figure *figure)
{
    if (figure->source == HAL_SOURCE_UNKNOWN) {
        hal_json_null(json, key);
        return;
    }
    hal_json_open_flat(json, key, '{');
    hal_json_real(json, "value", figure->value);
    hal_json_text(json, "unit", hal_unit_name(figure->unit));
    hal_json_text(json, "source", hal_source_name(figure->source));
    hal_json_date(json, "when", figure->when);
    hal_json_number(json, "n", figure->samples ? figure->samples : HAL_NOWHERE);
    if (figure->ci95 > 0)
        hal_json_real(json, "ci95", figure->ci95);
    else
        hal_json_null(json, "ci95");
    hal_json_close(json, '}');
}

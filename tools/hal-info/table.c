/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64, GAP = 2, SHORT = 28, SHORTEST = 8 };

typedef struct cell {
    char *text;
    info_tone tone;
} cell;

typedef struct column {
    const char *title;
    unsigned flags, rank;
} column;

struct table {
    column columns[MAX_COLUMNS];
    uint32_t n_columns, n_rows, next;
    cell *cells; /* rows of n_columns */
    bool failed;
};

/* What is decided for one printing. */
typedef struct fit {
    uint32_t width[MAX_COLUMNS];
    bool shown[MAX_COLUMNS];
} fit;

table *table_create(void)
{
    return calloc(1, sizeof(table));
}

void table_free(table *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->cells && i < (size_t)t->n_rows * t->n_columns; i++)
        free(t->cells[i].text);
    free(t->cells);
    free(t);
}

void table_column(table *t, const char *title, unsigned flags, unsigned rank)
{
    if (!t || t->n_columns == MAX_COLUMNS || t->n_rows)
        return;
    t->columns[t->n_columns++] = (column){title, flags, rank};
}

void table_row(table *t)
{
    if (!t || t->failed)
        return;
    cell *grown = reallocarray(t->cells, (size_t)(t->n_rows + 1) * t->n_columns, sizeof *grown);
    if (!grown) {
        t->failed = true;
        return;
    }
    t->cells = grown;
    memset(grown + (size_t)t->n_rows * t->n_columns, 0, t->n_columns * sizeof *grown);
    t->n_rows++;
    t->next = 0;
}

void table_cell(table *t, info_tone tone, const char *format, ...)
{
    if (!t || t->failed || t->n_rows == 0 || t->next == t->n_columns)
        return;
    cell *c = &t->cells[(size_t)(t->n_rows - 1) * t->n_columns + t->next++];
    va_list args;
    va_start(args, format);
    if (vasprintf(&c->text, format, args) < 0) {
        c->text = NULL;
        t->failed = true;
    }
    va_end(args);
    c->tone = tone;
}

static const cell *at(const table *t, uint32_t row, uint32_t col)
{
    return &t->cells[(size_t)row * t->n_columns + col];
}

static const char *text_of(const cell *c)
{
    return c->text && *c->text ? c->text : "";
}

/* Clean text of a cell into a buffer of the caller. */
static const char *clean(const info_style *style, const cell *c, char *buffer, size_t size)
{
    style_clean(style, text_of(c), buffer, size);
    return buffer;
}

enum { CELL = 1024 };

static uint32_t widest(const table *t, const info_style *style, uint32_t col)
{
    char buffer[CELL];
    uint32_t width = style_columns(style, t->columns[col].title);
    for (uint32_t r = 0; r < t->n_rows; r++) {
        const uint32_t w = style_columns(style, clean(style, at(t, r, col), buffer, sizeof buffer));
        if (w > width)
            width = w;
    }
    return width;
}

static uint32_t total(const table *t, const fit *f)
{
    uint32_t width = 0;
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (f->shown[c])
            width += f->width[c] + GAP;
    return width ? width - GAP : 0;
}

/* Leaves out the column of the highest rank; false when only those of rank 0 are left. */
static bool drop(const table *t, fit *f)
{
    uint32_t worst = MAX_COLUMNS;
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (f->shown[c] && t->columns[c].rank &&
            (worst == MAX_COLUMNS || t->columns[c].rank >= t->columns[worst].rank))
            worst = c;
    if (worst == MAX_COLUMNS)
        return false;
    f->shown[worst] = false;
    return true;
}

/* The columns that may be cut give way, the widest first. */
static void cut(const table *t, fit *f, uint32_t width, uint32_t least)
{
    for (uint32_t over = total(t, f); over > width; over--) {
        uint32_t widest_one = MAX_COLUMNS;
        for (uint32_t c = 0; c < t->n_columns; c++)
            if (f->shown[c] && (t->columns[c].flags & TABLE_CUT) && f->width[c] > least &&
                (widest_one == MAX_COLUMNS || f->width[c] > f->width[widest_one]))
                widest_one = c;
        if (widest_one == MAX_COLUMNS)
            return;
        f->width[widest_one]--;
    }
}

/* A column without anything in it says nothing. */
static bool is_empty(const table *t, uint32_t col)
{
    for (uint32_t r = 0; r < t->n_rows; r++) {
        const char *text = text_of(at(t, r, col));
        if (*text && strcmp(text, "-"))
            return false;
    }
    return true;
}

static fit fit_columns(const table *t, const info_style *style)
{
    fit f = {0};
    for (uint32_t c = 0; c < t->n_columns; c++) {
        f.width[c] = widest(t, style, c);
        f.shown[c] = t->columns[c].rank == 0 || !is_empty(t, c);
    }
    if (style->width == UINT32_MAX)
        return f;
    cut(t, &f, style->width, SHORT);
    while (total(t, &f) > style->width && drop(t, &f))
        continue;
    cut(t, &f, style->width, SHORTEST);
    return f;
}

static void blanks(FILE *out, uint32_t n)
{
    for (; n; n--)
        fputc(' ', out);
}

static void print_cell(const table *t, const info_style *style, const fit *f, uint32_t col, const char *text,
                       info_tone tone, bool last, FILE *out)
{
    const uint32_t width = f->width[col], columns = style_columns(style, text);
    const char *dots = columns <= width ? "" : style->utf8 ? "\u2026" : "..";
    const size_t bytes =
        columns <= width ? strlen(text) : style_fit(style, text, width - (style->utf8 ? 1 : 2));
    const uint32_t pad = columns < width ? width - columns : 0;
    if (t->columns[col].flags & TABLE_RIGHT)
        blanks(out, pad);
    fprintf(out, "%s%.*s%s%s", style_on(style, tone), (int)bytes, text, dots, style_off(style, tone));
    if (!(t->columns[col].flags & TABLE_RIGHT) && !last)
        blanks(out, pad);
    if (!last)
        blanks(out, GAP);
}

static void print_line(const table *t, const info_style *style, const fit *f, uint32_t row, FILE *out)
{
    char buffer[CELL];
    uint32_t last = 0;
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (f->shown[c] && (row == UINT32_MAX || *text_of(at(t, row, c)) != 0))
            last = c;
    for (uint32_t c = 0; c <= last; c++) {
        if (!f->shown[c])
            continue;
        if (row == UINT32_MAX)
            print_cell(t, style, f, c, t->columns[c].title, TONE_STRONG, c == last, out);
        else
            print_cell(t, style, f, c, clean(style, at(t, row, c), buffer, sizeof buffer),
                       at(t, row, c)->tone, c == last, out);
    }
    fputc('\n', out);
}

static void print_markdown_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("|\\`*_<>", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_markdown(const table *t, const info_style *style, FILE *out)
{
    char buffer[CELL];
    for (uint32_t c = 0; c < t->n_columns; c++)
        fprintf(out, "| %s ", t->columns[c].title);
    fputs("|\n", out);
    for (uint32_t c = 0; c < t->n_columns; c++)
        fputs(t->columns[c].flags & TABLE_RIGHT ? "|---:" : "|---", out);
    fputs("|\n", out);
    for (uint32_t r = 0; r < t->n_rows; r++) {
        for (uint32_t c = 0; c < t->n_columns; c++) {
            fputs("| ", out);
            print_markdown_text(out, clean(style, at(t, r, c), buffer, sizeof buffer));
            fputc(' ', out);
        }
        fputs("|\n", out);
    }
}

static int memory_out(tool_error *err)
{
    return tool_fail(err, TOOL_INTERNAL, "out of memory for a table");
}

int table_print(const table *t, const info_style *style, FILE *out, tool_error *err)
{
    if (!t || t->failed)
        return memory_out(err);
    if (t->n_rows == 0)
        return TOOL_OK;
    if (style->markdown) {
        print_markdown(t, style, out);
        return TOOL_OK;
    }
    const fit f = fit_columns(t, style);
    print_line(t, style, &f, UINT32_MAX, out);
    for (uint32_t r = 0; r < t->n_rows; r++)
        print_line(t, style, &f, r, out);
    return TOOL_OK;
}

static void print_html_row(const table *t, uint32_t row, FILE *out)
{
    static const char *const tones[] = {"", "strong", "faint", "good", "warn", "bad"};
    fputs("<tr>", out);
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const info_tone tone = row == UINT32_MAX ? TONE_PLAIN : at(t, row, c)->tone;
        fprintf(out, "<%s class=\"%s %s\">", row == UINT32_MAX ? "th" : "td",
                t->columns[c].flags & TABLE_RIGHT ? "right" : "", tones[tone]);
        style_escape(out, row == UINT32_MAX ? t->columns[c].title : text_of(at(t, row, c)));
        fputs(row == UINT32_MAX ? "</th>" : "</td>", out);
    }
    fputs("</tr>\n", out);
}

int table_print_html(const table *t, FILE *out, tool_error *err)
{
    if (!t || t->failed)
        return memory_out(err);
    if (t->n_rows == 0)
        return TOOL_OK;
    fputs("<div class=\"scroll\"><table><thead>", out);
    print_html_row(t, UINT32_MAX, out);
    fputs("</thead><tbody>\n", out);
    for (uint32_t r = 0; r < t->n_rows; r++)
        print_html_row(t, r, out);
    fputs("</tbody></table></div>\n", out);
    return TOOL_OK;
}

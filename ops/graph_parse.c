/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the text form that graph_text.c describes. The text is outside data: every breach is a sentence with
 * its place. */
#include <ops/graph_names.h>
#include <ops/text.h>
#include <hal/core.h>

#define MAX_LIST 16

typedef struct parser { hal_reader reader; hal_graph *graph; } parser;

static hal_status expected(const parser *p, const char *what)
{
    return HAL_FAIL(INVALID_ARGUMENT, "graph text, line %u, column %u: expected %s", p->reader.line,
                    p->reader.column, what);
}

/* Puts the place in front of the newest failure. */
static hal_status placed(const parser *p, hal_status status)
{
    char cause[400];
    snprintf(cause, sizeof cause, "%s", hal_status_last()->text);
    return hal_status_set(status, __FILE__, __LINE__, "graph text, line %u, column %u: %s", p->reader.line,
                          p->reader.column, cause);
}

/* --------------------------------------------------------------------------------------------- names -- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a quoted text, escapes resolved; 0 when it ends too early or the escape is unknown. */
static char quoted_char(hal_reader *r)
{
    char c = *r->text++;
    r->column++;
    if (c != '\\') return c == '\n' ? 0 : c;
    if (r->text == r->end) return 0;
    c = *r->text++;
    r->column++;
    if (c == '"' || c == '\\') return c;
    if (c != 'x' || r->end - r->text < 2) return 0;
    int high = hex_digit(r->text[0]), low = hex_digit(r->text[1]);
    r->text += 2;
    r->column += 2;
    return high < 0 || low < 0 ? 0 : (char)(high * 16 + low);
}

/* The text between quotes; the opening one is taken. Belongs to the caller. */
static hal_status read_quoted(parser *p, char **text)
{
    hal_reader *r = &p->reader;
    const hal_allocator *allocator = &p->graph->allocator;
    size_t room = 0;
    /* No escape makes text longer, so the distance to the closing quote bounds it. */
    while (room < (size_t)(r->end - r->text) && r->text[room] != '"') room += r->text[room] == '\\' ? 2 : 1;
    if (room >= (size_t)(r->end - r->text)) return expected(p, "a closing '\"'");
    const char *close = r->text + room;
    char *copy = hal_allocate(allocator, room + 1);
    if (!copy) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (size_t n = 0; r->text < close; n++) {
        copy[n] = quoted_char(r);
        if (copy[n] && r->text <= close) continue;
        hal_deallocate(allocator, copy);
        return expected(p, "\\\", \\\\ or \\xHH and no line end inside quotes");
    }
    r->text++;
    r->column++;
    *text = copy;
    return HAL_OK;
}

static hal_status read_name(parser *p, bool symbol, char **name)
{
    if (hal_reader_take(&p->reader, "\"")) return read_quoted(p, name);
    hal_reader_skip(&p->reader, false);
    const char *begin = p->reader.text;
    char word[1024];
    if (!hal_reader_word(&p->reader, !symbol, word, sizeof word)) return expected(p, "a name");
    *name = hal_allocate(&p->graph->allocator, (size_t)(p->reader.text - begin) + 1);
    if (!*name) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    memcpy(*name, word, strlen(word) + 1);
    return HAL_OK;
}

static hal_status read_value(parser *p, uint32_t *id)
{
    char *name;
    HAL_TRY(read_name(p, false, &name));
    *id = hal_graph_name_find(p->graph, name);
    hal_status status = HAL_OK;
    if (!*id)
        status = HAL_FAIL(INVALID_ARGUMENT, "graph text, line %u, column %u: \"%s\" is no value above",
                          p->reader.line, p->reader.column, name);
    hal_deallocate(&p->graph->allocator, name);
    return status;
}

/* -------------------------------------------------------------------------------------------- shapes -- */

static hal_status read_symbol(parser *p, int32_t *symbol)
{
    char *name;
    HAL_TRY(read_name(p, true, &name));
    *symbol = -1;
    for (uint32_t i = 0; i < p->graph->n_symbols; i++)
        if (!strcmp(p->graph->symbols[i].name, name)) *symbol = (int32_t)i;
    hal_deallocate(&p->graph->allocator, name);
    return *symbol < 0 ? expected(p, "a symbol declared above") : HAL_OK;
}

/* n, T, n*T, T+b, n*T-b. */
static hal_status read_dim(parser *p, hal_dim *dim)
{
    int64_t number = 1;
    hal_dim d = {.factor = 1};
    hal_reader_skip(&p->reader, false);
    char c = hal_reader_peek(&p->reader);
    bool digits = (c >= '0' && c <= '9') || c == '-';
    if (digits && !hal_reader_int(&p->reader, &number)) return expected(p, "a size");
    if (digits && !hal_reader_take(&p->reader, "*")) {
        *dim = hal_dim_constant(number);
        return HAL_OK;
    }
    d.factor = number;
    if (!number) return expected(p, "a factor other than 0");
    HAL_TRY(read_symbol(p, &d.symbol));
    hal_reader_skip(&p->reader, false);
    c = hal_reader_peek(&p->reader);
    if ((c == '+' || c == '-') && !hal_reader_int(&p->reader, &d.base))
        return expected(p, "a number after the sign");
    *dim = d;
    return HAL_OK;
}

static hal_status read_shape(parser *p, hal_shape *shape)
{
    char word[32];
    *shape = (hal_shape){.dtype = HAL_NO_DTYPE};
    if (hal_reader_word(&p->reader, false, word, sizeof word)) shape->dtype = hal_dtype_find(word);
    if (shape->dtype == HAL_NO_DTYPE) return expected(p, "a dtype such as f32");
    if (!hal_reader_take(&p->reader, "[")) return expected(p, "'[' and sizes");
    while (!hal_reader_take(&p->reader, "]")) {
        if (shape->rank && !hal_reader_take(&p->reader, ",")) return expected(p, "',' or ']'");
        if (shape->rank == HAL_MAX_RANK) return expected(p, "at most 8 sizes");
        HAL_TRY(read_dim(p, &shape->size[shape->rank++]));
    }
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------- attributes -- */

static hal_status read_list(parser *p, hal_attr *pair, int64_t *list)
{
    if (!hal_reader_take(&p->reader, "[")) return expected(p, "'[' and integers");
    while (!hal_reader_take(&p->reader, "]")) {
        if (pair->n && !hal_reader_take(&p->reader, ",")) return expected(p, "',' or ']'");
        if (pair->n == HAL_MAX_RANK) return expected(p, "at most 8 entries");
        if (!hal_reader_int(&p->reader, &list[pair->n++])) return expected(p, "an integer");
    }
    pair->list = list;
    return HAL_OK;
}

static hal_status read_expr(parser *p, const hal_op_info *op, hal_attr *pair, void *attrs)
{
    char *text;
    if (!hal_reader_take(&p->reader, "\"")) return expected(p, "an expression in quotes");
    HAL_TRY(read_quoted(p, &text));
    pair->s = text;
    hal_status status = hal_attrs_set(op, pair, 1, HAL_F32, attrs);
    hal_deallocate(&p->graph->allocator, text);
    return status == HAL_OK ? HAL_OK : placed(p, status);
}

static hal_status read_attr_value(parser *p, const hal_op_info *op, const hal_attr_field *field, void *attrs)
{
    hal_attr pair = {.name = field->name};
    int64_t list[HAL_MAX_RANK];
    char word[32];
    if (field->kind == HAL_ATTR_KIND_EXPR) return read_expr(p, op, &pair, attrs);
    if (field->kind == HAL_ATTR_KIND_LIST) {
        HAL_TRY(read_list(p, &pair, list));
    } else if (field->kind == HAL_ATTR_KIND_REAL) {
        if (!hal_reader_real(&p->reader, &pair.f)) return expected(p, "a number");
    } else if (field->kind == HAL_ATTR_KIND_INT) {
        if (!hal_reader_int(&p->reader, &pair.i)) return expected(p, "an integer");
    } else {
        if (!hal_reader_word(&p->reader, false, word, sizeof word)) return expected(p, "a word");
        if (field->kind == HAL_ATTR_KIND_ENUM || strcmp(word, "none")) pair.s = word;
    }
    hal_status status = hal_attrs_set(op, &pair, 1, HAL_F32, attrs);
    return status == HAL_OK ? HAL_OK : placed(p, status);
}

static hal_status read_attrs(parser *p, const hal_op_info *op, void *attrs)
{
    bool first = true;
    hal_attrs_default(op, attrs);
    if (!hal_reader_take(&p->reader, "{")) return HAL_OK;
    while (!hal_reader_take(&p->reader, "}")) {
        char name[64];
        const hal_attr_field *field = NULL;
        if (!first && !hal_reader_take(&p->reader, ",")) return expected(p, "',' or '}'");
        first = false;
        if (!hal_reader_word(&p->reader, false, name, sizeof name))
            return expected(p, "the name of an attribute");
        for (uint32_t i = 0; i < op->n_fields; i++)
            if (!strcmp(op->fields[i].name, name)) field = &op->fields[i];
        if (!field) return expected(p, "an attribute this operator has");
        if (!hal_reader_take(&p->reader, "=")) return expected(p, "'='");
        HAL_TRY(read_attr_value(p, op, field, attrs));
    }
    return HAL_OK;
}

/* --------------------------------------------------------------------------------------------- nodes -- */

typedef struct names { uint32_t n; char *name[MAX_LIST]; } names;

static hal_status read_inputs(parser *p, hal_value *in, uint32_t *n)
{
    if (!hal_reader_take(&p->reader, "(")) return expected(p, "'(' and inputs");
    while (!hal_reader_take(&p->reader, ")")) {
        if (*n && !hal_reader_take(&p->reader, ",")) return expected(p, "',' or ')'");
        if (*n == MAX_LIST) return expected(p, "at most 16 inputs");
        hal_reader before = p->reader;
        char word[2];
        in[*n] = HAL_NO_VALUE;
        if (!hal_reader_word(&p->reader, true, word, sizeof word) || strcmp(word, "-")) {
            p->reader = before;
            in[*n].graph = p->graph;
            HAL_TRY(read_value(p, &in[*n].id));
        }
        (*n)++;
    }
    return HAL_OK;
}

/* Names that are given twice would silently become others. */
static hal_status names_free(const parser *p, const names *out)
{
    for (uint32_t i = 0; i < out->n; i++) {
        bool taken = hal_graph_name_find(p->graph, out->name[i]) != 0;
        for (uint32_t j = 0; j < i; j++) taken = taken || !strcmp(out->name[i], out->name[j]);
        if (taken)
            return HAL_FAIL(INVALID_ARGUMENT, "graph text, line %u: the name \"%s\" is taken", p->reader.line,
                            out->name[i]);
    }
    return HAL_OK;
}

static hal_status read_origins(parser *p)
{
    if (!hal_reader_take(&p->reader, "from")) return HAL_OK;
    if (!hal_reader_take(&p->reader, "\"")) return expected(p, "names in quotes after `from`");
    return read_quoted(p, &p->graph->nodes[p->graph->n_nodes - 1].names);
}

static hal_status read_call(parser *p, const names *out)
{
    char word[64];
    hal_attrs_storage attrs;
    hal_value in[MAX_LIST], values[MAX_LIST];
    uint32_t n_in = 0;
    if (!hal_reader_word(&p->reader, false, word, sizeof word)) return expected(p, "an operator");
    const hal_op_info *op = hal_op_find(word);
    if (!op)
        return HAL_FAIL(
            NOT_FOUND,
            "graph text, line %u, column %u: operator \"%s\" is not in the table; did you mean \"%s\"?",
            p->reader.line, p->reader.column, word, hal_op_nearest(word));
    HAL_TRY(read_inputs(p, in, &n_in));
    HAL_TRY(read_attrs(p, op, &attrs));
    HAL_TRY(names_free(p, out));
    hal_status status = hal_graph_node(p->graph, op->number, &attrs, in, n_in, values, out->n);
    if (status != HAL_OK) return placed(p, status);
    if (!hal_graph_names_replace(p->graph, values[0].id, out->n, (const char *const *)out->name))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    return read_origins(p);
}

static hal_status read_node_names(parser *p, names *out)
{
    do {
        if (out->n == MAX_LIST) return expected(p, "at most 16 outputs");
        HAL_TRY(read_name(p, false, &out->name[out->n]));
        out->n++;
    } while (hal_reader_take(&p->reader, ","));
    return hal_reader_take(&p->reader, "=") ? HAL_OK : expected(p, "'=' and an operator");
}

static hal_status read_node(parser *p)
{
    names out = {.n = 0};
    hal_status status = read_node_names(p, &out);
    if (status == HAL_OK) status = read_call(p, &out);
    for (uint32_t i = 0; i < out.n; i++) hal_deallocate(&p->graph->allocator, out.name[i]);
    return status;
}

/* ---------------------------------------------------------------------------------------- statements -- */

static hal_status source_create(parser *p, const char *name, bool input)
{
    hal_shape shape;
    int64_t size[HAL_MAX_RANK] = {0};
    HAL_TRY(read_shape(p, &shape));
    for (uint32_t d = 0; d < shape.rank; d++) {
        if (!input && shape.size[d].symbol >= 0) return expected(p, "constant sizes of a variable");
        size[d] = shape.size[d].base;
    }
    names out = {1, {(char *)(uintptr_t)name}};
    HAL_TRY(names_free(p, &out));
    if (input) hal_graph_input(p->graph, name, shape.dtype, shape.rank, shape.size);
    else hal_graph_variable(p->graph, name, shape.dtype, shape.rank, size);
    hal_status status = hal_graph_status(p->graph);
    return status == HAL_OK ? HAL_OK : placed(p, status);
}

static hal_status read_source(parser *p, bool input)
{
    char *name;
    HAL_TRY(read_name(p, false, &name));
    hal_status status = *name ? source_create(p, name, input) : expected(p, "a name that is not empty");
    hal_deallocate(&p->graph->allocator, name);
    return status;
}

static hal_status read_symbol_statement(parser *p)
{
    char *name;
    int64_t min = 0, max = 0, multiple = 0;
    HAL_TRY(read_name(p, true, &name));
    bool numbers = true;
    int64_t *const parts[] = {&min, &max, &multiple};
    for (int i = 0; i < 3; i++) numbers = numbers && hal_reader_int(&p->reader, parts[i]);
    if (numbers) hal_graph_symbol(p->graph, name, min, max, multiple);
    hal_deallocate(&p->graph->allocator, name);
    if (!numbers) return expected(p, "least value, greatest value and multiple");
    hal_status status = hal_graph_status(p->graph);
    return status == HAL_OK ? HAL_OK : placed(p, status);
}

static hal_status read_sink(parser *p, bool assign)
{
    hal_value first = {p->graph, 0}, second = {p->graph, 0};
    HAL_TRY(read_value(p, &first.id));
    if (assign) {
        if (!hal_reader_take(&p->reader, "=")) return expected(p, "'=' and a value");
        HAL_TRY(read_value(p, &second.id));
    }
    hal_status status =
        assign ? hal_graph_assign(p->graph, first, second) : hal_graph_output(p->graph, first);
    return status == HAL_OK ? HAL_OK : placed(p, status);
}

static hal_status read_statement(parser *p)
{
    hal_reader before = p->reader;
    char word[16] = "";
    bool keyword = hal_reader_word(&p->reader, true, word, sizeof word);
    hal_reader_skip(&p->reader, false);
    char next = hal_reader_peek(&p->reader);
    /* A value may be called "input": then '=' or ',' follows. */
    if (keyword && next != '=' && next != ',') {
        if (!strcmp(word, "symbol")) return read_symbol_statement(p);
        if (!strcmp(word, "input") || !strcmp(word, "variable")) return read_source(p, word[0] == 'i');
        if (!strcmp(word, "assign") || !strcmp(word, "output")) return read_sink(p, word[0] == 'a');
    }
    p->reader = before;
    return read_node(p);
}

static hal_status read_graph(parser *p)
{
    int64_t version = 0;
    hal_reader_skip(&p->reader, true);
    if (!hal_reader_take(&p->reader, "hal-graph") || !hal_reader_int(&p->reader, &version))
        return expected(p, "\"hal-graph 1\" in the first line");
    if (version != 1)
        return HAL_FAIL(VERSION_MISMATCH, "graph text: version %lld; this library reads version 1",
                        (long long)version);
    for (hal_reader_skip(&p->reader, true); p->reader.text < p->reader.end;
         hal_reader_skip(&p->reader, true)) {
        HAL_TRY(read_statement(p));
        hal_reader_skip(&p->reader, false);
        if (p->reader.text < p->reader.end && hal_reader_peek(&p->reader) != '\n')
            return expected(p, "the end of the line");
    }
    return HAL_OK;
}

hal_status hal_graph_parse(const hal_allocator *allocator, const char *text, size_t length, hal_graph **graph)
{
    if (!text && length) return HAL_FAIL(INVALID_ARGUMENT, "hal_graph_parse: the text is NULL");
    parser p = {.reader = {text, text ? text + length : text, 1, 1}};
    HAL_TRY(hal_graph_create(allocator, &p.graph));
    hal_status status = read_graph(&p);
    if (status == HAL_OK) *graph = p.graph;
    else hal_graph_release(p.graph);
    return status;
}

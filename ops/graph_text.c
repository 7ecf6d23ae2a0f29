/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a graph, one statement a line, in the order the values were made:
 *
 *   hal-graph 1
 *   symbol T 1 2048 1                    name, least, greatest value, multiple
 *   input tokens i32[4, T]
 *   variable w f32[768, 768]
 *   y, mean, rstd = layer_norm(x, w, -) {eps=0.001} from "a,b"    - is an absent input; `from`: names of
 * origin assign w = w.next output loss
 *
 * Names hold letters, digits and _ . / - or stand in quotes with \" \\ and \xHH. From # to the end of a line
 * is a comment.
 */
#include <ops/graph_names.h>
#include <ops/text.h>
#include <hal/core.h>

static bool name_char(char c, bool symbol)
{
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    return plain || (!symbol && (c == '.' || c == '/' || c == '-'));
}

static void print_quoted(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') fprintf(stream, "\\%c", *c);
        else if ((unsigned char)*c < 32) fprintf(stream, "\\x%02x", (unsigned char)*c);
        else fputc(*c, stream);
    }
    fputc('"', stream);
}

/* Symbols stand in sums, so theirs need quotes around more. The reader takes bare words of limited length. */
static void print_name(FILE *stream, const char *name, bool symbol)
{
    bool bare =
        strcmp(name, "-") != 0 && *name && strlen(name) < 1000 && !(symbol && *name >= '0' && *name <= '9');
    for (const char *c = name; *c; c++) bare = bare && name_char(*c, symbol);
    if (bare) fputs(name, stream);
    else print_quoted(stream, name);
}

static void print_dim(FILE *stream, const hal_graph *g, hal_dim d)
{
    if (d.symbol < 0) {
        fprintf(stream, "%lld", (long long)d.base);
        return;
    }
    if (d.factor != 1) fprintf(stream, "%lld*", (long long)d.factor);
    print_name(stream, g->symbols[d.symbol].name, true);
    if (d.base) fprintf(stream, "%+lld", (long long)d.base);
}

static void print_shape(FILE *stream, const hal_graph *g, const hal_shape *shape)
{
    fprintf(stream, "%s[", hal_dtype_describe(shape->dtype)->name);
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (d) fputs(", ", stream);
        print_dim(stream, g, shape->size[d]);
    }
    fputc(']', stream);
}

static hal_status print_attrs(FILE *stream, const hal_graph *g, const hal_node_record *node)
{
    const hal_op_info *op = hal_op_describe(node->op);
    size_t length = hal_attrs_print(op, node->attrs, NULL, 0);
    if (!length) return HAL_OK;
    char *text = hal_allocate(&g->allocator, length + 1);
    if (!text) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_attrs_print(op, node->attrs, text, length + 1);
    fprintf(stream, " {%s}", text);
    hal_deallocate(&g->allocator, text);
    return HAL_OK;
}

static hal_status print_node(FILE *stream, const hal_graph *g, uint32_t id)
{
    const hal_node_record *node = &g->nodes[id];
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (i) fputs(", ", stream);
        print_name(stream, g->values[node->first_out + i].name, false);
    }
    fprintf(stream, " = %s(", hal_op_describe(node->op)->name);
    for (uint32_t i = 0; i < node->n_in; i++) {
        if (i) fputs(", ", stream);
        if (node->in[i]) print_name(stream, g->values[node->in[i]].name, false);
        else fputc('-', stream);
    }
    fputc(')', stream);
    HAL_TRY(print_attrs(stream, g, node));
    if (node->names) {
        fputs(" from ", stream);
        print_quoted(stream, node->names);
    }
    fputs("  # ", stream);
    print_shape(stream, g, &g->values[node->first_out].shape);
    fputc('\n', stream);
    return HAL_OK;
}

static hal_status print_value(FILE *stream, const hal_graph *g, uint32_t id)
{
    const hal_value_record *value = &g->values[id];
    if (value->origin == HAL_ORIGIN_NODE) return value->index ? HAL_OK : print_node(stream, g, value->node);
    fputs(value->origin == HAL_ORIGIN_INPUT ? "input " : "variable ", stream);
    print_name(stream, value->name, false);
    fputc(' ', stream);
    print_shape(stream, g, &value->shape);
    fputc('\n', stream);
    return HAL_OK;
}

static void print_sinks(FILE *stream, const hal_graph *g, uint32_t id)
{
    const hal_value_record *value = &g->values[id];
    if (value->assigned) {
        fputs("assign ", stream);
        print_name(stream, value->name, false);
        fputs(" = ", stream);
        print_name(stream, g->values[value->assigned].name, false);
        fputc('\n', stream);
    }
    if (!value->output) return;
    fputs("output ", stream);
    print_name(stream, value->name, false);
    fputc('\n', stream);
}

hal_status hal_graph_print(const hal_graph *graph, FILE *stream)
{
    HAL_TRY(hal_graph_status(graph));
    fputs("hal-graph 1\n", stream);
    for (uint32_t i = 0; i < graph->n_symbols; i++) {
        const hal_symbol_record *s = &graph->symbols[i];
        fputs("symbol ", stream);
        print_name(stream, s->name, true);
        fprintf(stream, " %lld %lld %lld\n", (long long)s->min, (long long)s->max, (long long)s->multiple);
    }
    for (uint32_t id = 1; id < graph->n_values; id++) HAL_TRY(print_value(stream, graph, id));
    for (uint32_t id = 1; id < graph->n_values; id++) print_sinks(stream, graph, id);
    if (ferror(stream)) return HAL_FAIL(IO, "hal_graph_print: writing failed; see whether the disk is full");
    return HAL_OK;
}

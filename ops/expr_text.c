/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as text: reading by recursive descent, and writing one step a statement. */
#include <ops/expr.h>
#include <ops/text.h>
#include <hal/core.h>

#define MAX_NAMES 96
#define MAX_DEPTH 64

typedef struct parser {
    hal_reader reader;
    hal_expr *expr;
    hal_dtype dtype;
    uint32_t n_names, depth;
    struct { char name[32]; uint8_t code; } names[MAX_NAMES];
} parser;

static hal_status expected(const parser *p, const char *what)
{
    return HAL_FAIL(INVALID_ARGUMENT, "expression, column %u: expected %s", p->reader.column, what);
}

static hal_status parse_operand(parser *p, uint8_t *code);

/* ":dtype" when it is there. */
static hal_status parse_dtype(parser *p, uint8_t *dtype)
{
    char word[32];
    if (!hal_reader_take(&p->reader, ":")) return HAL_OK;
    hal_dtype found =
        hal_reader_word(&p->reader, false, word, sizeof word) ? hal_dtype_find(word) : HAL_NO_DTYPE;
    if (found == HAL_NO_DTYPE) return expected(p, "a dtype such as f32 or bf16 after ':'");
    *dtype = (uint8_t)found;
    return HAL_OK;
}

static hal_status parse_call(parser *p, uint32_t op, uint8_t *code)
{
    hal_expr_step step = {.op = (uint8_t)op, .dtype = (uint8_t)p->dtype};
    uint8_t operand[3] = {0};
    HAL_TRY(parse_dtype(p, &step.dtype));
    if (!hal_reader_take(&p->reader, "(")) return expected(p, "'('");
    if (++p->depth > MAX_DEPTH) return expected(p, "fewer nested calls; give parts names");
    for (uint32_t i = 0; i < hal_expr_op_operands(op); i++) {
        if (i && !hal_reader_take(&p->reader, ",")) return expected(p, "',' and another operand");
        HAL_TRY(parse_operand(p, &operand[i]));
    }
    p->depth--;
    if (!hal_reader_take(&p->reader, ")")) return expected(p, "')' after the last operand");
    step.a = operand[0];
    step.b = operand[1];
    step.c = operand[2];
    return hal_expr_add_step(p->expr, step, code) ? HAL_OK : expected(p, "at most 64 steps");
}

static hal_status parse_constant(parser *p, double value, uint8_t *code)
{
    return hal_expr_add_constant(p->expr, value, code) ? HAL_OK
                                                       : expected(p, "at most 32 different constants");
}

/* "x12" is input 12; false for other words. */
static bool input_word(const char *word, uint32_t *input)
{
    if (word[0] != 'x' || word[1] < '0' || word[1] > '9' || (word[1] == '0' && word[2])) return false;
    *input = 0;
    for (const char *c = word + 1; *c; c++) {
        if (*c < '0' || *c > '9' || *input > 1000) return false;
        *input = *input * 10 + (uint32_t)(*c - '0');
    }
    return true;
}

static hal_status parse_word(parser *p, const char *word, uint8_t *code)
{
    uint32_t input, op = hal_expr_op_find(word);
    if (op != HAL_EXPR_NONE) return parse_call(p, op, code);
    if (!strcmp(word, "inf")) return parse_constant(p, HUGE_VAL, code);
    if (!strcmp(word, "nan")) return parse_constant(p, (double)NAN, code);
    if (input_word(word, &input)) {
        if (input >= HAL_EXPR_MAX_INPUTS) return expected(p, "an input from x0 to x15");
        if (input >= p->expr->n_inputs) p->expr->n_inputs = input + 1;
        *code = (uint8_t)(HAL_EXPR_INPUT + input);
        return HAL_OK;
    }
    for (uint32_t i = 0; i < p->n_names; i++) {
        if (strcmp(p->names[i].name, word)) continue;
        *code = p->names[i].code;
        return HAL_OK;
    }
    return HAL_FAIL(INVALID_ARGUMENT, "expression, column %u: \"%s\" is no operation, input or earlier name",
                    p->reader.column, word);
}

static hal_status parse_operand(parser *p, uint8_t *code)
{
    char word[32];
    double value;
    hal_reader_skip(&p->reader, true);
    char c = hal_reader_peek(&p->reader);
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        if (!hal_reader_real(&p->reader, &value)) return expected(p, "a number");
        return parse_constant(p, value, code);
    }
    if (!hal_reader_word(&p->reader, false, word, sizeof word))
        return expected(p, "an operation, input, number or name");
    return parse_word(p, word, code);
}

/* "name =" when it is next; the reader stays where it was otherwise. */
static bool take_binding(parser *p, char *name, size_t size)
{
    hal_reader before = p->reader;
    hal_reader_skip(&p->reader, true);
    if (hal_reader_word(&p->reader, false, name, size) && hal_reader_take(&p->reader, "=")) return true;
    p->reader = before;
    return false;
}

static hal_status bind(parser *p, const char *name, uint8_t code)
{
    uint32_t input;
    bool number = name[0] >= '0' && name[0] <= '9';
    if (number || input_word(name, &input) || hal_expr_op_find(name) != HAL_EXPR_NONE ||
        !strcmp(name, "inf") || !strcmp(name, "nan"))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "expression, column %u: \"%s\" cannot be a name; it means something else",
                        p->reader.column, name);
    if (p->n_names == MAX_NAMES) return expected(p, "at most 96 names");
    /* A later binding hides an earlier one of that name. */
    uint32_t i = 0;
    while (i < p->n_names && strcmp(p->names[i].name, name)) i++;
    if (i == p->n_names) p->n_names++;
    snprintf(p->names[i].name, sizeof p->names[i].name, "%s", name);
    p->names[i].code = code;
    return HAL_OK;
}

static hal_status parse_bindings(parser *p)
{
    char name[32];
    uint8_t code;
    while (take_binding(p, name, sizeof name)) {
        HAL_TRY(parse_operand(p, &code));
        HAL_TRY(bind(p, name, code));
        if (!hal_reader_take(&p->reader, ";")) return expected(p, "';' and, at the end, the results");
    }
    return HAL_OK;
}

static hal_status parse_results(parser *p)
{
    hal_expr *e = p->expr;
    do {
        if (e->n_outputs == HAL_EXPR_MAX_OUTPUTS) return expected(p, "at most 4 results");
        HAL_TRY(parse_operand(p, &e->output[e->n_outputs]));
        HAL_TRY(parse_dtype(p, &e->output_dtype[e->n_outputs]));
        e->n_outputs++;
    } while (hal_reader_take(&p->reader, ","));
    hal_reader_skip(&p->reader, true);
    return hal_reader_peek(&p->reader) ? expected(p, "the end, or ',' and another result") : HAL_OK;
}

hal_status hal_expr_parse(const char *text, hal_dtype dtype, hal_expr *expr)
{
    if (!text) return HAL_FAIL(INVALID_ARGUMENT, "expression: the text is NULL");
    hal_expr result = {0};
    parser p = {
        .reader = {text, text + strlen(text), 1, 1}, .expr = &result, .dtype = dtype ? dtype : HAL_F32};
    HAL_TRY(parse_bindings(&p));
    HAL_TRY(parse_results(&p));
    HAL_TRY(hal_expr_validate(&result));
    *expr = result;
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- writing -- */

static void print_operand(hal_text *text, const hal_expr *expr, uint8_t code)
{
    if (code >= HAL_EXPR_CONSTANT) hal_text_real(text, expr->constant[code - HAL_EXPR_CONSTANT]);
    else if (code >= HAL_EXPR_INPUT) hal_text_add(text, "x%d", code - HAL_EXPR_INPUT);
    else hal_text_add(text, "t%d", code);
}

static bool uses(const hal_expr *expr, uint8_t code)
{
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        const hal_expr_step *s = &expr->step[i];
        const uint8_t operand[3] = {s->a, s->b, s->c};
        for (uint32_t o = 0; o < hal_expr_op_operands(s->op); o++)
            if (operand[o] == code) return true;
    }
    for (uint32_t i = 0; i < expr->n_outputs; i++)
        if (expr->output[i] == code) return true;
    return false;
}

size_t hal_expr_print(const hal_expr *expr, char *text, size_t size)
{
    hal_text out = {text, size, 0};
    if (size) text[0] = 0;
    /* A last input that nothing reads is bound to a name, so that reading counts it. */
    uint32_t last = expr->n_inputs - 1;
    if (expr->n_inputs && !uses(expr, (uint8_t)(HAL_EXPR_INPUT + last)))
        hal_text_add(&out, "unused = x%u; ", last);
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        const hal_expr_step *s = &expr->step[i];
        const uint8_t operand[3] = {s->a, s->b, s->c};
        const hal_dtype_info *dtype = hal_dtype_describe((hal_dtype)s->dtype);
        hal_text_add(&out, "t%u = %s:%s(", i, hal_expr_op_name(s->op), dtype ? dtype->name : "none");
        for (uint32_t o = 0; o < hal_expr_op_operands(s->op); o++) {
            hal_text_add(&out, "%s", o ? ", " : "");
            print_operand(&out, expr, operand[o]);
        }
        hal_text_add(&out, "); ");
    }
    for (uint32_t i = 0; i < expr->n_outputs; i++) {
        const hal_dtype_info *dtype = hal_dtype_describe((hal_dtype)expr->output_dtype[i]);
        hal_text_add(&out, "%s", i ? ", " : "");
        print_operand(&out, expr, expr->output[i]);
        if (dtype) hal_text_add(&out, ":%s", dtype->name);
    }
    return out.used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Attribute structs through their fields: defaults, setting by name, checks, hash, comparison and text. */
#include <ops/graph_names.h>
#include <ops/text.h>
#include <hal/core.h>

static int64_t *field_int(const hal_attr_field *field, void *attrs)
{
    return (int64_t *)(void *)((char *)attrs + field->offset);
}
static const int64_t *int_at(const hal_attr_field *field, const void *attrs)
{
    return (const int64_t *)(const void *)((const char *)attrs + field->offset);
}
static double real_at(const hal_attr_field *field, const void *attrs)
{
    double value;
    memcpy(&value, (const char *)attrs + field->offset, sizeof value);
    return value;
}
static const hal_int_list *list_at(const hal_attr_field *field, const void *attrs)
{
    return (const hal_int_list *)(const void *)((const char *)attrs + field->offset);
}
static const hal_expr *expr_at(const hal_attr_field *field, const void *attrs)
{
    return (const hal_expr *)(const void *)((const char *)attrs + field->offset);
}

void hal_attrs_default(const hal_op_info *op, void *attrs)
{
    memset(attrs, 0, op->attrs_size);
    ((hal_head *)attrs)->size = op->attrs_size;
    for (uint32_t i = 0; i < op->n_fields; i++) {
        const hal_attr_field *field = &op->fields[i];
        if (field->kind == HAL_ATTR_KIND_REAL)
            memcpy((char *)attrs + field->offset, &field->default_real, sizeof field->default_real);
        else if (field->kind < HAL_ATTR_KIND_LIST)
            *field_int(field, attrs) = field->default_int;
    }
}

/* -------------------------------------------------------------------------------------- enumerations -- */

/* Word `index` of "a|b|c"; its length, or 0 past the end. */
static size_t word_at(const char *words, int64_t index, const char **word)
{
    while (index > 0 && *words) {
        words += strcspn(words, "|");
        if (*words) words++;
        index--;
    }
    *word = words;
    return strcspn(words, "|");
}

static bool word_find(const char *words, const char *text, int64_t *index)
{
    const char *word;
    size_t length;
    for (int64_t i = 0; (length = word_at(words, i, &word)) > 0; i++) {
        if (strlen(text) != length || memcmp(text, word, length) != 0) continue;
        *index = i;
        return true;
    }
    return false;
}

/* -------------------------------------------------------------------------------------------- checks -- */

static hal_status check_int(const hal_op_info *op, const hal_attr_field *field, int64_t value)
{
    if (value >= field->low_int && value <= field->high_int) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "%s: attribute \"%s\" is %lld, outside %lld to %lld; choose a value inside", op->name,
                    field->name, (long long)value, (long long)field->low_int, (long long)field->high_int);
}

static hal_status check_real(const hal_op_info *op, const hal_attr_field *field, double value)
{
    if (value >= field->low_real && value <= field->high_real) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" is %g, outside %g to %g; choose a value inside",
                    op->name, field->name, value, field->low_real, field->high_real);
}

static hal_status check_dtype(const hal_op_info *op, const hal_attr_field *field, int64_t value)
{
    if (value == HAL_NO_DTYPE && field->default_int == HAL_NO_DTYPE) return HAL_OK;
    if (value > 0 && value < HAL_DTYPE_COUNT && hal_dtype_describe((hal_dtype)value)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "%s: attribute \"%s\" is %lld, which is no dtype; use a row of hal/dtypes.def", op->name,
                    field->name, (long long)value);
}

static hal_status check_enum(const hal_op_info *op, const hal_attr_field *field, int64_t value)
{
    const char *word;
    if (value >= 0 && value < (int64_t)strlen(field->words) && word_at(field->words, value, &word))
        return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" is number %lld; choose one of %s", op->name,
                    field->name, (long long)value, field->words);
}

static hal_status check_list(const hal_op_info *op, const hal_attr_field *field, int64_t n)
{
    if (n >= 0 && n <= HAL_MAX_RANK) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" has %lld entries; at most %d are possible",
                    op->name, field->name, (long long)n, HAL_MAX_RANK);
}

/* An expression of no outputs is the empty one. */
static hal_status check_expr(const hal_op_info *op, const hal_attr_field *field, const hal_expr *expr)
{
    if (!expr->n_outputs && !expr->n_steps && !expr->n_inputs && !expr->n_constants) return HAL_OK;
    hal_status status = hal_expr_validate(expr);
    if (status == HAL_OK) return HAL_OK;
    char cause[256];
    snprintf(cause, sizeof cause, "%s", hal_status_last()->text);
    return hal_status_set(status, __FILE__, __LINE__, "%s: attribute \"%s\": %s", op->name, field->name,
                          cause);
}

static hal_status check_field(const hal_op_info *op, const hal_attr_field *field, const void *attrs)
{
    switch (field->kind) {
    case HAL_ATTR_KIND_INT: return check_int(op, field, *int_at(field, attrs));
    case HAL_ATTR_KIND_REAL: return check_real(op, field, real_at(field, attrs));
    case HAL_ATTR_KIND_DTYPE: return check_dtype(op, field, *int_at(field, attrs));
    case HAL_ATTR_KIND_ENUM: return check_enum(op, field, *int_at(field, attrs));
    case HAL_ATTR_KIND_LIST: return check_list(op, field, list_at(field, attrs)->n);
    case HAL_ATTR_KIND_EXPR: return check_expr(op, field, expr_at(field, attrs));
    }
    return HAL_FAIL(INTERNAL, "%s: attribute \"%s\" has no known kind", op->name, field->name);
}

hal_status hal_attrs_check(const hal_op_info *op, const void *attrs)
{
    uint32_t size = ((const hal_head *)attrs)->size;
    if (size != op->attrs_size)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "%s: the attribute struct says %u bytes, this library has %u; fill head with HAL_HEAD", op->name,
            size, op->attrs_size);
    for (uint32_t i = 0; i < op->n_fields; i++) HAL_TRY(check_field(op, &op->fields[i], attrs));
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------- setting by -- */

static hal_status set_word(const hal_op_info *op, const hal_attr_field *field, const char *text,
                           int64_t *value)
{
    if (field->kind == HAL_ATTR_KIND_ENUM) {
        if (word_find(field->words, text, value)) return HAL_OK;
        return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" is \"%s\"; choose one of %s", op->name,
                        field->name, text, field->words);
    }
    hal_dtype dtype = hal_dtype_find(text);
    if (dtype == HAL_NO_DTYPE)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: attribute \"%s\" is \"%s\", which is no dtype; use f32, bf16, i32, ...",
                        op->name, field->name, text);
    *value = dtype;
    return HAL_OK;
}

static hal_status set_expr(const hal_op_info *op, const hal_attr_field *field, const char *text,
                           hal_dtype dtype, void *attrs)
{
    if (!text)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" is an expression; give it as text in .s",
                        op->name, field->name);
    hal_expr expr;
    hal_status status = hal_expr_parse(text, dtype, &expr);
    if (status != HAL_OK) {
        char cause[256];
        snprintf(cause, sizeof cause, "%s", hal_status_last()->text);
        return hal_status_set(status, __FILE__, __LINE__, "%s: attribute \"%s\": %s", op->name, field->name,
                              cause);
    }
    memcpy((char *)attrs + field->offset, &expr, sizeof expr);
    return HAL_OK;
}

static hal_status set_list(const hal_op_info *op, const hal_attr_field *field, const hal_attr *pair,
                           void *attrs)
{
    HAL_TRY(check_list(op, field, pair->n));
    if (pair->n && !pair->list)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: attribute \"%s\" has %u entries but no list", op->name,
                        field->name, pair->n);
    hal_int_list list = {.n = pair->n};
    for (uint32_t i = 0; i < pair->n; i++) list.v[i] = pair->list[i];
    memcpy((char *)attrs + field->offset, &list, sizeof list);
    return HAL_OK;
}

static hal_status set_field(const hal_op_info *op, const hal_attr_field *field, const hal_attr *pair,
                            hal_dtype dtype, void *attrs)
{
    bool word = pair->s && (field->kind == HAL_ATTR_KIND_ENUM || field->kind == HAL_ATTR_KIND_DTYPE);
    if (field->kind == HAL_ATTR_KIND_EXPR) HAL_TRY(set_expr(op, field, pair->s, dtype, attrs));
    else if (field->kind == HAL_ATTR_KIND_LIST) HAL_TRY(set_list(op, field, pair, attrs));
    else if (field->kind == HAL_ATTR_KIND_REAL)
        memcpy((char *)attrs + field->offset, &pair->f, sizeof pair->f);
    else if (word) HAL_TRY(set_word(op, field, pair->s, field_int(field, attrs)));
    else *field_int(field, attrs) = pair->i;
    return check_field(op, field, attrs);
}

static hal_status unknown_field(const hal_op_info *op, const char *name)
{
    char names[200] = "it has none";
    size_t used = 0;
    for (uint32_t i = 0; i < op->n_fields && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "it has ",
                                 op->fields[i].name);
    return HAL_FAIL(INVALID_ARGUMENT, "%s: there is no attribute \"%s\"; %s", op->name, name ? name : "",
                    names);
}

hal_status hal_attrs_set(const hal_op_info *op, const hal_attr *pairs, uint32_t n, hal_dtype dtype,
                         void *attrs)
{
    for (uint32_t p = 0; p < n; p++) {
        const hal_attr_field *field = NULL;
        for (uint32_t i = 0; i < op->n_fields && pairs[p].name; i++)
            if (!strcmp(op->fields[i].name, pairs[p].name)) field = &op->fields[i];
        if (!field) return unknown_field(op, pairs[p].name);
        HAL_TRY(set_field(op, field, &pairs[p], dtype, attrs));
    }
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------ hash and -- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash ^= word + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 32);
}

static uint64_t real_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t hash_expr(uint64_t hash, const hal_expr *expr)
{
    hash = mix(hash, ((uint64_t)expr->n_inputs << 32) | expr->n_steps);
    hash = mix(hash, ((uint64_t)expr->n_constants << 32) | expr->n_outputs);
    for (uint32_t i = 0; i < expr->n_outputs; i++)
        hash = mix(hash, ((uint64_t)expr->output[i] << 8) | expr->output_dtype[i]);
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        const hal_expr_step *s = &expr->step[i];
        hash = mix(hash, ((uint64_t)s->op << 32) | ((uint64_t)s->dtype << 24) | ((uint64_t)s->a << 16) |
                             ((uint64_t)s->b << 8) | s->c);
    }
    for (uint32_t i = 0; i < expr->n_constants; i++) hash = mix(hash, real_bits(expr->constant[i]));
    return hash;
}

static uint64_t hash_list(uint64_t hash, const hal_int_list *list)
{
    hash = mix(hash, (uint64_t)list->n);
    for (int64_t i = 0; i < list->n && i < HAL_MAX_RANK; i++) hash = mix(hash, (uint64_t)list->v[i]);
    return hash;
}

uint64_t hal_attrs_hash(const hal_op_info *op, const void *attrs)
{
    uint64_t hash = mix(op->number, op->version);
    for (uint32_t i = 0; i < op->n_fields; i++) {
        const hal_attr_field *field = &op->fields[i];
        if (field->kind == HAL_ATTR_KIND_EXPR) hash = hash_expr(hash, expr_at(field, attrs));
        else if (field->kind == HAL_ATTR_KIND_LIST) hash = hash_list(hash, list_at(field, attrs));
        else if (field->kind == HAL_ATTR_KIND_REAL) hash = mix(hash, real_bits(real_at(field, attrs)));
        else hash = mix(hash, (uint64_t)*int_at(field, attrs));
    }
    return hash;
}

static bool equal_expr(const hal_expr *a, const hal_expr *b)
{
    if (a->n_inputs != b->n_inputs || a->n_steps != b->n_steps || a->n_constants != b->n_constants)
        return false;
    if (a->n_outputs != b->n_outputs || memcmp(a->output, b->output, a->n_outputs) != 0) return false;
    if (memcmp(a->output_dtype, b->output_dtype, a->n_outputs) != 0) return false;
    for (uint32_t i = 0; i < a->n_steps; i++) {
        const hal_expr_step *s = &a->step[i], *t = &b->step[i];
        if (s->op != t->op || s->dtype != t->dtype || s->a != t->a || s->b != t->b || s->c != t->c)
            return false;
    }
    return memcmp(a->constant, b->constant, a->n_constants * sizeof a->constant[0]) == 0;
}

static bool equal_list(const hal_int_list *a, const hal_int_list *b)
{
    return a->n == b->n && memcmp(a->v, b->v, (size_t)a->n * sizeof a->v[0]) == 0;
}

static bool equal_field(const hal_attr_field *field, const void *a, const void *b)
{
    if (field->kind == HAL_ATTR_KIND_EXPR) return equal_expr(expr_at(field, a), expr_at(field, b));
    if (field->kind == HAL_ATTR_KIND_LIST) return equal_list(list_at(field, a), list_at(field, b));
    if (field->kind == HAL_ATTR_KIND_REAL)
        return real_bits(real_at(field, a)) == real_bits(real_at(field, b));
    return *int_at(field, a) == *int_at(field, b);
}

bool hal_attrs_equal(const hal_op_info *op, const void *a, const void *b)
{
    for (uint32_t i = 0; i < op->n_fields; i++)
        if (!equal_field(&op->fields[i], a, b)) return false;
    return true;
}

/* ---------------------------------------------------------------------------------------------- text -- */

static void print_expr(hal_text *text, const hal_expr *expr)
{
    size_t room = text->used < text->size ? text->size - text->used : 0;
    hal_text_add(text, "\"");
    room = room ? room - 1 : 0;
    text->used += hal_expr_print(expr, room ? text->data + text->used : NULL, room);
    hal_text_add(text, "\"");
}

static void print_field(hal_text *text, const hal_attr_field *field, const void *attrs)
{
    const char *word;
    hal_text_add(text, "%s%s=", text->used ? ", " : "", field->name);
    if (field->kind == HAL_ATTR_KIND_REAL) {
        hal_text_real(text, real_at(field, attrs));
    } else if (field->kind == HAL_ATTR_KIND_ENUM) {
        int length = (int)word_at(field->words, *int_at(field, attrs), &word);
        hal_text_add(text, "%.*s", length, word);
    } else if (field->kind == HAL_ATTR_KIND_DTYPE) {
        const hal_dtype_info *dtype = hal_dtype_describe((hal_dtype)*int_at(field, attrs));
        hal_text_add(text, "%s", dtype ? dtype->name : "none");
    } else if (field->kind == HAL_ATTR_KIND_LIST) {
        const hal_int_list *list = list_at(field, attrs);
        for (int64_t i = 0; i < list->n; i++)
            hal_text_add(text, "%s%lld", i ? "," : "[", (long long)list->v[i]);
        hal_text_add(text, "%s", list->n ? "]" : "[]");
    } else if (field->kind == HAL_ATTR_KIND_EXPR) {
        print_expr(text, expr_at(field, attrs));
    } else {
        hal_text_add(text, "%lld", (long long)*int_at(field, attrs));
    }
}

size_t hal_attrs_print(const hal_op_info *op, const void *attrs, char *text, size_t size)
{
    hal_text out = {text, size, 0};
    hal_attrs_storage defaults;
    hal_attrs_default(op, &defaults);
    if (size) text[0] = 0;
    for (uint32_t i = 0; i < op->n_fields; i++)
        if (!equal_field(&op->fields[i], attrs, &defaults)) print_field(&out, &op->fields[i], attrs);
    return out.used;
}

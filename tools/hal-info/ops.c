/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info ops: which operators a device runs, how exactly, and how repeatably. */
#include <hal/plan.h>
#include <string.h>

#include "tools/hal-info/document.h"
#include "tools/hal-info/info.h"
#include "tools/hal-matrix/ask.h"

static const hal_dtype dtypes[] = {HAL_F32, HAL_BF16, HAL_F16, HAL_F64, HAL_I32, HAL_I64};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0], ALIAS = 64 };

/* What is known about one operator and dtype. */
typedef enum answer { ANSWER_NONE, ANSWER_YES, ANSWER_DECOMPOSED, ANSWER_NO } answer;

typedef struct question {
    hal_instance *instance;
    char device[ALIAS];
} question;

static const char *grade_name(hal_grade grade)
{
    static const char *const names[] = {"none", "run", "device", "placement"};
    return (unsigned)grade < 4 ? names[grade] : "?";
}

static answer answer_of(matrix_answer a)
{
    return a == ASKED_YES ? ANSWER_YES : a == ASKED_DECOMPOSED ? ANSWER_DECOMPOSED : ANSWER_NO;
}

static answer ask(const question *q, uint32_t op, hal_dtype dtype, char *reason, size_t size)
{
    hal_case *cases;
    uint32_t n;
    reason[0] = 0;
    if (hal_op_cases(op, dtype, &cases, &n) != HAL_OK)
        return ANSWER_NONE;
    const answer a = n ? answer_of(matrix_ask(q->instance, q->device, &cases[0], reason, size)) : ANSWER_NONE;
    hal_op_cases_release(cases, n);
    return a;
}

static const char *answer_name(answer a)
{
    static const char *const names[] = {"-", "yes", "decomposed", "no"};
    return names[a];
}

static bool wanted(const info *i, hal_dtype dtype)
{
    return !i->options->dtype || hal_dtype_find(i->options->dtype) == dtype;
}

static double bound(const hal_tolerance *t, hal_dtype dtype)
{
    return dtype == HAL_BF16 ? t->bf16 : dtype == HAL_F16 ? t->f16 : t->f32;
}

/* One operator: its answers for every dtype. */
static json_t *op_json(const info *i, const question *q, const hal_op_info *op)
{
    const hal_tolerance *t = hal_op_tolerance(op->number);
    json_t *support = json_object();
    char reason[512];
    for (int k = 0; k < DTYPES; k++) {
        if (!wanted(i, dtypes[k]))
            continue;
        const answer a = ask(q, op->number, dtypes[k], reason, sizeof reason);
        if (a == ANSWER_NONE)
            continue;
        json_object_set_new(support, hal_dtype_describe(dtypes[k])->name,
                            json_pack("{s:s,s:s*,s:f}", "answer", answer_name(a), "reason",
                                      reason[0] ? reason : NULL, "tolerance", bound(t, dtypes[k])));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:o}", "op", op->name, "doc", op->doc, "tolerance", t->name,
                     "grade", grade_name(op->grade), "gradient", op->has_gradient, "support", support);
}

static int find_device(const info *i, question *q, hal_device **device, tool_error *err)
{
    const char *name = i->options->device;
    const hal_topology_device *d = NULL;
    if (!name)
        name = "cpu0";
    else if (i->topology && hal_topology_device_find(i->topology, name) != HAL_NOWHERE) {
        d = hal_topology_device_at(i->topology, hal_topology_device_find(i->topology, name));
        name = d->alias;
    }
    if (hal_device_find(q->instance, name, device) == HAL_OK) {
        snprintf(q->device, sizeof q->device, "%s", name);
        return TOOL_OK;
    }
    if (d && d->reason[0])
        return tool_fail(err, TOOL_NOT_FOUND, "%s: %s %s; hal-info doctor %s", d->alias, d->reason,
                         d->reason_text, d->alias);
    return tool_fail(err, TOOL_NOT_FOUND, "%s", hal_status_last()->text);
}

static int check_dtype(const info *i, tool_error *err)
{
    for (int k = 0; k < DTYPES; k++)
        if (wanted(i, dtypes[k]))
            return TOOL_OK;
    return tool_fail(err, TOOL_NOT_FOUND, "no dtype \"%s\": f32, bf16, f16, f64, i32 or i64",
                     i->options->dtype);
}

static int collect(info *i, question *q, json_t **root, tool_error *err)
{
    hal_device *device;
    hal_device_info about;
    int code = find_device(i, q, &device, err);
    if (code)
        return code;
    hal_device_describe(device, &about);
    json_t *rows = json_array();
    for (uint32_t number = 1; number < HAL_OP_LIMIT; number++)
        if (hal_op_describe(number))
            json_array_append_new(rows, op_json(i, q, hal_op_describe(number)));
    *root = json_pack("{s:s,s:s,s:s,s:s,s:o}", "schema", "hal.ops/1", "device", about.alias, "name",
                      about.name, "backend", about.backend, "ops", rows);
    hal_device_release(device);
    return *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

int ops_data(info *i, json_t **root, tool_error *err)
{
    question q = {0};
    int code = check_dtype(i, err);
    if (code)
        return code;
    if (i->options->input)
        return elsewhere_data(i, root, err);
    code = machine_instance(i->options, &q.instance, err);
    if (code)
        return code;
    code = collect(i, &q, root, err);
    hal_instance_release(q.instance);
    return code;
}

static void add_row(const info *i, table *rows, const json_t *op)
{
    const json_t *support = json_object_get(op, "support");
    table_row(rows);
    table_cell(rows, TONE_STRONG, "%s", json_string_value(json_object_get(op, "op")));
    for (int k = 0; k < DTYPES; k++) {
        if (!wanted(i, dtypes[k]))
            continue;
        const char *word = json_string_value(
            json_object_get(json_object_get(support, hal_dtype_describe(dtypes[k])->name), "answer"));
        if (word && strcmp(word, "decomposed") == 0)
            word = "parts";
        table_cell(rows,
                   !word                ? TONE_FAINT
                   : strcmp(word, "no") ? TONE_GOOD
                                        : TONE_BAD,
                   "%s", word ? word : "-");
    }
    table_cell(rows, TONE_PLAIN, "%s", json_string_value(json_object_get(op, "tolerance")));
    table_cell(rows, TONE_PLAIN, "%s", json_string_value(json_object_get(op, "grade")));
    table_cell(rows, TONE_PLAIN, "%s", json_is_true(json_object_get(op, "gradient")) ? "yes" : "-");
}

int ops_print(info *i, tool_error *err)
{
    json_t *root, *op;
    size_t k;
    if (i->options->input)
        return check_dtype(i, err) ? TOOL_NOT_FOUND : elsewhere_print(i, err);
    int code = ops_data(i, &root, err);
    if (code)
        return code;
    table *rows = table_create();
    table_column(rows, "OPERATOR", 0, 0);
    for (int d = 0; d < DTYPES; d++)
        if (wanted(i, dtypes[d]))
            table_column(rows, hal_dtype_describe(dtypes[d])->name, 0, 0);
    table_column(rows, "TOLERANCE", 0, 2);
    table_column(rows, "SAME BITS", 0, 2);
    table_column(rows, "GRADIENT", 0, 3);
    json_array_foreach(json_object_get(root, "ops"), k, op) add_row(i, rows, op);
    char text[512];
    snprintf(text, sizeof text, "%s, backend %s: %s", json_string_value(json_object_get(root, "device")),
             json_string_value(json_object_get(root, "backend")),
             json_string_value(json_object_get(root, "name")));
    style_wrap(&i->style, i->out, 0, text);
    fputc('\n', i->out);
    code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    json_decref(root);
    if (!code)
        style_hint(&i->style, i->out,
                   "parts: run as simpler operators; tolerance: row of docs/numerics.md; same bits: in a "
                   "second run, on "
                   "another device of the kind, wherever it is placed");
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hal-matrix support: what devices say they run, case by case of a list, without running it. */
#include <jansson.h>
#include <string.h>

#include "tools/hal-matrix/ask.h"
#include "tools/hal-matrix/devices.h"
#include "tools/common/markup.h"
#include "tools/hal-matrix/verbs.h"

/* The answers for one operator and dtype. */
typedef struct answers {
    uint64_t by[ASKED_COUNT];
    char reason[512]; /* of the first no */
} answers;

static uint64_t asked(const answers *a) { return a->by[ASKED_YES] + a->by[ASKED_DECOMPOSED] + a->by[ASKED_NO]; }

static const char *word(const answers *a) {
    if (!asked(a)) return "-";
    if (a->by[ASKED_NO] == asked(a)) return "no";
    if (a->by[ASKED_NO]) return "in part";
    return a->by[ASKED_DECOMPOSED] ? "decomposed" : "yes";
}

/* Layouts are views in a plan, and every device has those: the contiguous cases say all. */
static void ask_all(hal_instance *instance, const char *alias, const matrix_selection *s, uint32_t op, hal_dtype dtype,
                    answers *a) {
    char reason[512];
    *a = (answers){.reason = ""};
    for (size_t i = 0; i < s->n; i++) {
        const matrix_item *item = &s->items[i];
        if (item->c->op != op || item->dtype != dtype || item->layout != LAYOUT_CONTIGUOUS) continue;
        const matrix_answer answer = matrix_ask(instance, alias, item->c, reason, sizeof reason);
        a->by[answer]++;
        if (answer == ASKED_NO && !a->reason[0]) memcpy(a->reason, reason, sizeof reason);
    }
}

static void print_cell(const answers *a, uint32_t width) {
    char text[40];
    snprintf(text, sizeof text, "%s", word(a));
    if (a->by[ASKED_NO] && a->by[ASKED_NO] < asked(a))
        snprintf(text, sizeof text, "%llu of %llu", (unsigned long long)(asked(a) - a->by[ASKED_NO]),
                 (unsigned long long)asked(a));
    printf(" %-*s", (int)width, text);
}

static json_t *cell_json(uint32_t op, hal_dtype dtype, answers *a) {
    markup_clean(a->reason);
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:s}", "op", hal_op_describe(op)->name, "dtype",
                     hal_dtype_describe(dtype)->name, "answer", word(a), "native", (json_int_t)a->by[ASKED_YES],
                     "decomposed", (json_int_t)a->by[ASKED_DECOMPOSED], "no", (json_int_t)a->by[ASKED_NO], "reason",
                     a->reason);
}

/* One operator: a line of the table, then the reasons of what it is refused for. */
static void support_op(hal_instance *instance, const char *alias, const matrix_selection *s, uint32_t op, json_t *list) {
    answers a[MATRIX_MAX_DTYPES];
    uint64_t all = 0;
    for (uint32_t d = 0; d < matrix_n_dtypes; d++) {
        ask_all(instance, alias, s, op, matrix_dtypes[d], &a[d]);
        all += asked(&a[d]);
    }
    if (!all) return;
    printf("%-20s", hal_op_describe(op)->name);
    for (uint32_t d = 0; d < matrix_n_dtypes; d++) print_cell(&a[d], 12);
    putchar('\n');
    for (uint32_t d = 0; d < matrix_n_dtypes; d++) {
        if (asked(&a[d])) json_array_append_new(list, cell_json(op, matrix_dtypes[d], &a[d]));
        if (a[d].reason[0] && (d == 0 || strcmp(a[d].reason, a[d - 1].reason)))
            printf("    %s: %s\n", hal_dtype_describe(matrix_dtypes[d])->name, a[d].reason);
    }
}

static void support_device(hal_instance *instance, hal_device *device, const matrix_selection *s, json_t *devices) {
    hal_device_info info;
    json_t *list = json_array();
    hal_device_describe(device, &info);
    printf("%s, %s%s; cases of the list version %s\n%-20s", info.alias, info.name, info.emulated ? " (emulated)" : "",
           s->version, "operator");
    for (uint32_t d = 0; d < matrix_n_dtypes; d++) printf(" %-12s", hal_dtype_describe(matrix_dtypes[d])->name);
    putchar('\n');
    for (uint32_t op = 1; op < HAL_OP_LIMIT; op++)
        if (hal_op_describe(op)) support_op(instance, info.alias, s, op, list);
    json_array_append_new(devices, json_pack("{s:s,s:s,s:b,s:o}", "device", info.alias, "backend", info.backend, "emulated",
                                             info.emulated, "support", list));
}

static int write_json(const matrix_options *o, const matrix_selection *s, json_t *devices, tool_error *err) {
    json_t *root = json_pack("{s:s,s:s,s:s,s:O}", "schema", "hal-matrix-support-1", "list", matrix_list_name(o->filter.list),
                             "list_version", s->version, "devices", devices);
    const int failed = !root || json_dump_file(root, o->json, JSON_INDENT(1)) != 0;
    json_decref(root);
    return failed ? tool_fail(err, TOOL_INTERNAL, "writing %s failed: is its directory there and not full?", o->json) : TOOL_OK;
}

int matrix_verb_support(const matrix_options *o, tool_error *err) {
    matrix_selection s = {0};
    matrix_devices d = {0};
    json_t *devices = json_array();
    int code = matrix_devices_open(o, &d, err);
    if (!code) code = matrix_select(&o->filter, &s, err);
    for (size_t i = 0; i < d.count && !code; i++) support_device(d.instance, d.items[i], &s, devices);
    if (!code && o->json) code = write_json(o, &s, devices, err);
    json_decref(devices);
    matrix_selection_clear(&s);
    if (d.instance) matrix_devices_close(&d);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/repro.h"

#include <math.h>
#include <string.h>

/* What every program begins with. */
static const char preamble[] =
    "#include <hal/ops.h>\n"
    "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n"
    "enum { GUARD = 256 };\n"
    "static const unsigned char guard = 0xa5;\n"
    "typedef struct operand { hal_tensor host, device; hal_buffer *buffer; unsigned char *bytes; uint64_t n; } operand;\n\n"
    "static void must(hal_status status) {\n"
    "    if (status == HAL_OK) return;\n"
    "    printf(\"%s: %s\\n\", hal_status_name(status), hal_status_last()->text);\n"
    "    exit(1);\n"
    "}\n\n"
    "/* Every byte of the tensor is 0xff at first: a NaN that nobody wrote shows. */\n"
    "static operand make(hal_dtype dtype, uint32_t rank, const int64_t *size, const int64_t *stride, uint64_t n) {\n"
    "    operand o = {.host = hal_tensor_host(NULL, dtype, rank, size), .bytes = malloc(n), .n = n};\n"
    "    if (!o.bytes) exit(1);\n"
    "    memset(o.bytes, guard, n);\n"
    "    memset(o.bytes + GUARD, 0xff, n - 2 * GUARD);\n"
    "    memcpy(o.host.stride, stride, rank * sizeof *stride);\n"
    "    o.host.host = o.bytes;\n"
    "    o.host.offset = GUARD;\n"
    "    return o;\n"
    "}\n\n"
    "static double draw(double low, double high, int integer, uint64_t x) {\n"
    "    x += 0x9e3779b97f4a7c15u;\n"
    "    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;\n"
    "    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;\n"
    "    const double u = (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;\n"
    "    if (!integer) return low + (high - low) * u;\n"
    "    const double v = low + (double)(int64_t)(u * (high - low + 1));\n"
    "    return v > high ? high : v;\n"
    "}\n\n"
    "__attribute__((unused)) static void fill(operand *o, double low, double high, int integer, uint64_t seed) {\n"
    "    const hal_tensor *t = &o->host;\n"
    "    for (int64_t e = 0; e < hal_tensor_elements(t); e++) {\n"
    "        int64_t rest = e, offset = 0;\n"
    "        for (uint32_t d = t->rank; d-- > 0; rest /= t->size[d]) offset += rest % t->size[d] * t->stride[d];\n"
    "        hal_element_store(t->dtype, o->bytes + GUARD + offset, 0, draw(low, high, integer, seed * 0x100000001b3u + (uint64_t)e));\n"
    "    }\n"
    "}\n\n"
    "static hal_tensor upload(operand *o, hal_device *device) {\n"
    "    must(hal_buffer_create(device, o->n, &o->buffer));\n"
    "    must(hal_buffer_write(o->buffer, 0, o->bytes, o->n));\n"
    "    o->device = o->host;\n"
    "    o->device.host = NULL;\n"
    "    o->device.buffer = o->buffer;\n"
    "    return o->device;\n"
    "}\n\n"
    "/* A contiguous copy for the reference to write. */\n"
    "static hal_tensor blank(const operand *o) {\n"
    "    hal_tensor t = o->host;\n"
    "    t.offset = 0;\n"
    "    t.host = calloc((size_t)hal_tensor_elements(&t) + 1, 8);\n"
    "    if (!t.host) exit(1);\n"
    "    return t;\n"
    "}\n\n"
    "static void drop(operand *o) {\n"
    "    hal_buffer_release(o->buffer);\n"
    "    free(o->bytes);\n"
    "}\n\n"
    "/* |got - want| <= bound u |want| + bound u_sum scale + smallest; exactly equal where bound is 0. */\n"
    "static int judge(operand *o, const hal_tensor *want, const double *scale, double bound, double u, double u_sum, double smallest) {\n"
    "    must(hal_buffer_read(o->buffer, 0, o->bytes, o->n));\n"
    "    int wrong = 0;\n"
    "    for (uint64_t i = 0; i < GUARD; i++) wrong |= o->bytes[i] != guard || o->bytes[o->n - 1 - i] != guard;\n"
    "    if (wrong) printf(\"bytes outside the tensor were written\\n\");\n"
    "    for (int64_t i = 0; i < hal_tensor_elements(&o->host); i++) {\n"
    "        const double a = hal_element_load(o->host.dtype, o->bytes + GUARD, i), b = hal_element_load(want->dtype, want->host, i);\n"
    "        const double allowed = bound == 0 || isinf(b) ? 0 : bound * u * fabs(b) + bound * u_sum * fabs(scale[i]) + smallest;\n"
    "        if (a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= allowed) continue;\n"
    "        if (wrong++ < 10) printf(\"element %lld is %.9g, the reference says %.9g, allowed %.3g\\n\", (long long)i, a, b, allowed);\n"
    "    }\n"
    "    return wrong;\n"
    "}\n\n";

static const char *dtype_name(hal_dtype dtype) {
    static const char *const names[] = {"HAL_NO_DTYPE",
#define HAL_DTYPE(n, ID, name, bits, elements, bytes, class_) "HAL_" #ID,
#include <hal/dtypes.def>
    };
    return names[dtype];
}

/* A number as C reads it back to the same bits. */
static void print_real(double x) {
    if (isnan(x)) printf("NAN");
    else if (isinf(x)) printf("%sINFINITY", x < 0 ? "-" : "");
    else printf("%.17g", x);
}

static void print_list(const int64_t *list, uint32_t n) {
    printf("(const int64_t[]){");
    for (uint32_t i = 0; i < n; i++) printf("%lld, ", (long long)list[i]);
    printf("0}");
}

static void print_string(const char *text) {
    putchar('"');
    for (; *text; text++) printf(*text == '"' || *text == '\\' ? "\\%c" : *text == '\n' ? "\\n" : "%c", *text);
    putchar('"');
}

static void print_attrs(const hal_op_info *op, const void *attrs) {
    hal_attr pairs[MATRIX_MAX_PAIRS];
    char text[MATRIX_EXPR_SIZE];
    const uint32_t n = matrix_attr_pairs(op, attrs, pairs, text, sizeof text);
    printf("    const hal_attr attrs[] = {\n");
    for (uint32_t i = 0; i < n; i++) {
        const hal_attr *p = &pairs[i];
        printf("        {.name = \"%s\", .i = %lld, .f = ", p->name, (long long)p->i);
        print_real(p->f);
        if (p->s) printf(", .s = "), print_string(p->s);
        if (p->list) printf(", .n = %u, .list = ", p->n), print_list(p->list, p->n);
        printf("},\n");
    }
    printf("        {.name = NULL}};\n");
}

static int print_operand(const char *kind, uint32_t i, const hal_shape *shape, matrix_layout layout, tool_error *err) {
    matrix_operand o;
    int code = matrix_operand_create(shape, layout, &o, err);
    if (code) return code;
    printf("    operand %s%u = make(%s, %u, ", kind, i, dtype_name(o.host.dtype), o.host.rank);
    print_list(o.host.size, o.host.rank);
    printf(", ");
    print_list(o.host.stride, o.host.rank);
    printf(", %llu);\n", (unsigned long long)o.n_bytes);
    matrix_operand_release(&o);
    return TOOL_OK;
}

static int print_operands(const hal_case *c, matrix_layout layout, uint64_t seed, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; i < c->n_in && !code; i++) {
        if (c->in[i].dtype == HAL_NO_DTYPE) continue;
        code = print_operand("in", i, &c->in[i], layout, err);
        printf("    fill(&in%u, ", i);
        print_real(c->range[i].low);
        printf(", ");
        print_real(c->range[i].high);
        printf(", %d, %llu);\n", c->range[i].integer, (unsigned long long)matrix_seed(c, i, seed));
        printf("    in[%u] = upload(&in%u, device), in_host[%u] = in%u.host;\n", i, i, i, i);
    }
    for (uint32_t i = 0; i < c->n_out && !code; i++) {
        code = print_operand("out", i, &c->out[i], LAYOUT_CONTIGUOUS, err);
        printf("    out[%u] = upload(&out%u, device), want[%u] = blank(&out%u);\n", i, i, i, i);
        printf("    scale[%u] = calloc((size_t)hal_tensor_elements(&out%u.host) + 1, sizeof(double));\n", i, i);
    }
    return code;
}

static void print_end(const hal_case *c) {
    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->in[i].dtype != HAL_NO_DTYPE) printf("    drop(&in%u);\n", i);
    for (uint32_t i = 0; i < c->n_out; i++) printf("    drop(&out%u);\n    free(want[%u].host);\n    free(scale[%u]);\n", i, i, i);
    printf("    free(fields);\n    hal_device_release(device);\n    hal_instance_release(hal);\n");
    printf("    printf(\"%%s\\n\", wrong ? \"failed\" : \"passed\");\n    return wrong != 0;\n}\n");
}

static void print_judgement(const hal_case *c) {
    const hal_tolerance *t = hal_op_tolerance(c->op);
    for (uint32_t i = 0; i < c->n_out; i++) {
        const matrix_bound b = matrix_bound_of(t, c->out[i].dtype);
        printf("    wrong += judge(&out%u, &want[%u], scale[%u], %.17g, %a, %a, %a);\n", i, i, i, b.exact ? 0 : b.bound, b.u, b.u_sum,
               b.smallest);
    }
}

int matrix_repro(const hal_case *c, hal_dtype dtype, matrix_layout layout, const char *alias, uint64_t seed,
                 tool_error *err) {
    const hal_op_info *op = hal_op_describe(c->op);
    char id[MATRIX_ID_SIZE];
    matrix_case_id(c, dtype, layout, id, sizeof id);
    if (matrix_packed_road(c, layout))
        return tool_fail(err, TOOL_BAD_INPUT,
                         "%s goes through a plan, which no short program shows; hal-matrix explain runs it, "
                         "tools/hal-matrix/packed.c is the graph", id);
    printf("/* %s\n * cc repro.c $(pkg-config --cflags --libs hal) -lm && ./a.out; it ends with 0 where the case passes */\n", id);
    fputs(preamble, stdout);
    printf("int main(void) {\n    hal_instance *hal;\n    hal_device *device;\n    int wrong = 0;\n");
    printf("    hal_tensor in[%u] = {0}, in_host[%u] = {0}, out[%u] = {0}, want[%u] = {0};\n    double *scale[%u];\n", c->n_in + 1,
           c->n_in + 1, c->n_out + 1, c->n_out + 1, c->n_out + 1);
    print_attrs(op, c->attrs);
    printf("    const uint32_t n_attrs = (uint32_t)(sizeof attrs / sizeof attrs[0]) - 1;\n");
    printf("    must(hal_instance_create(NULL, &hal));\n    must(hal_device_find(hal, \"%s\", &device));\n", alias);
    int code = print_operands(c, layout, seed, err);
    printf("    void *fields = calloc(1, %u);\n    if (!fields) return 1;\n", op->attrs_size);
    printf("    hal_attrs_default(hal_op_describe(%u), fields);\n", c->op);
    printf("    must(hal_attrs_set(hal_op_describe(%u), attrs, n_attrs, %s, fields));\n", c->op, dtype_name(dtype));
    printf("    must(hal_op_reference(%u, fields, in_host, %u, want, %u, scale));\n", c->op, c->n_in, c->n_out);
    printf("    must(hal_run(device, \"%s\", attrs, n_attrs, in, %u, out, %u, hal_deadline_ms(60000)));\n", op->name, c->n_in, c->n_out);
    print_judgement(c);
    print_end(c);
    return code;
}

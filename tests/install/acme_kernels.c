/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vendor adds to his copy of the null backend: five kernels for f32, with what it takes to find their operands. Included
 * by that copy in the place of the functions of the same names (acme.sh).
 */
#include <hal/ops.h>

#include <math.h>
#include <stdio.h>

/* An operand as a kernel sees it: an address, sizes and strides. */
typedef struct acme_view {
    char *base;
    uint32_t rank;
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} acme_view;

/* y and x may be the same memory where hal lets them. */
typedef void (*acme_kernel)(const acme_view *y, const acme_view *x, const void *attrs);

static int64_t elements(const acme_view *v)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < v->rank; i++)
        n *= v->size[i];
    return n;
}

/* Element `index`, counted with the innermost axis fastest. Strides may be 0 or negative. */
static float *element(const acme_view *v, int64_t index)
{
    char *at = v->base;
    for (uint32_t i = v->rank; i-- > 0; index /= v->size[i])
        at += index % v->size[i] * v->stride[i];
    return (float *)(void *)at;
}

static void run_copy(const acme_view *y, const acme_view *x, const void *attrs)
{
    (void)attrs;
    for (int64_t i = 0, n = elements(y); i < n; i++)
        *element(y, i) = *element(x, i);
}

static void run_fill(const acme_view *y, const acme_view *x, const void *attrs)
{
    const hal_fill_attrs *fill = attrs;
    (void)x;
    for (int64_t i = 0, n = elements(y); i < n; i++)
        *element(y, i) = (float)fill->value;
}

static void run_square_sum(const acme_view *y, const acme_view *x, const void *attrs)
{
    double sum = 0;
    (void)attrs;
    for (int64_t i = 0, n = elements(x); i < n; i++)
        sum += (double)*element(x, i) * *element(x, i);
    *element(y, 0) = (float)sum;
}

/* Largest element and sum of e^(x - largest) of the row that begins at `first`. */
static double row_sum(const acme_view *x, int64_t first, int64_t n, double *largest)
{
    double sum = 0;
    *largest = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        *largest = fmax(*largest, (double)*element(x, first + i));
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)*element(x, first + i) - *largest);
    return sum;
}

static void rows(const acme_view *y, const acme_view *x, bool logarithm)
{
    const int64_t n = x->rank > 0 ? x->size[x->rank - 1] : 1;
    for (int64_t first = 0, all = elements(x); first < all; first += n) {
        double largest;
        const double sum = row_sum(x, first, n, &largest);
        for (int64_t i = first; i < first + n; i++) {
            const double d = (double)*element(x, i) - largest;
            *element(y, i) = (float)(logarithm ? d - log(sum) : exp(d) / sum);
        }
    }
}

static void run_softmax(const acme_view *y, const acme_view *x, const void *attrs)
{
    (void)attrs;
    rows(y, x, false);
}

static void run_log_softmax(const acme_view *y, const acme_view *x, const void *attrs)
{
    (void)attrs;
    rows(y, x, true);
}

static acme_kernel kernel_of(uint32_t op)
{
    switch (op) {
    case HAL_OP_COPY: return run_copy;
    case HAL_OP_FILL: return run_fill;
    case HAL_OP_SQUARE_SUM: return run_square_sum;
    case HAL_OP_SOFTMAX: return run_softmax;
    case HAL_OP_LOG_SOFTMAX: return run_log_softmax;
    default: return NULL;
    }
}

/* Why an op does not run here; NULL when it does. */
static const char *refusal(const hal_description *program, const hal_description_op *op)
{
    if (op->version != 1 || kernel_of(op->number) == NULL)
        return "this device has copy, fill, square_sum, softmax and log_softmax";
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(program, op, i);
        if (t != NULL && (t->dtype != HAL_F32 || t->layout_kind != 0))
            return "operands have to be strided f32";
    }
    return NULL;
}

static hal_status acme_support(void *device, const hal_description *program, hal_support_answer *answers)
{
    (void)device;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const char *no = refusal(program, hal_description_ops(program) + i);
        answers[i] = (hal_support_answer){.support = no != NULL ? HAL_SUPPORT_NO : HAL_SUPPORT_NATIVE};
        snprintf(answers[i].reason, sizeof answers[i].reason, "%s", no != NULL ? no : "");
    }
    return HAL_OK;
}

/* The program is a copy of its description: this device has nothing to prepare. */
typedef struct acme_program {
    hal_description description;
} acme_program;

static hal_status acme_compile(void *device, const hal_description *program, int64_t deadline, void **compiled)
{
    acme_device *d = device;
    (void)deadline; /* done long before any */
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const char *no = refusal(program, hal_description_ops(program) + i);
        if (no != NULL)
            return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
                                 "acme: op %u of the program: %s", i, no);
    }
    void *p = take(d->host, program->bytes);
    if (p == NULL)
        return out_of_memory(d->host, program->bytes);
    *compiled = memcpy(p, program, program->bytes);
    return HAL_OK;
}

static char *address(const hal_backend_binding *b);

static acme_view view_of(const hal_description_tensor *t, const hal_backend_binding *bindings, const int64_t *symbols)
{
    acme_view v = {.rank = 0};
    if (t == NULL)
        return v;
    v.base = address(&bindings[t->binding]) + t->offset;
    v.rank = t->rank;
    for (uint32_t i = 0; i < t->rank; i++) {
        v.size[i] = hal_dim_value(t->size[i], symbols);
        v.stride[i] = hal_dim_value(t->stride[i], symbols);
    }
    return v;
}

static hal_status acme_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                              const int64_t *symbols, void *completion)
{
    const acme_queue *q = queue;
    const hal_description *d = &((const acme_program *)compiled)->description;
    (void)n_bindings;
    for (uint32_t i = 0; i < d->n_ops; i++) {
        const hal_description_op *op = hal_description_ops(d) + i;
        const acme_view x = view_of(op->n_in > 0 ? hal_description_operand(d, op, 0) : NULL, bindings, symbols);
        const acme_view y = view_of(hal_description_operand(d, op, op->n_in), bindings, symbols);
        kernel_of(op->number)(&y, &x, hal_description_attrs(d, op));
        atomic_fetch_add_explicit(&q->device->ops, 1, memory_order_relaxed);
    }
    q->device->host->complete(q->device->host->context, completion, HAL_OK, "");
    return HAL_OK;
}

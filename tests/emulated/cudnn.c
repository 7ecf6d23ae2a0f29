/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of cuDNN that hal calls, for the emulated driver: an attention as an operation, with a mask in it, from tensors to a
 * plan that is run. It is as particular as the real one is allowed to be: which attributes a descriptor has, of which type
 * and number, that each is whole before it is used, that shapes go together, and what tensors are aligned to.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC visibility push(default)
#include <cudnn.h>
/* Handles and descriptors that were not given back yet. */
unsigned hal_emulated_cudnn_live(void);
#pragma GCC visibility pop

#include <hal/ops.h>

#include "attention.h"
#include "service.h"

enum { HANDLE = 0x48414c44, DESCRIPTOR, MOST_VALUES = 12, MOST_NUMBER = 16, WORKSPACE = 512, LONGEST_HEAD = 256 };

struct cudnnContext { uint32_t kind; CUstream stream; };

typedef struct descriptor descriptor;
typedef union value { int64_t i; int32_t s; bool b; float f; void *p; descriptor *d; } value;
typedef struct attribute { int name; int64_t n; value of[MOST_NUMBER]; } attribute;
struct descriptor {
    uint32_t kind;
    cudnnBackendDescriptorType_t type;
    bool whole;
    unsigned n;
    attribute has[MOST_VALUES];
    /* Of an engine configuration: what it was chosen for; of a plan: what it does. */
    descriptor *graph;
    emu_attention does;
};

/* Tests may ask from another thread than the one that makes. */
static _Atomic unsigned live;

#define ASKED() \
    do { const int told = hal_emulated_cuda_asked(__func__); if (told) return (cudnnStatus_t)told; } while (0)

static cudnnStatus_t wrong(const char *call, cudnnStatus_t code, const char *text) {
    hal_emulated_cuda_object(call, text);
    return code;
}

unsigned hal_emulated_cudnn_live(void) { return live; }
size_t cudnnGetVersion(void) { return CUDNN_VERSION; }

const char *cudnnGetErrorString(cudnnStatus_t status) {
    switch ((int)status) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER: return "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER";
    case CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED: return "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_INTERNAL_ERROR: return "CUDNN_STATUS_INTERNAL_ERROR";
    case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "CUDNN_STATUS";
    }
}

void cudnnGetLastErrorString(char *message, size_t max_size) { snprintf(message, max_size, "as the emulated cuDNN was told"); }

/* ------------------------------------------------------------------------------------------- attributes -- */

/* `child`: the type that a descriptor must have that is an element; `needed`: nothing is whole without. */
typedef struct rule { int of, name, type; int64_t least, most; bool needed; int child; } rule;

#define TENSOR_OF(of, name, needed) {of, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, needed, CUDNN_BACKEND_TENSOR_DESCRIPTOR}
#define T CUDNN_BACKEND_TENSOR_DESCRIPTOR
#define BAND CUDNN_BACKEND_OPERATION_DIAGONAL_BAND_MASK_DESCRIPTOR
#define SDPA CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR
#define GRAPH CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR
#define CHOOSER CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR
#define CHOICE CUDNN_BACKEND_ENGINECFG_DESCRIPTOR
#define PLAN CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR
#define PACK CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR
static const rule rules[] = {
    {T, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, 1, true, 0},
    {T, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1, true, 0},
    {T, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, 1, true, 0},
    {T, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, 4, true, 0},
    {T, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, 4, true, 0},
    {T, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, 1, false, 0},
    {T, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, 1, false, 0},
    TENSOR_OF(BAND, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_XDESC, true),
    TENSOR_OF(BAND, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_YDESC, true),
    TENSOR_OF(BAND, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_BDESC, true),
    TENSOR_OF(BAND, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_SHIFT_RIGHT_BOUND_DESC, true),
    {BAND, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_COMPARISON_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, 1, true, 0},
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, true),
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, true),
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, true),
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, true),
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC, true),
    TENSOR_OF(SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, true),
    {SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, false, GRAPH},
    {SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID, CUDNN_TYPE_INT64, 1, 1, false, 0},
    {SDPA, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID, CUDNN_TYPE_INT64, 1, 1, false, 0},
    {GRAPH, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true, -1},
    {GRAPH, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, 1, false, 0},
    {CHOOSER, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true, GRAPH},
    {CHOOSER, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, 1, true, 0},
    {PLAN, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, 1, true, 0},
    {PLAN, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true, CHOICE},
    {PACK, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 1, MOST_NUMBER, true, 0},
    {PACK, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 1, MOST_NUMBER, true, 0},
    {PACK, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, 1, true, 0},
};
enum { RULES = sizeof rules / sizeof rules[0] };

static size_t width_of(int type) {
    switch (type) {
    case CUDNN_TYPE_INT64: return sizeof(int64_t);
    case CUDNN_TYPE_BOOLEAN: return sizeof(bool);
    case CUDNN_TYPE_VOID_PTR: case CUDNN_TYPE_HANDLE: case CUDNN_TYPE_BACKEND_DESCRIPTOR: return sizeof(void *);
    default: return sizeof(int32_t); /* of an enumeration */
    }
}

static bool is_descriptor(const descriptor *d) { return d && d->kind == DESCRIPTOR; }

static const attribute *find(const descriptor *d, int name) {
    for (unsigned i = 0; i < d->n; i++)
        if (d->has[i].name == name) return &d->has[i];
    return NULL;
}

static bool is_child(const rule *r, const descriptor *child) {
    return is_descriptor(child) && child->whole &&
        (r->child < 0 ? child->type == SDPA || child->type == BAND : (int)child->type == r->child);
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t attributeName,
                                       cudnnBackendAttributeType_t attributeType, int64_t elementCount,
                                       const void *arrayOfElements) {
    ASKED();
    descriptor *d = (descriptor *)to;
    const rule *r = rules;
    if (!is_descriptor(d) || d->whole || !arrayOfElements)
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no descriptor, or whole already, or there is no value");
    while (r < rules + RULES && (r->of != (int)d->type || r->name != (int)attributeName)) r++;
    if (r == rules + RULES) return CUDNN_STATUS_NOT_SUPPORTED;
    if (r->type != (int)attributeType || elementCount < r->least || elementCount > r->most || find(d, r->name) ||
        d->n == MOST_VALUES)
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "the attribute is of another type or number, or is set already");
    attribute *a = &d->has[d->n];
    *a = (attribute){.name = r->name, .n = elementCount};
    for (int64_t i = 0; i < elementCount; i++) {
        memcpy(&a->of[i], (const char *)arrayOfElements + (size_t)i * width_of(r->type), width_of(r->type));
        if (r->type == CUDNN_TYPE_BACKEND_DESCRIPTOR && !is_child(r, a->of[i].d))
            return wrong(__func__, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "the other descriptor is not whole, or none of these");
    }
    d->n++;
    return CUDNN_STATUS_SUCCESS;
}

/* --------------------------------------------------------------------------------------------- reading -- */

static descriptor *child(const descriptor *d, int name) {
    const attribute *a = find(d, name);
    return a ? a->of[0].d : NULL;
}

static int64_t integer(const descriptor *d, int name) {
    const attribute *a = find(d, name);
    return a ? a->of[0].i : 0;
}

static bool is_set(const descriptor *d, int name) {
    const attribute *a = find(d, name);
    return a && a->of[0].b;
}

static int type_of(const descriptor *tensor) { return find(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE)->of[0].s; }

static emu_tensor read_tensor(const descriptor *d) {
    const int type = type_of(d);
    emu_tensor x = {.type = type == CUDNN_DATA_HALF ? HAL_F16 : type == CUDNN_DATA_BFLOAT16 ? HAL_BF16 : HAL_F32};
    for (int i = 0; i < 4; i++) {
        x.size[i] = find(d, CUDNN_ATTR_TENSOR_DIMENSIONS)->of[i].i;
        x.stride[i] = find(d, CUDNN_ATTR_TENSOR_STRIDES)->of[i].i;
    }
    return x;
}

static bool has_size(const emu_tensor *x, int64_t b, int64_t h, int64_t rows, int64_t columns) {
    return x->size[0] == b && x->size[1] == h && x->size[2] == rows && x->size[3] == columns;
}

static bool is_passed(const descriptor *d, int type) {
    const emu_tensor x = read_tensor(d);
    return has_size(&x, 1, 1, 1, 1) && type_of(d) == type && is_set(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE);
}

static bool is_scores(const descriptor *d, const emu_attention *a) {
    const emu_tensor x = read_tensor(d);
    return has_size(&x, a->q.size[0], a->q.size[1], a->q.size[2], a->k.size[2]) && x.type == HAL_F32 &&
        is_set(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL);
}

static bool are_shapes_well(const emu_attention *a) {
    const int64_t *q = a->q.size, *k = a->k.size, *v = a->v.size;
    return k[0] == q[0] && k[3] == q[3] && has_size(&a->v, q[0], v[1], k[2], v[3]) && q[1] % k[1] == 0 && q[1] % v[1] == 0 &&
        has_size(&a->y, q[0], q[1], q[2], v[3]) && has_size(&a->stats, q[0], q[1], q[2], 1) && a->stats.type == HAL_F32;
}

/* The mask of an attention, if it has one. */
static bool read_mask(const descriptor *d, emu_attention *a) {
    const descriptor *graph = child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH);
    a->masked = graph != NULL;
    if (!graph) return true;
    const descriptor *band = child(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const descriptor *x = child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_XDESC);
    const descriptor *y = child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_YDESC);
    return integer(x, CUDNN_ATTR_TENSOR_UNIQUE_ID) == integer(d, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID) &&
        integer(y, CUDNN_ATTR_TENSOR_UNIQUE_ID) == integer(d, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID) &&
        is_scores(x, a) && is_scores(y, a) &&
        is_passed(child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_SHIFT_RIGHT_BOUND_DESC), CUDNN_DATA_INT32) &&
        is_passed(child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_BDESC), CUDNN_DATA_FLOAT) &&
        find(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_COMPARISON_MODE)->of[0].s == CUDNN_POINTWISE_CMP_GE;
}

static bool read_attention(const descriptor *d, emu_attention *a) {
    *a = (emu_attention){.q = read_tensor(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC)),
        .k = read_tensor(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC)),
        .v = read_tensor(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC)),
        .y = read_tensor(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC)),
        .stats = read_tensor(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC))};
    return are_shapes_well(a) && is_passed(child(d, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC), CUDNN_DATA_FLOAT) &&
        read_mask(d, a);
}

/* What there is an engine for. */
static bool is_served(const emu_attention *a) {
    return (a->q.type == HAL_F16 || a->q.type == HAL_BF16) && a->k.type == a->q.type && a->v.type == a->q.type &&
        a->y.type == a->q.type && a->q.size[3] % 8 == 0 && a->v.size[3] % 8 == 0 && a->q.size[3] <= LONGEST_HEAD &&
        a->q.stride[3] == 1 && a->k.stride[3] == 1 && a->v.stride[3] == 1 && a->y.stride[3] == 1;
}

/* ------------------------------------------------------------------------------------------- descriptors -- */

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t descriptorType, cudnnBackendDescriptor_t *to) {
    ASKED();
    bool known = descriptorType == CHOICE;
    for (int i = 0; i < RULES; i++) known = known || rules[i].of == (int)descriptorType;
    if (!known) return CUDNN_STATUS_NOT_SUPPORTED;
    descriptor *d = calloc(1, sizeof *d);
    if (!d) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    d->kind = DESCRIPTOR;
    d->type = descriptorType;
    live++;
    *to = d;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t of) {
    ASKED();
    descriptor *d = (descriptor *)of;
    if (!is_descriptor(d)) return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no descriptor");
    *(volatile uint32_t *)&d->kind = 0;
    free(d);
    live--;
    return CUDNN_STATUS_SUCCESS;
}

static bool is_tensor_well(const descriptor *d) {
    const emu_tensor x = read_tensor(d);
    bool well = integer(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) % (x.type == HAL_F32 ? 4 : 2) == 0;
    for (int i = 0; i < 4; i++) well = well && x.size[i] > 0 && x.stride[i] > 0;
    return well && integer(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) > 0;
}

static bool is_well(descriptor *d) {
    emu_attention a;
    switch ((int)d->type) {
    case T: return is_tensor_well(d);
    case SDPA: return read_attention(d, &a);
    case PLAN: return read_attention(child(child(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->graph,
        CUDNN_ATTR_OPERATIONGRAPH_OPS), &d->does);
    case PACK: return find(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)->n == find(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)->n;
    default: return d->type != CHOICE;
    }
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t of) {
    ASKED();
    descriptor *d = (descriptor *)of;
    if (!is_descriptor(d) || d->whole) return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no descriptor, or whole already");
    for (int i = 0; i < RULES; i++)
        if (rules[i].of == (int)d->type && rules[i].needed && !find(d, rules[i].name))
            return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "an attribute is missing");
    if (!is_well(d)) return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "the attributes do not go together");
    d->whole = true;
    return CUDNN_STATUS_SUCCESS;
}

/* One choice, or none. */
static int64_t choose(const descriptor *d, descriptor *choice) {
    emu_attention a;
    descriptor *graph = child(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    const descriptor *operation = child(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    if (operation->type != SDPA || !read_attention(operation, &a) || !is_served(&a)) return 0;
    choice->graph = graph;
    choice->whole = true;
    return 1;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const of, cudnnBackendAttributeName_t attributeName,
                                       cudnnBackendAttributeType_t attributeType, int64_t requestedElementCount,
                                       int64_t *elementCount, void *arrayOfElements) {
    ASKED();
    const descriptor *d = (const descriptor *)of;
    descriptor **choice = arrayOfElements;
    if (!is_descriptor(d) || !d->whole || !arrayOfElements || requestedElementCount < 1)
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no whole descriptor, or there is no room");
    *elementCount = 1;
    if (d->type == PLAN && attributeName == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE && attributeType == CUDNN_TYPE_INT64)
        *(int64_t *)arrayOfElements = WORKSPACE;
    else if (d->type == CHOOSER && attributeName == CUDNN_ATTR_ENGINEHEUR_RESULTS &&
             attributeType == CUDNN_TYPE_BACKEND_DESCRIPTOR && is_descriptor(*choice) && (*choice)->type == CHOICE)
        *elementCount = choose(d, *choice);
    else return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "there is no such attribute, or no configuration to be filled in");
    return CUDNN_STATUS_SUCCESS;
}

/* --------------------------------------------------------------------------------------------- running -- */

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    ASKED();
    cudnnHandle_t h = calloc(1, sizeof *h);
    if (!h) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    h->kind = HANDLE;
    live++;
    *handle = h;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    ASKED();
    if (!handle || handle->kind != HANDLE) return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no handle");
    *(volatile uint32_t *)&handle->kind = 0;
    free(handle);
    live--;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t streamId) {
    ASKED();
    if (!handle || handle->kind != HANDLE) return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "it is no handle");
    handle->stream = (CUstream)streamId;
    return CUDNN_STATUS_SUCCESS;
}

/* What a pack binds a tensor to; NULL: nothing, or what is less aligned than was said. */
static void *bound(const descriptor *pack, const descriptor *tensor) {
    const attribute *numbers = find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const attribute *pointers = find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    const uintptr_t alignment = (uintptr_t)integer(tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
    for (int64_t i = 0; i < numbers->n; i++)
        if (numbers->of[i].i == integer(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID) && (uintptr_t)pointers->of[i].p % alignment == 0)
            return pointers->of[i].p;
    return NULL;
}

static bool bind_values(const descriptor *pack, const descriptor *operation, emu_attention *a) {
    const void *scale = bound(pack, child(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC));
    const descriptor *graph = child(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH);
    if (!scale) return false;
    a->scale = *(const float *)scale;
    if (!graph) return true;
    const descriptor *band = child(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const void *shift = bound(pack, child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_SHIFT_RIGHT_BOUND_DESC));
    const void *hidden = bound(pack, child(band, CUDNN_ATTR_OPERATION_DIAGONAL_BAND_MASK_BDESC));
    if (!shift || !hidden) return false;
    a->shift = *(const int32_t *)shift;
    a->hidden = *(const float *)hidden;
    return true;
}

static bool bind_operands(const descriptor *pack, const descriptor *operation, const emu_attention *a,
                          hal_emulated_work *work) {
    static const int names[] = {CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC,
        CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC};
    static const char *const words[] = {"Q", "K", "V", "O", "the statistics"};
    const emu_tensor *const tensors[] = {&a->q, &a->k, &a->v, &a->y, &a->stats};
    const uintptr_t workspace = (uintptr_t)find(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)->of[0].p;
    for (int i = 0; i < 5; i++) {
        const uintptr_t at = (uintptr_t)bound(pack, child(operation, names[i]));
        work->use[i] = (hal_emulated_use){at, emu_tensor_bytes(tensors[i]), words[i]};
        if (!at) return false;
    }
    work->use[5] = (hal_emulated_use){workspace, WORKSPACE, "the workspace"};
    work->n_uses = 6;
    return workspace != 0;
}

static void run(void *data, char *const *at) {
    if (!emu_attention_run(data, at)) hal_emulated_cuda_object("cudnnBackendExecute", "the host has no memory for a row");
}

static cudnnStatus_t submit(const emu_attention *a, hal_emulated_work *work, CUstream stream) {
    emu_attention *data = malloc(sizeof *data);
    if (!data) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    *data = *a;
    work->data = data;
    return hal_emulated_cuda_work(stream, "cudnnBackendExecute", work) == CUDA_SUCCESS ? CUDNN_STATUS_SUCCESS
        : CUDNN_STATUS_EXECUTION_FAILED;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t executionPlan,
                                  cudnnBackendDescriptor_t variantPack) {
    ASKED();
    const descriptor *plan = (const descriptor *)executionPlan, *pack = (const descriptor *)variantPack;
    hal_emulated_work work = {.name = "attention", .run = run, .drop = free};
    if (!handle || handle->kind != HANDLE || !is_descriptor(plan) || plan->type != PLAN || !plan->whole ||
        !is_descriptor(pack) || pack->type != PACK || !pack->whole)
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "there is no handle, no plan or no pack");
    const descriptor *choice = child(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    if (!is_descriptor(choice) || !is_descriptor(choice->graph))
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "what the plan was made of is gone");
    const descriptor *operation = child(choice->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    emu_attention a = plan->does;
    if (!bind_values(pack, operation, &a) || !bind_operands(pack, operation, &a, &work))
        return wrong(__func__, CUDNN_STATUS_BAD_PARAM, "a tensor or the workspace is not bound, or less aligned than was said");
    return submit(&a, &work, handle->stream);
}

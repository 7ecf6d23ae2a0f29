/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated cuDNN: what it objects to, beside what hal does with it (tests/fault/test_cuda_attention.c). */
#include "rig.h"

#include <cudnn.h>

#define assert_dnn(expression, code) assert_int_equal((expression), (code))
#define assert_well(expression) assert_dnn(expression, CUDNN_STATUS_SUCCESS)

unsigned hal_emulated_cudnn_live(void);

typedef cudnnBackendDescriptor_t descriptor;

static descriptor begin(cudnnBackendDescriptorType_t type) {
    descriptor d = NULL;
    assert_well(cudnnBackendCreateDescriptor(type, &d));
    return d;
}

static descriptor tensor(int64_t number, cudnnDataType_t type, const int64_t *size) {
    const descriptor d = begin(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const int64_t alignment = 16, stride[4] = {size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
    assert_well(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &number));
    assert_well(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
    assert_well(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment));
    assert_well(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, size));
    assert_well(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride));
    return d;
}

static void attributes_have_one_type_number_and_time(void **state) {
    const int64_t size[4] = {1, 2, 3, 8};
    const bool yes = true;
    const uint64_t before = hal_emulated_cuda_wrong();
    const descriptor d = tensor(1, CUDNN_DATA_HALF, size), bare = begin(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    (void)state;
    assert_dnn(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_INT64, 1, size), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, size), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendSetAttribute(bare, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 3, size), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendSetAttribute(d, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_INT64, 1, size),
        CUDNN_STATUS_NOT_SUPPORTED);
    assert_dnn(cudnnBackendFinalize(bare), CUDNN_STATUS_BAD_PARAM);
    assert_well(cudnnBackendFinalize(d));
    assert_dnn(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(hal_emulated_cuda_wrong() - before, 6);
    assert_well(cudnnBackendDestroyDescriptor(bare));
    assert_well(cudnnBackendDestroyDescriptor(d));
    assert_int_equal(hal_emulated_cudnn_live(), 0);
}

static void descriptors_are_of_the_type_that_is_meant_and_whole(void **state) {
    const int64_t size[4] = {1, 2, 3, 8};
    const descriptor d = tensor(1, CUDNN_DATA_HALF, size), of = begin(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR);
    descriptor none = NULL;
    (void)state;
    assert_dnn(cudnnBackendSetAttribute(of, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &d),
        CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    assert_well(cudnnBackendFinalize(d));
    assert_dnn(cudnnBackendSetAttribute(of, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &d),
        CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    assert_well(cudnnBackendSetAttribute(of, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &d));
    assert_dnn(cudnnBackendFinalize(of), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendCreateDescriptor(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, &none), CUDNN_STATUS_NOT_SUPPORTED);
    assert_well(cudnnBackendDestroyDescriptor(of));
    assert_well(cudnnBackendDestroyDescriptor(d));
}

/* Two heads of keys for three of queries. */
static void shapes_go_together(void **state) {
    static const cudnnBackendAttributeName_t names[] = {CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC,
        CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC,
        CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC};
    static const int64_t sizes[][4] = {{1, 3, 4, 8}, {1, 2, 5, 8}, {1, 2, 5, 8}, {1, 3, 4, 8}, {1, 3, 4, 1}, {1, 1, 1, 1}};
    const descriptor of = begin(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR);
    descriptor tensors[6];
    (void)state;
    for (int i = 0; i < 6; i++) {
        tensors[i] = tensor(i + 1, i < 4 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, sizes[i]);
        assert_well(cudnnBackendFinalize(tensors[i]));
        assert_well(cudnnBackendSetAttribute(of, names[i], CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &tensors[i]));
    }
    assert_dnn(cudnnBackendFinalize(of), CUDNN_STATUS_BAD_PARAM);
    assert_well(cudnnBackendDestroyDescriptor(of));
    for (int i = 0; i < 6; i++) assert_well(cudnnBackendDestroyDescriptor(tensors[i]));
}

static void what_is_gone_or_never_was_is_refused(void **state) {
    cudnnHandle_t handle;
    const descriptor d = begin(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    (void)state;
    assert_well(cudnnCreate(&handle));
    assert_dnn(cudnnBackendExecute(handle, d, d), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnSetStream(NULL, NULL), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnBackendDestroyDescriptor(NULL), CUDNN_STATUS_BAD_PARAM);
    assert_well(cudnnBackendDestroyDescriptor(d));
    assert_well(cudnnDestroy(handle));
    assert_int_equal(hal_emulated_cudnn_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_have_one_type_number_and_time),
        cmocka_unit_test(descriptors_are_of_the_type_that_is_meant_and_whole),
        cmocka_unit_test(shapes_go_together),
        cmocka_unit_test(what_is_gone_or_never_was_is_refused),
    };
    return cmocka_run_group_tests_name("the emulated cuDNN", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of errors, as the header has them; what they mean in a few words of our own. */
#include "emulated.h"

#define CODES(X) \
    X(CUDA_SUCCESS, "no error") X(CUDA_ERROR_INVALID_VALUE, "an argument is not valid") \
    X(CUDA_ERROR_OUT_OF_MEMORY, "no memory is left") X(CUDA_ERROR_NOT_INITIALIZED, "cuInit was not called, or in another process") \
    X(CUDA_ERROR_DEINITIALIZED, "the driver is shutting down") X(CUDA_ERROR_STUB_LIBRARY, "a stub of the driver was loaded") \
    X(CUDA_ERROR_DEVICE_UNAVAILABLE, "the device is not available now") X(CUDA_ERROR_NO_DEVICE, "there is no device") \
    X(CUDA_ERROR_INVALID_DEVICE, "there is no such device") X(CUDA_ERROR_DEVICE_NOT_LICENSED, "the device has no licence") \
    X(CUDA_ERROR_INVALID_IMAGE, "the image is no module") X(CUDA_ERROR_INVALID_CONTEXT, "there is no valid current context") \
    X(CUDA_ERROR_MAP_FAILED, "mapping failed") X(CUDA_ERROR_UNMAP_FAILED, "unmapping failed") \
    X(CUDA_ERROR_NO_BINARY_FOR_GPU, "the image has no code for this device") \
    X(CUDA_ERROR_ECC_UNCORRECTABLE, "an ECC error that cannot be corrected") \
    X(CUDA_ERROR_UNSUPPORTED_LIMIT, "the limit is not supported") \
    X(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, "the devices cannot reach each other") X(CUDA_ERROR_INVALID_PTX, "the PTX is not valid") \
    X(CUDA_ERROR_NVLINK_UNCORRECTABLE, "an NVLink error that cannot be corrected") \
    X(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, "the compiler of PTX was not found") \
    X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the PTX is newer than the driver") \
    X(CUDA_ERROR_INVALID_SOURCE, "the source is not valid") X(CUDA_ERROR_FILE_NOT_FOUND, "the file was not found") \
    X(CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND, "a symbol was not found") \
    X(CUDA_ERROR_SHARED_OBJECT_INIT_FAILED, "a shared object did not load") \
    X(CUDA_ERROR_OPERATING_SYSTEM, "a call of the system failed") X(CUDA_ERROR_INVALID_HANDLE, "a handle is not valid") \
    X(CUDA_ERROR_ILLEGAL_STATE, "a resource is not in a valid state") X(CUDA_ERROR_NOT_FOUND, "the name was not found") \
    X(CUDA_ERROR_NOT_READY, "the work is not done yet") X(CUDA_ERROR_ILLEGAL_ADDRESS, "a kernel used an illegal address") \
    X(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "a launch asked for too much") X(CUDA_ERROR_LAUNCH_TIMEOUT, "a kernel ran too long") \
    X(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "peer access is enabled already") \
    X(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, "peer access is not enabled") \
    X(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "the primary context is active") \
    X(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context was destroyed") X(CUDA_ERROR_ASSERT, "an assert of a kernel failed") \
    X(CUDA_ERROR_TOO_MANY_PEERS, "no more peers can be had") \
    X(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "the host memory is registered already") \
    X(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "the host memory is not registered") \
    X(CUDA_ERROR_HARDWARE_STACK_ERROR, "a stack error of the device") \
    X(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction of a kernel") \
    X(CUDA_ERROR_MISALIGNED_ADDRESS, "a kernel used a misaligned address") \
    X(CUDA_ERROR_INVALID_ADDRESS_SPACE, "an instruction met the wrong address space") \
    X(CUDA_ERROR_INVALID_PC, "the program counter is not valid") X(CUDA_ERROR_LAUNCH_FAILED, "a launch failed") \
    X(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "a cooperative launch is too large") \
    X(CUDA_ERROR_NOT_PERMITTED, "the operation is not permitted") X(CUDA_ERROR_NOT_SUPPORTED, "the operation is not supported") \
    X(CUDA_ERROR_SYSTEM_NOT_READY, "the system is not ready") \
    X(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "driver and kernel module do not fit") \
    X(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the operation is not permitted while a stream is captured") \
    X(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "an earlier error ended the capture") \
    X(CUDA_ERROR_STREAM_CAPTURE_MERGE, "two captures would become one") \
    X(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the stream did not begin this capture") \
    X(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "a stream that was forked was not joined") \
    X(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "a captured event was used outside of the capture") \
    X(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the legacy stream would wait for a captured one") \
    X(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture") \
    X(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture belongs to another thread") X(CUDA_ERROR_TIMEOUT, "time ran out") \
    X(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "the graph differs too much to be an update") \
    X(CUDA_ERROR_UNKNOWN, "an unknown error")

static const struct { CUresult code; const char *name, *text; } codes[] = {
#define ROW(code, text) {code, #code, text},
    CODES(ROW)
};

const char *emu_code_name(CUresult code) {
    const char *name = NULL;
    return cuGetErrorName(code, &name) == CUDA_SUCCESS ? name : "an unknown code";
}

static size_t find(CUresult code) {
    size_t i = 0;
    while (i < sizeof codes / sizeof codes[0] && codes[i].code != code) i++;
    return i;
}

/* These two may be asked at any time, of a dead driver too; so they are not counted, and the script fails neither. */
CUresult CUDAAPI cuGetErrorName(CUresult error, const char **name) {
    const size_t i = find(error);
    if (!name) return CUDA_ERROR_INVALID_VALUE;
    *name = i < sizeof codes / sizeof codes[0] ? codes[i].name : NULL;
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuGetErrorString(CUresult error, const char **text) {
    const size_t i = find(error);
    if (!text) return CUDA_ERROR_INVALID_VALUE;
    *text = i < sizeof codes / sizeof codes[0] ? codes[i].text : NULL;
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

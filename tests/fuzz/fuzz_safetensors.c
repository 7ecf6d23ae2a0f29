/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are safetensors files. What opens is read in full, and must be as the header says. */
#include "tests/fuzz/fuzz.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/common/safetensors.h"

static const char *const headers[] = {
    "{\"__metadata__\":{\"format\":\"pt\"},\"wte\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]"
    "},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[16,22]}}",
    "{}      ",
};
static const size_t data_bytes[] = {22, 0};

size_t fuzz_seed_count(void)
{
    return sizeof headers / sizeof *headers;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    static char file[512];
    uint64_t header = strlen(headers[index]);
    uint64_t length = htole64(header);
    memcpy(file, &length, 8);
    memcpy(file + 8, headers[index], header);
    memset(file + 8 + header, 'x', data_bytes[index]);
    *out_bytes = 8 + header + data_bytes[index];
    return file;
}

/* The invariants a caller allocates by. */
static void read_all(const safetensors *file, size_t file_bytes)
{
    tool_error err;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_tensor *tensor = safetensors_at(file, i);
        uint64_t bytes;
        if (tensor->bytes > file_bytes || safetensors_find(file, tensor->name) != tensor ||
            safetensors_shape_bytes(tensor->name, tensor->dtype, tensor->rank, tensor->shape, &bytes, &err) !=
                0 ||
            bytes != tensor->bytes) {
            abort();
        }
        void *data = malloc((size_t)tensor->bytes + 1);
        if (!data || safetensors_read(file, tensor, 0, data, (size_t)tensor->bytes, &err) != 0) {
            abort();
        }
        free(data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tool_error err;
    safetensors *file;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes) {
        abort();
    }
    if (safetensors_open_fd(fd, "fuzz", &file, &err) == 0) {
        read_all(file, bytes);
        safetensors_close(file);
    }
    return 0;
}

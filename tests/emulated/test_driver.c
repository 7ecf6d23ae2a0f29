/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated CUDA driver itself: it computes, keeps the order of streams and nothing else, and objects to what is wrong. */
#include "rig.h"

enum { N = 1000 };

static void computes(void **state) {
    (void)state;
    const uint64_t wrongs = hal_emulated_cuda_wrong();
    for (int device = 0; device < 2; device++) {
        rig r;
        uint32_t in[N], out[N] = {0};
        for (uint32_t i = 0; i < N; i++) in[i] = i * 7919u;
        rig_open(&r, device);
        const CUdeviceptr x = rig_alloc(sizeof in), y = rig_alloc(sizeof out);
        assert_fine(cuMemcpyHtoD(x, in, sizeof in));
        assert_fine(rig_move(&r, r.stream, x, y, N));
        assert_fine(cuStreamSynchronize(r.stream));
        assert_fine(cuMemcpyDtoH(out, y, sizeof out));
        assert_memory_equal(in, out, sizeof in);
        assert_fine(cuMemFree(x));
        assert_fine(cuMemFree(y));
        rig_close(&r);
    }
    rig_check(wrongs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),
    };
    return cmocka_run_group_tests_name("the emulated CUDA driver", tests, NULL, NULL);
}

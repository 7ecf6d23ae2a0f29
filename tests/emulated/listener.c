/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for a profiler: NVTX loads it when NVTX_INJECTION64_PATH names it, and it writes ranges to the file that
 * HAL_TEST_RANGES names, a line each: "begin NAME", "end".
 * Source: nvtx3/nvtxDetail/nvtxTypes.h, on injection.
 */
#include <stdio.h>
#include <stdlib.h>

#include <nvtx3/nvToolsExt.h>

static FILE *out;

static int NVTX_API begin(const char *name) {
    fprintf(out, "begin %s\n", name);
    return 0;
}

static int NVTX_API end(void) {
    fputs("end\n", out);
    return 0;
}

int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get);
__attribute__((visibility("default"))) int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get) {
    const char *path = getenv("HAL_TEST_RANGES");
    const NvtxExportTableCallbacks *calls = get(NVTX_ETID_CALLBACKS);
    NvtxFunctionTable table = NULL;
    unsigned size = 0;
    out = path ? fopen(path, "we") : NULL;
    if (!out || !calls || !calls->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &table, &size)) return 0;
    if (size <= NVTX_CBID_CORE_RangePop) return 0;
    *table[NVTX_CBID_CORE_RangePushA] = (NvtxFunctionPointer)begin;
    *table[NVTX_CBID_CORE_RangePop] = (NvtxFunctionPointer)end;
    return 1;
}

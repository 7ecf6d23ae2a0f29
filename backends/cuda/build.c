/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules.h"
#include "nvrtc.h"

static CUresult load(const hal_cuda_device *d, const void *image, CUmodule *module) {
    return d->cu.cuModuleLoadDataEx(module, image, 0, NULL, NULL);
}

/* Compiled with hal. A device that it has no code for, and a driver that knows no such PTX, refuse it. */
static bool load_embedded(hal_cuda_device *d, const char *text, CUmodule *module, CUresult *e) {
    const hal_portable_hash hash = hal_portable_hash_of(text, strlen(text));
    for (const hal_cuda_module *m = hal_cuda_modules; m->image; m++) {
        if (m->text.high != hash.high || m->text.low != hash.low) continue;
        *e = load(d, m->image, module);
        return *e == CUDA_SUCCESS;
    }
    return false;
}

/* ---------------------------------------------------------------------------------------- the host's cache -- */

static bool has_cache(const hal_host *host) {
    return host->size >= offsetof(hal_host, cache_store) + sizeof host->cache_store;
}

/* All that code depends on, as one text; an emulated driver's is no hardware's. */
static char *key_of(const hal_cuda_device *d, const char *text, size_t *bytes) {
    char *key = NULL;
    FILE *to = open_memstream(&key, bytes);
    if (!to) return NULL;
    fprintf(to, "cuda\n%s\n%d\nsm_%d\n%s", d->cu.emulated ? d->name : "", d->driver, d->capability, text);
    if (fclose(to) == 0) return key;
    free(key);
    return NULL;
}

static bool load_kept(hal_cuda_device *d, const char *text, CUmodule *module) {
    const hal_host *host = d->host;
    size_t key_bytes = 0, bytes = 0;
    char *key = has_cache(host) ? key_of(d, text, &key_bytes) : NULL;
    void *data = key ? host->cache_load(host->context, key, key_bytes, &bytes) : NULL;
    const bool loaded = data && bytes > 0 && ((char *)data)[bytes - 1] == '\0' && load(d, data, module) == CUDA_SUCCESS;
    if (data) host->release(host->context, data);
    free(key);
    return loaded;
}

static void keep(const hal_cuda_device *d, const char *text, const char *image, size_t bytes) {
    const hal_host *host = d->host;
    size_t key_bytes = 0;
    char *key = has_cache(host) ? key_of(d, text, &key_bytes) : NULL;
    if (key) host->cache_store(host->context, key, key_bytes, image, bytes);
    free(key);
}

/* -------------------------------------------------------------------------------------------- compiling -- */

/* `refused`: what the driver said of what was compiled with hal, if there was any. */
static hal_status failed(hal_cuda_device *d, const char *file, bool missing, CUresult refused, const char *why) {
    const hal_host *host = d->host;
    char driver[160] = "";
    if (refused != CUDA_SUCCESS) snprintf(driver, sizeof driver, "; what was compiled with hal is refused by the driver: %s",
        hal_cuda_code_name(&d->cu, refused));
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, missing ? HAL_CODE_UNSUPPORTED : HAL_CODE_INTERNAL), 0,
        "%s: kernels of \"%s\" %s: %s%s%s", d->who, file, missing ? "were not compiled with hal, and cannot be now"
        : "do not compile", why, driver, missing ? "; install NVRTC (a CUDA toolkit, or the Python package nvidia-cuda-nvrtc)"
        : "");
}

/* What NVRTC has just made, by a driver that may be older than it. */
static hal_status refuse(hal_cuda_device *d, const char *file, CUresult e) {
    const bool old = e == CUDA_ERROR_UNSUPPORTED_PTX_VERSION || e == CUDA_ERROR_NO_BINARY_FOR_GPU;
    return hal_cuda_fail(d, e, "cuModuleLoadDataEx of \"%s\", which NVRTC has made, by the driver of CUDA %d.%d%s", file,
        d->driver / 1000, d->driver % 1000 / 10, old ? "; update the driver, or install the NVRTC of that version" : "");
}

static hal_status compile(hal_cuda_device *d, const char *text, const char *file, CUresult refused, CUmodule *module) {
    char *image = NULL, why[800] = "";
    size_t bytes = 0;
    bool missing = false;
    if (!hal_cuda_nvrtc_compile(text, d->capability, &image, &bytes, &missing, why, sizeof why))
        return failed(d, file, missing, refused, why);
    const CUresult e = load(d, image, module);
    if (e == CUDA_SUCCESS) keep(d, text, image, bytes + 1);
    free(image);
    return e == CUDA_SUCCESS ? HAL_OK : refuse(d, file, e);
}

hal_status hal_cuda_build(hal_cuda_device *d, const char *text, const char *file, CUmodule *module) {
    CUmodule made = NULL;
    CUresult refused = CUDA_SUCCESS;
    if (load_embedded(d, text, &made, &refused) || load_kept(d, text, &made)) d->loaded++;
    else {
        if (hal_cuda_code_is_sticky(refused)) return hal_cuda_fail(d, refused, "cuModuleLoadDataEx of \"%s\"", file);
        HAL_TRY(compile(d, text, file, refused, &made));
        d->kernels++;
    }
    *module = made;
    return HAL_OK;
}

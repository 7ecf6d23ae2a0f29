/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CUDA driver that nobody has initialised, by the name of the real one: libraries that are linked to it, or look their functions up when
 * they are loaded, can be asked what needs no device. Every call but that for the version fails.
 */
#pragma GCC visibility push(default)

enum { VERSION = 13000, NOT_INITIALIZED = 3 };

#define FAILS(name) int name(void); int name(void) { return NOT_INITIALIZED; }

int cuDriverGetVersion(int *version);
int cuDriverGetVersion(int *version)
{
    *version = VERSION;
    return 0;
}

FAILS(cuCtxGetCurrent)
FAILS(cuCtxGetLimit)
FAILS(cuCtxPopCurrent)
FAILS(cuCtxPushCurrent)
FAILS(cuDeviceGet)
FAILS(cuDeviceGetCount)
FAILS(cuGetErrorName)
FAILS(cuGetErrorString)
FAILS(cuKernelGetAttribute)
FAILS(cuKernelGetFunction)
FAILS(cuKernelSetAttribute)
FAILS(cuLaunchCooperativeKernel)
FAILS(cuLaunchKernel)
FAILS(cuLaunchKernelEx)
FAILS(cuLibraryGetKernel)
FAILS(cuLibraryLoadData)
FAILS(cuLibraryLoadFromFile)
FAILS(cuLibraryUnload)
FAILS(cuLinkAddData)
FAILS(cuLinkComplete)
FAILS(cuLinkCreate)
FAILS(cuLinkDestroy)
FAILS(cuModuleGetFunction)
FAILS(cuModuleLoadData)
FAILS(cuModuleUnload)
FAILS(cuOccupancyMaxPotentialClusterSize)
FAILS(cuStreamGetCtx)
FAILS(cuTensorMapEncodeIm2col)
FAILS(cuTensorMapEncodeTiled)

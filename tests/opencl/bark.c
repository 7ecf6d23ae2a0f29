/* SPDX-License-Identifier: Apache-2.0 */
/* Two kernels that are wrong, a race and an access out of bounds: a watcher that is silent about them proves nothing. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stddef.h>
#include <stdio.h>

enum { BYTES = 256, ITEMS = 8, GROUP = 4 };

static const char *const source = "kernel void race(global int *a) { a[0] = get_global_id(0); }\n"
                                  "kernel void beyond(global int *a) { a[get_global_id(0) + 60] = 1; }\n";

static cl_int launch(cl_command_queue queue, cl_program program, const char *entry, cl_mem memory)
{
    const size_t items = ITEMS, group = GROUP;
    cl_int code = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, entry, &code);
    if (code == CL_SUCCESS)
        code = clSetKernelArg(kernel, 0, sizeof memory, &memory);
    if (code == CL_SUCCESS)
        code = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL);
    return code == CL_SUCCESS ? clFinish(queue) : code;
}

/* What is made ends with the process. */
int main(void)
{
    cl_platform_id platform = NULL;
    cl_device_id device = NULL;
    cl_int codes[8] = {clGetPlatformIDs(1, &platform, NULL), clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL)};
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &codes[2]);
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &codes[3]);
    cl_program program = clCreateProgramWithSource(context, 1, (const char *[]){source}, NULL, &codes[4]);
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, BYTES, NULL, &codes[5]);
    codes[6] = clBuildProgram(program, 1, &device, "", NULL, NULL);
    codes[7] = launch(queue, program, "race", memory);
    if (codes[7] == CL_SUCCESS)
        codes[7] = launch(queue, program, "beyond", memory);
    for (int i = 0; i < 8; i++)
        if (codes[i] != CL_SUCCESS) {
            fprintf(stderr, "bark: call %d: %d\n", i, codes[i]);
            return 1;
        }
    return 0;
}

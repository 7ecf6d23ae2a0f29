/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products of hal, OpenBLAS and oneDNN taking turns in one process, beside the peak of the processors measured in
 * between; prints a line of JSON each.
 *
 *   make tests/bench/matmul_vs_peers && HAL_PLUGIN_PATH=$PWD/plugins tests/bench/matmul_vs_peers
 *
 * Peers are opened at run time (libopenblas.so.0, libdnnl.so.2 or .3: cblas_sgemm and dnnl_sgemm) and skipped with a word
 * where they are not installed. A rate is the median of ROUNDS samples, each the median call of SAMPLE seconds; a pause before each
 * lets the threads of the last one fall asleep. hal goes through hal_run on device buffers. Exit status 1: below a goal.
 */
#include <dlfcn.h>
#include <hal/plan.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OpenBLAS and OpenMP threads keep looking for work for tens of milliseconds. */
enum { PAUSE = 150000, ROUNDS = 9, CALLS = 512, PEAK_STEPS = 4000000, PEAK_THREADS = 64 };
static const double SAMPLE = 0.1;
static const double GOAL_PEER = 0.85, GOAL_PEAK = 0.7;

typedef struct product {
    int64_t m, k, n;
    hal_dtype dtype;
    hal_device *device;
    hal_buffer *buffer[3];
    hal_tensor tensor[3];
    float *host[3];
} product;

typedef struct contender {
    const char *name;
    void (*run)(const product *);
} contender;

static double now(void)
{
    return (double)hal_time_now() * 1e-9;
}

static void must(hal_status status)
{
    if (status == HAL_OK)
        return;
    fprintf(stderr, "matmul_vs_peers: %s\n", hal_status_last()->text);
    exit(1);
}

/* ------------------------------------------------------------------------------------------- the peak -- */

#define PEAK(name, features, vector, zero, step) \
    __attribute__((target(features), noinline)) static void name(void) \
    { \
        vector sum[16]; \
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) sum[i] = zero; \
        for (int s = 0; s < PEAK_STEPS; s++) { \
            _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) \
            { \
                sum[i] = step; \
                __asm__ volatile("" : "+v"(sum[i])); \
            } \
        } \
    }

PEAK(fma_avx2, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_fmadd_ps(sum[i], sum[i], sum[i]))
PEAK(fma_avx512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_fmadd_ps(sum[i], sum[i], sum[i]))
PEAK(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
     _mm512_dpbf16_ps(sum[i], (__m512bh)_mm512_setzero_ps(), (__m512bh)_mm512_setzero_ps()))

typedef struct peak_run {
    void (*function)(void);
    size_t processor;
} peak_run;

/* Bound, since a new thread starts beside its parent and is moved only after milliseconds. */
static void *peak_thread(void *argument)
{
    const peak_run *run = argument;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(run->processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    run->function();
    return NULL;
}

/* Operations a second of all processors of the affinity mask; `width`: multiplications of one instruction. */
static double peak_of(void (*function)(void), double width)
{
    pthread_t threads[PEAK_THREADS];
    peak_run runs[PEAK_THREADS];
    cpu_set_t mask;
    int n = 0;
    sched_getaffinity(0, sizeof mask, &mask);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && n < PEAK_THREADS; cpu++)
        if (CPU_ISSET(cpu, &mask))
            runs[n++] = (peak_run){function, cpu};
    double begin = now();
    for (int t = 0; t < n; t++)
        pthread_create(&threads[t], NULL, peak_thread, &runs[t]);
    for (int t = 0; t < n; t++)
        pthread_join(threads[t], NULL);
    return 2 * width * 16 * PEAK_STEPS * n / (now() - begin);
}

/* 0 where the processor has no such instruction. */
static double peak(hal_dtype dtype)
{
    __builtin_cpu_init();
    if (dtype == HAL_BF16)
        return __builtin_cpu_supports("avx512bf16") ? peak_of(dot_bf16, 32) : 0;
    if (__builtin_cpu_supports("avx512f"))
        return peak_of(fma_avx512, 16);
    return __builtin_cpu_supports("fma") ? peak_of(fma_avx2, 8) : 0;
}

/* -------------------------------------------------------------------------------------- the contenders -- */

static void run_hal(const product *p)
{
    must(hal_run(p->device, "matmul", NULL, 0, p->tensor, 2, &p->tensor[2], 1, hal_deadline_ms(60000)));
}

static void (*cblas_sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static int (*dnnl_sgemm)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float,
                         float *, int64_t);

static void run_openblas(const product *p)
{
    const int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    cblas_sgemm(101, 111, 111, m, n, k, 1, p->host[0], k, p->host[1], n, 0, p->host[2], n);
}

static void run_onednn(const product *p)
{
    dnnl_sgemm('N', 'N', p->m, p->n, p->k, 1, p->host[0], p->k, p->host[1], p->n, 0, p->host[2], p->n);
}

static void find(const char *const *libraries, const char *symbol, void *function)
{
    void *found = NULL;
    for (; *libraries && !found; libraries++) {
        void *library = dlopen(*libraries, RTLD_NOW | RTLD_LOCAL);
        found = library ? dlsym(library, symbol) : NULL;
    }
    if (!found)
        fprintf(stderr, "SKIP: no library with %s is installed\n", symbol);
    memcpy(function, &found, sizeof found);
}

/* -------------------------------------------------------------------------------------------- measuring -- */

static int ascending(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(double *value, size_t n)
{
    qsort(value, n, sizeof *value, ascending);
    return value[n / 2];
}

/* Operations a second by the median call of one sample. */
static double sample_of(const contender *c, const product *p)
{
    double seconds[CALLS], last = now(), begin;
    size_t n = 0;
    usleep(PAUSE);
    c->run(p);
    for (begin = last = now(); n < CALLS && last - begin < SAMPLE; n++) {
        c->run(p);
        double after = now();
        seconds[n] = after - last;
        last = after;
    }
    return 2.0 * (double)p->m * (double)p->n * (double)p->k / median(seconds, n);
}

static void operand(product *p, int i, int64_t rows, int64_t columns)
{
    const int64_t size[] = {rows, columns};
    uint64_t bytes;
    must(hal_tensor_bytes(p->dtype, 2, size, &bytes));
    must(hal_buffer_create(p->device, bytes, &p->buffer[i]));
    p->tensor[i] = hal_tensor_buffer(p->buffer[i], 0, p->dtype, 2, size);
    p->host[i] = malloc((size_t)(rows * columns) * sizeof(float));
    void *stored = malloc(bytes);
    if (!p->host[i] || !stored)
        exit(1);
    for (int64_t e = 0; e < rows * columns; e++) {
        p->host[i][e] = (float)((e * 7919) % 1024) / 512 - 1;
        hal_element_store(p->dtype, stored, e, (double)p->host[i][e]);
    }
    must(hal_buffer_write(p->buffer[i], 0, stored, bytes));
    free(stored);
}

/* "name": value, or null for what was not measured. */
static void print_figure(const char *name, double value)
{
    if (value > 0)
        printf(", \"%s\": %.4g", name, value);
    else
        printf(", \"%s\": null", name);
}

static void print(const product *p, const double *rate, double best, double top)
{
    printf("{\"m\": %lld, \"k\": %lld, \"n\": %lld, \"dtype\": \"%s\"", (long long)p->m, (long long)p->k, (long long)p->n,
           hal_dtype_describe(p->dtype)->name);
    print_figure("hal_gflops", rate[0] * 1e-9);
    print_figure("openblas_gflops", rate[1] * 1e-9);
    print_figure("onednn_gflops", rate[2] * 1e-9);
    print_figure("peak_gflops", top * 1e-9);
    print_figure("of_better_peer", best > 0 ? rate[0] / best : 0);
    print_figure("of_peak", top > 0 ? rate[0] / top : 0);
    printf("}\n");
    fflush(stdout);
}

/* Measures one product; true when it meets the goals that could be measured. */
static bool compare(product *p)
{
    const contender all[] = {{"hal", run_hal}, {"OpenBLAS", cblas_sgemm ? run_openblas : NULL},
                             {"oneDNN", dnnl_sgemm ? run_onednn : NULL}};
    double samples[3][ROUNDS] = {{0}}, tops[ROUNDS], rate[3];
    operand(p, 0, p->m, p->k), operand(p, 1, p->k, p->n), operand(p, 2, p->m, p->n);
    for (int r = 0; r < ROUNDS; r++) {
        usleep(PAUSE);
        tops[r] = peak(p->dtype);
        for (int c = 0; c < (p->dtype == HAL_F32 ? 3 : 1); c++)
            samples[c][r] = all[c].run ? sample_of(&all[c], p) : 0;
    }
    for (int c = 0; c < 3; c++)
        rate[c] = median(samples[c], ROUNDS);
    double best = rate[1] > rate[2] ? rate[1] : rate[2], top = median(tops, ROUNDS);
    print(p, rate, best, top);
    for (int i = 0; i < 3; i++)
        hal_buffer_release(p->buffer[i]), free(p->host[i]);
    return rate[0] >= GOAL_PEER * best && rate[0] >= GOAL_PEAK * top;
}

int main(void)
{
    static const char *const openblas[] = {"libopenblas.so.0", NULL}, *const onednn[] = {"libdnnl.so.3", "libdnnl.so.2", NULL};
    static const int64_t sizes[][3] = {{512, 768, 768}, {1024, 4096, 4096}};
    hal_instance *hal;
    hal_device *device;
    bool met = true;
    must(hal_instance_create(NULL, &hal));
    must(hal_device_find(hal, "cpu0", &device));
    find(openblas, "cblas_sgemm", &cblas_sgemm);
    find(onednn, "dnnl_sgemm", &dnnl_sgemm);
    for (int i = 0; i < 4; i++) {
        product p = {.m = sizes[i % 2][0], .k = sizes[i % 2][1], .n = sizes[i % 2][2], .dtype = i < 2 ? HAL_F32 : HAL_BF16,
                     .device = device};
        met &= compare(&p);
    }
    hal_device_release(device);
    hal_instance_release(hal);
    return met ? 0 : 1;
}

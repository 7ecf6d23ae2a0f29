/* SPDX-License-Identifier: Apache-2.0 */
/* Conversion of runs of elements between number formats, and rows of strided views. */
#include "rows.h"

static void read_dense(uint32_t dtype, const char *p, int64_t n, float *restrict to) {
    if (dtype == HAL_F32) {
        memcpy(to, p, (size_t)n * 4);
    } else if (dtype == HAL_BF16) {
        const uint16_t *h = (const uint16_t *)(const void *)p;
        for (int64_t i = 0; i < n; i++) to[i] = hal_bf16_load(h[i]);
    } else if (dtype == HAL_F16) {
        const uint16_t *h = (const uint16_t *)(const void *)p;
        for (int64_t i = 0; i < n; i++) to[i] = hal_f16_load(h[i]);
    } else {
        uint32_t width = hal_element_width(dtype);
        for (int64_t i = 0; i < n; i++) to[i] = (float)hal_load_double(dtype, p + i * width);
    }
}

void hal_run_read(uint32_t dtype, const char *p, int64_t stride, int64_t n, float *to) {
    if (stride == hal_element_width(dtype)) {
        read_dense(dtype, p, n, to);
    } else if (stride == 0) {
        float value = (float)hal_load_double(dtype, p);
        for (int64_t i = 0; i < n; i++) to[i] = value;
    } else if (dtype == HAL_F32) {
        for (int64_t i = 0; i < n; i++) to[i] = *(const float *)(const void *)(p + i * stride);
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = (float)hal_load_double(dtype, p + i * stride);
    }
}

static void write_dense(uint32_t dtype, char *p, int64_t n, const float *restrict from) {
    if (dtype == HAL_F32) {
        memcpy(p, from, (size_t)n * 4);
    } else if (dtype == HAL_BF16) {
        uint16_t *h = (uint16_t *)(void *)p;
        for (int64_t i = 0; i < n; i++) h[i] = hal_bf16_round(from[i]);
    } else if (dtype == HAL_F16) {
        uint16_t *h = (uint16_t *)(void *)p;
        for (int64_t i = 0; i < n; i++) h[i] = hal_f16_round(from[i]);
    } else {
        uint32_t width = hal_element_width(dtype);
        for (int64_t i = 0; i < n; i++) hal_store_double(dtype, p + i * width, (double)from[i]);
    }
}

void hal_run_write(uint32_t dtype, char *p, int64_t stride, int64_t n, const float *from) {
    if (stride == hal_element_width(dtype)) {
        write_dense(dtype, p, n, from);
    } else {
        for (int64_t i = 0; i < n; i++) hal_store_double(dtype, p + i * stride, (double)from[i]);
    }
}

void hal_rows_read(const hal_strided *v, const char *data, int64_t start, int64_t n, float *to) {
    hal_walk w;
    char *run;
    hal_walk_start(&w, v, (char *)(uintptr_t)data, start);
    for (int64_t done = 0; done < n;) {
        int64_t m = hal_walk_next(&w, n - done, &run);
        hal_run_read(v->dtype, run, v->stride[v->rank - 1], m, to + done);
        done += m;
    }
}

void hal_rows_write(const hal_strided *v, char *data, int64_t start, int64_t n, const float *from) {
    hal_walk w;
    char *run;
    hal_walk_start(&w, v, data, start);
    for (int64_t done = 0; done < n;) {
        int64_t m = hal_walk_next(&w, n - done, &run);
        hal_run_write(v->dtype, run, v->stride[v->rank - 1], m, from + done);
        done += m;
    }
}

void hal_rows_read_double(const hal_strided *v, const char *data, int64_t start, int64_t n, double *to) {
    hal_walk w;
    char *run;
    int64_t stride = v->stride[v->rank - 1];
    hal_walk_start(&w, v, (char *)(uintptr_t)data, start);
    for (int64_t done = 0; done < n;) {
        int64_t m = hal_walk_next(&w, n - done, &run);
        for (int64_t i = 0; i < m; i++) to[done + i] = hal_load_double(v->dtype, run + i * stride);
        done += m;
    }
}

void hal_rows_write_double(const hal_strided *v, char *data, int64_t start, int64_t n, const double *from) {
    hal_walk w;
    char *run;
    int64_t stride = v->stride[v->rank - 1];
    hal_walk_start(&w, v, data, start);
    for (int64_t done = 0; done < n;) {
        int64_t m = hal_walk_next(&w, n - done, &run);
        for (int64_t i = 0; i < m; i++) hal_store_double(v->dtype, run + i * stride, from[done + i]);
        done += m;
    }
}

#define COPY_LOOP(type) \
    for (int64_t i = 0; i < n; i++) \
        *(type *)(void *)(to + i * ts) = *(const type *)(const void *)(from + i * fs)

static void copy_run(uint32_t width, char *to, int64_t ts, const char *from, int64_t fs, int64_t n) {
    if (ts == width && fs == width) {
        memmove(to, from, (size_t)n * width);
    } else if (width == 4) {
        COPY_LOOP(uint32_t);
    } else if (width == 2) {
        COPY_LOOP(uint16_t);
    } else if (width == 8) {
        COPY_LOOP(uint64_t);
    } else {
        COPY_LOOP(uint8_t);
    }
}

void hal_rows_copy(const hal_strided *to, char *to_data, int64_t to_start, const hal_strided *from,
    const char *from_data,
                   int64_t from_start, int64_t n) {
    hal_walk tw, fw;
    char *t = NULL, *f = NULL;
    int64_t ts = to->stride[to->rank - 1], fs = from->stride[from->rank - 1], have_t = 0, have_f = 0;
    hal_walk_start(&tw, to, to_data, to_start);
    hal_walk_start(&fw, from, (char *)(uintptr_t)from_data, from_start);
    for (int64_t done = 0; done < n;) {
        if (have_t == 0) have_t = hal_walk_next(&tw, n - done, &t);
        if (have_f == 0) have_f = hal_walk_next(&fw, n - done, &f);
        int64_t m = hal_cpu_min(have_t, have_f);
        copy_run(to->width, t, ts, f, fs, m);
        t += m * ts;
        f += m * fs;
        have_t -= m;
        have_f -= m;
        done += m;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* plot.c and progress.c. */
#include "tests/unit/tool_test.h"

#include <math.h>

#include "tools/common/file.h"
#include "tools/common/plot.h"
#include "tools/common/progress.h"

static const double steps[] = {0, 500, 1000, 1500, 2000};
static const double losses[] = {4.2, 2.5, 2.0, 1.8, 1.7};

static plot sample(const double *y)
{
    return (plot){
        "Loss <char>", "step", "loss & more", 2, {{"train", steps, y, 5}, {"validation", steps, y, 5}}};
}

static char *formatted(const plot *chart)
{
    tool_error err = {0};
    char *text;
    size_t bytes;
    assert_worked(plot_format_svg(chart, &text, &bytes, &err), &err);
    assert_int_equal(strlen(text), bytes);
    return text;
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void draws_both_lines(void **state)
{
    (void)state;
    plot chart = sample(losses);
    char *text = formatted(&chart);
    assert_non_null(strstr(text, "<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert_non_null(strstr(text, "Loss &lt;char&gt;"));
    assert_non_null(strstr(text, "loss &amp; more"));
    assert_non_null(strstr(text, ">train</text>"));
    assert_non_null(strstr(text, ">validation</text>"));
    assert_non_null(strstr(text, ">2000</text>"));
    assert_int_equal(occurrences(text, "stroke-linejoin"), 2);
    assert_int_equal(occurrences(text, "<circle"), 10);
    assert_null(strstr(text, "nan"));
    free(text);
}

static void leaves_out_what_is_not_finite(void **state)
{
    (void)state;
    const double y[] = {4, NAN, 3, INFINITY, 2};
    plot chart = sample(y);
    char *text = formatted(&chart);
    assert_int_equal(occurrences(text, "<circle"), 6);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

static void copes_with_flat_and_extreme_values(void **state)
{
    (void)state;
    const double values[][5] = {{1, 1, 1, 1, 1},          {0, 0, 0, 0, 0},
                                {-1e99, 1e99, 0, 1, 2},   {1e-90, 2e-90, 0, 0, 0},
                                {1e300, 3, 3, 3, -1e300}, {1e15, 1e15 + 1, 1e15, 1e15, 1e15}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        plot chart = sample(values[i]);
        char *text = formatted(&chart);
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        free(text);
    }
}

static void refuses_charts_without_points(void **state)
{
    (void)state;
    const double y[] = {NAN, NAN, NAN, NAN, NAN};
    tool_error err = {0};
    char *text;
    size_t bytes;
    plot chart = sample(y);
    assert_failed(plot_format_svg(&chart, &text, &bytes, &err), &err, TOOL_BAD_INPUT, "no point to draw");
    chart.series_count = PLOT_MAX_SERIES + 1;
    assert_failed(plot_format_svg(&chart, &text, &bytes, &err), &err, TOOL_INTERNAL, "at most 4");
}

static void replaces_the_file_as_a_whole(void **state)
{
    (void)state;
    tool_error err = {0};
    char *text;
    size_t bytes;
    plot chart = sample(losses);
    const char *path = scratch_file("loss.svg", "old", 3);
    assert_worked(plot_write_svg(path, &chart, &err), &err);
    assert_worked(file_read_whole(path, 1 << 20, &text, &bytes, &err), &err);
    assert_non_null(strstr(text, "</svg>"));
    free(text);
    assert_failed(plot_write_svg(scratch_path("absent/loss.svg"), &chart, &err), &err, TOOL_NOT_FOUND,
                  "absent");
}

/* --- progress --- */

/* What a run of three steps prints into a file. */
static char *printed(bool quiet, double *out_seconds, double *out_rate)
{
    tool_error err = {0};
    progress *object;
    char *text;
    size_t bytes;
    FILE *stream = fopen(scratch_path("progress.txt"), "wb");
    assert_non_null(stream);
    assert_worked(progress_begin(stream, 0, 3, quiet, &object, &err), &err);
    assert_true(progress_step_seconds(object) == 0);
    assert_worked(progress_step(object, 1, 4.25, 100, 0.5, &err), &err);
    assert_worked(progress_step(object, 2, 4.0, 100, 9.0, &err), &err);
    progress_note(object, "saved %s", "run");
    assert_worked(progress_step(object, 3, 3.5, 100, 0.25, &err), &err);
    *out_seconds = progress_step_seconds(object);
    *out_rate = progress_tokens_per_second(object);
    progress_end(object);
    fclose(stream);
    assert_worked(file_read_whole(scratch_path("progress.txt"), 1 << 20, &text, &bytes, &err), &err);
    return text;
}

static void progress_prints_plain_lines_to_files(void **state)
{
    (void)state;
    double seconds;
    double rate;
    char *text = printed(false, &seconds, &rate);
    assert_string_equal(text, "step 1/3  loss 4.2500  200 tokens/s  1 s left\nsaved run\n"
                              "step 3/3  loss 3.5000  200 tokens/s  0 s left\n");
    assert_true(seconds == 0.5);
    assert_true(rate == 200);
    free(text);
}

static void quiet_progress_only_measures(void **state)
{
    (void)state;
    double seconds;
    double rate;
    char *text = printed(true, &seconds, &rate);
    assert_string_equal(text, "");
    assert_true(seconds == 0.5);
    free(text);
}

static void progress_remembers_many_steps(void **state)
{
    (void)state;
    tool_error err = {0};
    progress *object;
    assert_worked(progress_begin(stderr, 0, 10000, true, &object, &err), &err);
    for (uint64_t i = 1; i <= 10000; i++) {
        assert_worked(progress_step(object, i, 1, 10, (double)i, &err), &err);
    }
    assert_true(progress_step_seconds(object) == 5000.5);
    progress_end(object);
    progress_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_both_lines),
        cmocka_unit_test(leaves_out_what_is_not_finite),
        cmocka_unit_test(copes_with_flat_and_extreme_values),
        cmocka_unit_test(refuses_charts_without_points),
        cmocka_unit_test(replaces_the_file_as_a_whole),
        cmocka_unit_test(progress_prints_plain_lines_to_files),
        cmocka_unit_test(quiet_progress_only_measures),
        cmocka_unit_test(progress_remembers_many_steps),
    };
    return cmocka_run_group_tests_name("plot", tests, scratch_setup, scratch_teardown);
}

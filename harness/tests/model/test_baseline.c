/* What two runs without faults have in common is expected of others, and nothing else. */
#include <criterion/criterion.h>
#include <string.h>

#include "model/baseline.h"

static void print(struct pf_trace *trace, const char *stream, char *text)
{
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_OUTPUT, .output = {stream, text, 0}});
}

static void end_stream(struct pf_trace *trace, uint64_t size, const char *digest, bool binary)
{
    struct pf_ev_stream stream = {"stdout", size, digest, binary, 0};
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_STREAM, .stream = stream});
}

static void write_file(struct pf_trace *trace, const char *path, const char *digest, bool temporary)
{
    struct pf_content *content = pf_arena_alloc(trace->arena, sizeof(*content));
    *content = (struct pf_content){.size = 1, .digest = digest, .text = "x"};
    struct pf_ev_file file = {path, "created", "file", temporary, 1, content};
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_FILE, .file = file});
}

Test(baseline, what_both_runs_did_is_expected, .timeout = 10)
{
    struct pf_trace *runs[2];
    for (size_t i = 0; i < 2; i++) {
        runs[i] = pf_trace_new();
        print(runs[i], "stdout", i ? "on" : "one ");
        print(runs[i], "stderr", "noise");
        print(runs[i], "stdout", i ? "e two" : "two");
        end_stream(runs[i], 7, "xxh3:1", false);
        write_file(runs[i], "/work/same", "xxh3:2", false);
        write_file(runs[i], "/work/time", i ? "xxh3:3" : "xxh3:4", false);
        write_file(runs[i], i ? "/tmp/a" : "/tmp/b", "xxh3:5", true);
    }
    write_file(runs[1], "/tmp/c", "xxh3:5", true);
    struct pf_arena *arena = pf_arena_new();
    struct pf_expect expect = {.exit = "any"};
    pf_baseline_expect(runs[0], runs[1], arena, &expect);
    pf_trace_free(runs[0]);
    pf_trace_free(runs[1]);
    cr_assert_not_null(expect.printed);
    cr_expect_str_eq(expect.printed->text, "one two");
    cr_expect_eq(expect.printed->held, 7);
    cr_assert_eq(expect.file_count, 1);
    cr_expect_str_eq(expect.files[0].path, "/work/same");
    cr_expect_str_eq(expect.files[0].content->text, "x");
    cr_expect(expect.baseline);
    cr_expect_eq(expect.leftovers, 2);
    cr_expect_str_eq(expect.exit, "any");
    pf_arena_free(arena);
}

Test(baseline, output_that_differs_is_not_expected, .timeout = 10)
{
    struct pf_trace *first = pf_trace_new(), *second = pf_trace_new();
    print(first, "stdout", "12:00");
    end_stream(first, 5, "xxh3:1", false);
    print(second, "stdout", "12:01");
    end_stream(second, 5, "xxh3:2", false);
    struct pf_expect expect = {0};
    pf_baseline_expect(first, second, first->arena, &expect);
    cr_expect_null(expect.printed);
    pf_trace_free(first);
    pf_trace_free(second);
}

Test(baseline, binary_output_is_known_by_its_digest, .timeout = 10)
{
    struct pf_trace *trace = pf_trace_new();
    print(trace, "stdout", "as shown");
    end_stream(trace, 8, "xxh3:1", true);
    struct pf_expect expect = {0};
    pf_baseline_expect(trace, trace, trace->arena, &expect);
    cr_assert_not_null(expect.printed);
    cr_expect_null(expect.printed->text);
    cr_expect_null(expect.printed->bytes);
    pf_trace_free(trace);
}

static void end_process(struct pf_trace *trace, const char *process, uint64_t code, uint64_t pipes,
                        const char *path)
{
    struct pf_descriptors *open = pf_arena_alloc(trace->arena, 2 * sizeof(*open));
    open[0] = (struct pf_descriptors){.kind = PF_OBJECT_PIPE, .count = pipes};
    open[1] = (struct pf_descriptors){.kind = PF_OBJECT_FILE, .path = path, .count = 2};
    struct pf_ev_descriptors event = {process, 0, open, 2};
    struct pf_ev_exit end = {.process = process, .code = code};
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_DESCRIPTORS, .descriptors = event});
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_EXIT, .exit = end});
}

Test(baseline, processes_that_end_the_same_are_expected_to, .timeout = 10)
{
    struct pf_trace *runs[2];
    for (size_t i = 0; i < 2; i++) {
        runs[i] = pf_trace_new();
        end_process(runs[i], "0.1", 3, 4, i ? "/tmp/a" : "/tmp/b");
        end_process(runs[i], "0.2", 3, 4 + i, "/a");
        end_process(runs[i], "0.3", i, 4, "/a");
    }
    end_process(runs[0], "0.4", 0, 4, "/a");
    struct pf_arena *arena = pf_arena_new();
    struct pf_expect expect = {0};
    pf_baseline_expect(runs[0], runs[1], arena, &expect);
    pf_trace_free(runs[0]);
    pf_trace_free(runs[1]);
    cr_assert_eq(expect.process_count, 1);
    const struct pf_expect_process *process = &expect.processes[0];
    cr_expect_str_eq(process->process, "0.1");
    cr_expect_eq(process->code, 3);
    cr_assert_eq(process->open_count, 2);
    cr_expect_eq(pf_descriptors_count(process->open, 2, PF_OBJECT_PIPE), 4);
    cr_expect_eq(pf_descriptors_count(process->open, 2, PF_OBJECT_FILE), 2);
    cr_expect_eq(pf_descriptors_count(process->open, 2, PF_OBJECT__COUNT), 6);
    cr_expect_str_eq(process->open[1].path, "/tmp/b");
    pf_arena_free(arena);
}

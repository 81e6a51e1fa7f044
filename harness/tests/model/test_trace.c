/* Traces: what is written can be read, and whatever else is given is refused with one clear message. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/trace.h"

#define BEGIN                                                                                                \
    "{\"seq\":1,\"t\":0,\"event\":\"begin\",\"schema\":\"pitfall-trace/1\",\"command\":[\"x\"],"             \
    "\"expect\":{},\"environment\":{}}\n"
#define END "{\"seq\":2,\"t\":5,\"event\":\"end\"}\n"

TestSuite(trace, .timeout = 20);

static int read_bytes(const char *text, size_t length, struct pf_trace **ret_trace, struct pf_error *error)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, length, "r");
    cr_assert_not_null(file);
    int r = pf_trace_read(file, "t.jsonl", ret_trace, error);
    fclose(file);
    return r;
}

Test(trace, the_shortest_whole_trace_is_read)
{
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    cr_assert_eq(read_bytes(BEGIN END, strlen(BEGIN END), &trace, &error), 0, "%s", error.message);
    cr_expect_eq(trace->count, 2);
    cr_expect_str_eq(pf_trace_begin(trace)->command[0], "x");
    cr_expect_eq(trace->events[1]->t_ns, 5);
    pf_trace_free(trace);
    pf_trace_free(NULL);
}

Test(trace, what_is_no_trace_is_refused_with_its_line)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"\n", "t.jsonl:1: column "},
        {"not json\n", "t.jsonl:1: column "},
        {"[1]\n", "t.jsonl:1: an event needs the keys"},
        {"{\"seq\":1,\"t\":0}\n", "t.jsonl:1: an event needs the keys"},
        {"{\"seq\":\"1\",\"t\":0,\"event\":\"end\"}\n", "t.jsonl:1: an event needs the keys"},
        {END, "t.jsonl:1: event 1 was expected here, found 2"},
        {"{\"seq\":1,\"t\":5,\"event\":\"end\"}\n", "t.jsonl:1: a trace starts with its one \"begin\" event"},
        {BEGIN "{\"seq\":2,\"t\":0,\"event\":\"begin\",\"schema\":\"pitfall-trace/1\",\"command\":[],"
               "\"expect\":{},\"environment\":{}}\n",
         "t.jsonl:2: a trace starts with its one \"begin\" event"},
        {BEGIN BEGIN, "t.jsonl:2: event 2 was expected here, found 1"},
        {BEGIN "{\"seq\":2,\"t\":5,\"event\":\"party\"}\n",
         "\"event\" is \"party\", which this version does not know"},
        {BEGIN "{\"seq\":2,\"t\":5,\"event\":\"fork\"}\n", "t.jsonl:2: \"process\" must be present"},
        {BEGIN "{\"seq\":2,\"t\":5,\"event\":\"fork\",\"process\":null}\n",
         "t.jsonl:2: \"process\" must be a string"},
        {BEGIN "{\"seq\":2,\"t\":5,\"event\":\"end\",\"event\":\"end\"}\n", "t.jsonl:2: column "},
        {BEGIN, "t.jsonl:1: the trace is cut off here: it has no \"end\" event"},
        {"{\"seq\":1,\"t\":0,\"event\":\"begin\",\"schema\":\"pitfall-trace/9\",\"command\":[],\"expect\":{},"
         "\"environment\":{}}\n" END,
         "t.jsonl:1: this is a trace of \"pitfall-trace/9\", this version reads \"pitfall-trace/1\""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pf_trace *trace = NULL;
        struct pf_error error = {""};
        cr_expect_eq(read_bytes(bad[i].text, strlen(bad[i].text), &trace, &error), -EBADMSG, "%s",
                     bad[i].text);
        cr_expect_null(trace, "the output is untouched on error");
        cr_expect(strstr(error.message, bad[i].message), "%s: %s", bad[i].text, error.message);
    }
}

Test(trace, an_empty_file_says_how_a_trace_is_made)
{
    FILE *file = fopen("/dev/null", "r");
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    cr_assert_eq(pf_trace_read(file, "t.jsonl", &trace, &error), -EBADMSG);
    cr_assert(strstr(error.message, "pitfall run --trace"), "%s", error.message);
    fclose(file);
}

Test(trace, a_file_that_cannot_be_read_is_no_bad_trace)
{
    FILE *file = fopen("/", "r");
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    cr_assert_not_null(file);
    cr_assert_eq(pf_trace_read(file, "t.jsonl", &trace, &error), -EIO);
    fclose(file);
}

/* Every kind of event with every field set, so that a field without a table row is seen. */
static struct pf_event full_event(enum pf_event_kind kind)
{
    static const char *words[] = {"a", "b"};
    static uint64_t numbers[] = {4, 5};
    static struct pf_limit limits[] = {{"nofile", 32}};
    static struct pf_frame frames[] = {{"python", "f", "m", 0x1234, "file.c", 7}};
    static struct pf_waypoint ways[] = {{.instruction = 3, .distance = -12, .occurrence = 2}};
    static struct pf_step_spot spots[] = {
        {3, 2, {NULL, "f", "m", 1, "file.c", 7}, 64, {NULL, "g", "m", 1, "file.c", 8}, "futex", true}};
    static struct pf_descriptors open[] = {{PF_OBJECT_PIPE, "/p", 3, 2}};
    static struct pf_holder holders[] = {{"0", 3, true, true, true}};
    static struct pf_file_lock locks[] = {{"flock", true, true, "0"}};
    static struct pf_futex futex = {.kind = PF_FUTEX_MUTEX,
                                    .address = 0x7f00,
                                    .word = 5,
                                    .shared = true,
                                    .process_only = true,
                                    .owner_tid = 6,
                                    .owner = "0",
                                    .dead_owner = "0.1",
                                    .owner_elsewhere = true,
                                    .readers = 3,
                                    .missing = 4,
                                    .place = "private memory",
                                    .processes = words,
                                    .process_count = 2};
    static struct pf_object objects[] = {{.id = "pipe:1",
                                          .kind = PF_OBJECT_PIPE,
                                          .path = "/p",
                                          .peer = "peer",
                                          .peer_outside = true,
                                          .external = true,
                                          .external_why = "why",
                                          .by_name = true,
                                          .named = true,
                                          .listening = true,
                                          .queued = 5,
                                          .capacity = 6,
                                          .holders = holders,
                                          .holder_count = 1,
                                          .locks = locks,
                                          .lock_count = 1,
                                          .members = words,
                                          .member_count = 2,
                                          .edges = words,
                                          .edge_count = 2,
                                          .disarmed = words,
                                          .disarmed_count = 1,
                                          .pid_of = "0.1",
                                          .armed = true,
                                          .signals = 3,
                                          .futex = &futex}};
    static struct pf_target targets[] = {{"pipe:1", "0.1", 3, true, true}};
    static struct pf_thread_state threads[] = {
        {"0/t1", "0", "comm", 9, "S", {PF_WAIT_POLL, "poll", true, 5, true, 3, 4, "detail", targets, 1}}};
    static struct pf_process_state processes[] = {
        {"0.1", "0", "comm", 9, true, true, true, true, true, true, true, true}};
    static const struct pf_content content = {"right.txt", 5, "xxh3:0", "alpha", NULL, 0};
    struct pf_event event = {.kind = kind, .t_ns = 42};
    switch (kind) {
    case PF_EVENT_BEGIN:
        event.begin = (struct pf_ev_begin){
            .schema = PF_TRACE_SCHEMA,
            .scenario = "s",
            .variant = "v",
            .command = words,
            .command_count = 2,
            .faults = words,
            .fault_count = 2,
            .seed = 3,
            .limits = limits,
            .limit_count = 1,
            .deadline_ns = 1,
            .grace_ns = 2,
            .attached = true,
            .captured = true,
            .no_execs = true,
            .replay = "pitfall run",
            .expect = {"deadlock", "hung-thread", "out", "any", &content},
            .environment = {"0.1.0", "6.18", "x86_64", "namespaces", "note", true, "note"}};
        break;
    case PF_EVENT_USAGE:
        event.usage = (struct pf_ev_usage){"0", "worker", 9, 1, 2, 3, 4, 5, 6};
        break;
    case PF_EVENT_PACE:
        event.pace = (struct pf_ev_pace){"0", 9, 1, 2, 3, 4, true, 5, 6};
        break;
    case PF_EVENT_LEFT:
        event.left = (struct pf_ev_left){"shm", "/jobs", "0.1", 5};
        break;
    case PF_EVENT_FILE:
        event.file = (struct pf_ev_file){"/f", "created", "file", true, 5, &content};
        break;
    case PF_EVENT_STREAM:
        event.stream = (struct pf_ev_stream){"stdout", 5, "xxh3:0", true, 4};
        break;
    case PF_EVENT_FORK:
        event.fork = (struct pf_ev_fork){"0.1", "0", 12, "fork"};
        break;
    case PF_EVENT_THREAD:
        event.thread = (struct pf_ev_thread){"0/t1", "0", 13};
        break;
    case PF_EVENT_EXEC:
        event.exec = (struct pf_ev_exec){"0", "/bin/x", words, 2};
        break;
    case PF_EVENT_SIGNAL:
        event.signal =
            (struct pf_ev_signal){.thread = "0", .number = 15, .name = "SIGTERM", .sender = "kernel"};
        break;
    case PF_EVENT_KILL:
        event.kill = (struct pf_ev_kill){"0", -1, "0.1"};
        break;
    case PF_EVENT_TIMER:
        event.timer = (struct pf_ev_timer){"0", true};
        break;
    case PF_EVENT_BOND:
        event.bond = (struct pf_ev_bond){"0", 9};
        break;
    case PF_EVENT_POINT:
        event.point = (struct pf_ev_point){"0", "p", 2};
        break;
    case PF_EVENT_LEDGER:
        event.ledger = (struct pf_ev_ledger){"0", "sent", 3};
        break;
    case PF_EVENT_LIMIT:
        event.limit = (struct pf_ev_limit){"0", "pipe2", "EMFILE", "nofile", 32, 64};
        break;
    case PF_EVENT_DESCRIPTORS:
        event.descriptors = (struct pf_ev_descriptors){"0", 7, open, 1};
        break;
    case PF_EVENT_HANDLER:
        event.handler = (struct pf_ev_handler){"0", 15, "SIGTERM", "function", frames[0], 7};
        break;
    case PF_EVENT_NAME:
        event.name = (struct pf_ev_name){"0", "/dev/shm/sem.jobs", true};
        break;
    case PF_EVENT_OPEN:
        event.open = (struct pf_ev_open){"0.1/t2", true, open, 1};
        break;
    case PF_EVENT_ZOMBIE:
        event.zombie = (struct pf_ev_zombie){"0.1", 7};
        break;
    case PF_EVENT_CALL:
        event.call = (struct pf_ev_call){"0/t1", "write", 2, "pipe", true, -32, true, 1, frames, 1};
        break;
    case PF_EVENT_INJECT:
        event.inject = (struct pf_ev_inject){1, "0", "write", 2, "kill", "0.1"};
        break;
    case PF_EVENT_RELEASE:
        event.release = (struct pf_ev_release){1, "0", "trigger", true};
        break;
    case PF_EVENT_OUTPUT:
        event.output = (struct pf_ev_output){"stdout", "text\n", 3};
        break;
    case PF_EVENT_THREAD_EXIT:
        event.thread_exit = (struct pf_ev_thread_exit){"0/t1"};
        break;
    case PF_EVENT_EXIT:
        event.exit = (struct pf_ev_exit){"0", true, 11, "SIGSEGV", true, "n"};
        break;
    case PF_EVENT_SNAPSHOT:
        event.snapshot = (struct pf_snapshot){
            PF_SNAPSHOT_PARTIAL, 5, processes, 1, threads, 1, objects, 1, words, 2, words, 1};
        break;
    case PF_EVENT_STACK:
        event.stack = (struct pf_ev_stack){"0", 7, frames, 1};
        break;
    case PF_EVENT_STEPS:
        event.steps = (struct pf_ev_steps){"0", "put", 1, 9, "returned", spots, 1, ways, 1};
        break;
    case PF_EVENT_NOTE:
        event.note = (struct pf_ev_note){"note"};
        break;
    case PF_EVENT_VERDICT:
        event.verdict = (struct pf_ev_verdict){PF_VERDICT_ABANDONED, 7, words, 2};
        break;
    default:
        event.end = (struct pf_ev_end){"error", true, numbers, 2};
        break;
    }
    return event;
}

static char *line_of(const struct pf_event *event)
{
    json_t *json = pf_event_to_json(event);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* A field that is zero is left out; with every field set, every field's name must be there. */
Test(trace, every_field_of_every_event_is_written)
{
    static const size_t keys[PF_EVENT__COUNT] = {
        [PF_EVENT_LEFT] = 4,    [PF_EVENT_FILE] = 6,        [PF_EVENT_STREAM] = 5, [PF_EVENT_BEGIN] = 15,
        [PF_EVENT_FORK] = 4,    [PF_EVENT_THREAD] = 3,      [PF_EVENT_EXEC] = 3,   [PF_EVENT_SIGNAL] = 4,
        [PF_EVENT_KILL] = 3,    [PF_EVENT_TIMER] = 2,       [PF_EVENT_BOND] = 2,   [PF_EVENT_POINT] = 3,
        [PF_EVENT_LEDGER] = 3,  [PF_EVENT_LIMIT] = 6,       [PF_EVENT_INJECT] = 6, [PF_EVENT_RELEASE] = 4,
        [PF_EVENT_OUTPUT] = 3,  [PF_EVENT_THREAD_EXIT] = 1, [PF_EVENT_EXIT] = 6,   [PF_EVENT_SNAPSHOT] = 7,
        [PF_EVENT_STACK] = 3,   [PF_EVENT_STEPS] = 7,       [PF_EVENT_NOTE] = 1,   [PF_EVENT_CALL] = 9,
        [PF_EVENT_VERDICT] = 3, [PF_EVENT_PACE] = 9,        [PF_EVENT_END] = 3,    [PF_EVENT_DESCRIPTORS] = 3,
        [PF_EVENT_ZOMBIE] = 2,  [PF_EVENT_HANDLER] = 6,     [PF_EVENT_NAME] = 3,   [PF_EVENT_USAGE] = 9,
        [PF_EVENT_OPEN] = 3,
    };
    for (int kind = 0; kind < PF_EVENT__COUNT; kind++) {
        struct pf_event event = full_event((enum pf_event_kind)kind);
        json_t *json = pf_event_to_json(&event);
        cr_expect_eq(json_object_size(json), keys[kind] + 3, "%s has %zu keys",
                     pf_names_get(&pf_event_kind_names, kind), json_object_size(json));
        json_decref(json);
    }
}

Test(trace, every_event_comes_back_as_it_was_written)
{
    char *text = NULL;
    size_t size = 0;
    struct pf_trace *written = pf_trace_new(), *read = NULL;
    written->sink = open_memstream(&text, &size);
    for (int kind = 0; kind < PF_EVENT__COUNT; kind++) {
        struct pf_event event = full_event((enum pf_event_kind)kind);
        cr_assert_eq(pf_trace_append(written, &event)->seq, (uint64_t)kind + 1);
    }
    fclose(written->sink);
    struct pf_error error = {""};
    cr_assert_eq(read_bytes(text, size, &read, &error), 0, "%s", error.message);
    cr_assert_eq(read->count, written->count);
    for (size_t i = 0; i < read->count; i++) {
        char *before = line_of(written->events[i]), *after = line_of(read->events[i]);
        cr_expect_str_eq(before, after);
        free(before);
        free(after);
    }
    const struct pf_snapshot *snapshot = &read->events[PF_EVENT_SNAPSHOT]->snapshot;
    cr_expect_eq(snapshot->objects[0].futex->kind, PF_FUTEX_MUTEX);
    cr_expect_str_eq(pf_snapshot_object(snapshot, "pipe:1")->external_why, "why");
    cr_expect_str_eq(pf_snapshot_thread(snapshot, "0/t1")->wait.detail, "detail");
    cr_expect(pf_snapshot_process(snapshot, "0.1")->zombie);
    cr_expect_null(pf_snapshot_process(snapshot, "0.9"));
    cr_expect_null(pf_snapshot_object(snapshot, NULL));
    pf_trace_free(written);
    pf_trace_free(read);
    free(text);
}

Test(trace, a_sink_that_is_full_is_remembered)
{
    struct pf_trace *trace = pf_trace_new();
    trace->sink = fopen("/dev/full", "w");
    cr_assert_not_null(trace->sink);
    struct pf_event event = full_event(PF_EVENT_BEGIN);
    pf_trace_append(trace, &event);
    cr_expect_eq(trace->sink_error, -ENOSPC);
    fclose(trace->sink);
    pf_trace_free(trace);
}

/* Cut after every single byte: always one message, never a crash, and only the whole file is a trace. */
Test(trace, a_trace_cut_at_any_byte_is_refused)
{
    static const char text[] =
        BEGIN "{\"seq\":2,\"t\":1,\"event\":\"fork\",\"process\":\"0\",\"pid\":2,\"how\":\"launch\"}\n"
              "{\"seq\":3,\"t\":5,\"event\":\"end\"}\n";
    for (size_t length = 1; length + 2 < sizeof(text); length++) {
        struct pf_trace *trace = NULL;
        struct pf_error error = {""};
        cr_expect_eq(read_bytes(text, length, &trace, &error), -EBADMSG, "cut after %zu bytes", length);
        cr_expect(strncmp(error.message, "t.jsonl", 7) == 0 && !strchr(error.message, '\n'), "%s",
                  error.message);
    }
}

/* Single bytes replaced by others: refused or read, but never a crash (this is where sanitizers look). */
Test(trace, a_trace_with_any_byte_changed_is_no_crash)
{
    static const char original[] = BEGIN END;
    static const char bytes[] = {'\0', '"', '}', ']', '9', '-', '\xff', '\n', '\\'};
    for (size_t i = 0; i < sizeof(original) - 1; i++)
        for (size_t k = 0; k < sizeof(bytes); k++) {
            char text[sizeof(original)];
            memcpy(text, original, sizeof(text));
            text[i] = bytes[k];
            struct pf_trace *trace = NULL;
            struct pf_error error = {""};
            int r = read_bytes(text, sizeof(text) - 1, &trace, &error);
            cr_expect(r == 0 || r == -EBADMSG, "byte %zu", i);
            pf_trace_free(r == 0 ? trace : NULL);
        }
}

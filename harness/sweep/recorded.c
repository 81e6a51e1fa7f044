#include "sweep/recorded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/part.h"
#include "plan/plan.h"

/* A planned fault in the file: the point is a number, from 0. */
struct fault {
    uint64_t point;
    struct pf_strike strike;
};

struct document {
    const char *schema;
    const char *pitfall; /* version that has made it */
    const char *fingerprint;
    const char **command;
    size_t command_count;
    double run_ms;
    uint64_t seen, startup, repetitions;
    struct pf_expect expect;
    struct pf_point *points; /* those that are struck */
    size_t point_count;
    struct fault *faults;
    size_t fault_count;
};

static const struct pf_field point_fields[] = {
    PF_VALUE(struct pf_point, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_point, STRING, call),
    PF_VALUE(struct pf_point, STRING, name),
    PF_VALUE(struct pf_point, UINT, occurrence, PF_ALWAYS),
    PF_VALUE(struct pf_point, UINT, occurrences),
    PF_ARRAY(struct pf_point, STRINGS, stack, stack_count),
    PF_VALUE(struct pf_point, STRING, step),
    PF_VALUE(struct pf_point, UINT, instruction),
    PF_VALUE(struct pf_point, UINT, instructions),
    PF_VALUE(struct pf_point, BOOL, chance),
    PF_VALUE(struct pf_point, BOOL, cut),
    PF_NAMED(struct pf_point, UINT, "waypoint", waypoint.instruction),
    PF_NAMED(struct pf_point, INT, "waypoint_distance", waypoint.distance),
    PF_NAMED(struct pf_point, UINT, "waypoint_occurrence", waypoint.occurrence),
};
static const struct pf_record point_record = PF_RECORD(struct pf_point, point_fields);

static const struct pf_field fault_fields[] = {
    PF_VALUE(struct fault, UINT, point, PF_ALWAYS),
    PF_NAMED(struct fault, STRING, "at", strike.at, PF_NEEDED),
    PF_NAMED(struct fault, STRING, "action", strike.action, PF_NEEDED),
    PF_NAMED(struct fault, UINT, "first", strike.first, PF_ALWAYS),
    PF_NAMED(struct fault, UINT, "last", strike.last),
    PF_NAMED(struct fault, STRING, "proc", strike.proc),
};
static const struct pf_record fault_record = PF_RECORD(struct fault, fault_fields);

static const struct pf_field document_fields[] = {
    PF_VALUE(struct document, STRING, schema, PF_NEEDED),
    PF_VALUE(struct document, STRING, pitfall, PF_NEEDED),
    PF_VALUE(struct document, STRING, fingerprint, PF_NEEDED),
    PF_ARRAY(struct document, STRINGS, command, command_count, PF_ALWAYS),
    PF_VALUE(struct document, REAL, run_ms, PF_ALWAYS),
    PF_VALUE(struct document, UINT, seen, PF_ALWAYS),
    PF_VALUE(struct document, UINT, startup),
    PF_VALUE(struct document, UINT, repetitions),
    PF_VALUE(struct document, INLINE, expect, .record = &pf_expect_record),
    PF_ARRAY(struct document, RECORDS, points, point_count, .record = &point_record, PF_ALWAYS),
    PF_ARRAY(struct document, RECORDS, faults, fault_count, .record = &fault_record, PF_ALWAYS),
};
static const struct pf_record document_record = PF_RECORD(struct document, document_fields);

void pf_recorded_free(struct pf_recorded *recorded)
{
    if (!recorded)
        return;
    pf_sweep_plan_free(recorded->plan);
    pf_points_free(recorded->points);
    free(recorded);
}

/* Numbers the points that are struck, in the order of all points. */
static void add_points(const struct pf_recorded *recorded, struct pf_arena *arena, struct document *document)
{
    const struct pf_points *points = recorded->points;
    const struct pf_sweep_plan *plan = recorded->plan;
    uint64_t *numbers = pf_arena_alloc(arena, (points->count + 1) * sizeof(*numbers));
    for (size_t i = 0; i < plan->count; i++)
        numbers[plan->planned[i].point - points->points] = 1;
    for (size_t i = 0; i < points->count; i++) {
        if (!numbers[i])
            continue;
        numbers[i] = document->point_count;
        *(struct pf_point *)pf_arena_grow(arena, &document->points, &document->point_count,
                                          sizeof(*document->points)) = points->points[i];
    }
    document->faults = pf_arena_alloc(arena, (plan->count + 1) * sizeof(*document->faults));
    document->fault_count = plan->count;
    for (size_t i = 0; i < plan->count; i++)
        document->faults[i] = (struct fault){.point = numbers[plan->planned[i].point - points->points],
                                             .strike = plan->planned[i].strike};
}

int pf_recorded_write(const struct pf_recorded *recorded, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    struct document document = {
        .schema = PF_RECORDED_SCHEMA,
        .pitfall = PITFALL_VERSION,
        .fingerprint = recorded->plan->fingerprint,
        .command = recorded->command,
        .command_count = recorded->command_count,
        .run_ms = recorded->run_ms,
        .seen = recorded->plan->points,
        .startup = recorded->plan->startup,
        .repetitions = recorded->plan->repetitions,
        .expect = recorded->expect,
    };
    add_points(recorded, arena, &document);
    json_t *json = pf_record_to_json(&document_record, &document);
    errno = 0;
    bool written = json_dumpf(json, file, JSON_INDENT(1)) == 0 && putc('\n', file) != EOF;
    int r = written ? 0 : -(errno ? errno : EIO);
    json_decref(json);
    pf_arena_free(arena);
    return r;
}

/* A file that somebody has edited may say anything. */
static int check_faults(const struct document *document, struct pf_arena *arena, struct pf_error *error)
{
    if (document->fault_count > PF_PLANNED_MOST)
        return pf_error_set(error, -EBADMSG, "faults: %d at most were expected, not %zu", PF_PLANNED_MOST,
                            document->fault_count);
    for (size_t i = 0; i < document->fault_count; i++) {
        const struct fault *fault = &document->faults[i];
        struct pf_fault parsed;
        if (fault->point >= document->point_count)
            return pf_error_set(error, -EBADMSG, "faults[%zu].point: there is no point %" PRIu64 ", but %zu",
                                i, fault->point, document->point_count);
        const char *text = pf_strike_text(&fault->strike, arena);
        if (pf_fault_parse(text, arena, &parsed, NULL) < 0)
            return pf_error_set(error, -EBADMSG, "faults[%zu]: \"%s\" is no fault", i, text);
    }
    return 0;
}

/* What was printed is compared as it comes, where it is at hand. */
static void hold_bytes(struct pf_expect *expect, struct pf_arena *arena)
{
    if (!expect->printed || !expect->printed->text)
        return;
    struct pf_content *printed = pf_arena_alloc(arena, sizeof(*printed));
    *printed = *expect->printed;
    printed->bytes = printed->text;
    printed->held = printed->size;
    expect->printed = printed;
}

static struct pf_recorded *recorded_of(const struct document *document, struct pf_arena *arena)
{
    struct pf_recorded *recorded = calloc(1, sizeof(*recorded));
    if (!recorded)
        abort();
    recorded->command = document->command;
    recorded->command_count = document->command_count;
    recorded->run_ms = document->run_ms;
    recorded->expect = document->expect;
    hold_bytes(&recorded->expect, arena);
    recorded->points = pf_arena_alloc(arena, sizeof(*recorded->points));
    *recorded->points =
        (struct pf_points){.arena = arena, .points = document->points, .count = document->point_count};
    struct pf_arena *own = pf_arena_new();
    struct pf_sweep_plan *plan = recorded->plan = pf_arena_alloc(own, sizeof(*plan));
    *plan = (struct pf_sweep_plan){.arena = own,
                                   .points = document->seen,
                                   .startup = document->startup,
                                   .repetitions = document->repetitions,
                                   .fingerprint = document->fingerprint};
    plan->planned = pf_arena_alloc(own, (document->fault_count + 1) * sizeof(*plan->planned));
    plan->count = document->fault_count;
    for (size_t i = 0; i < plan->count; i++)
        plan->planned[i] = (struct pf_planned){.point = &document->points[document->faults[i].point],
                                               .strike = document->faults[i].strike};
    return recorded;
}

static int read_document(FILE *file, struct pf_arena *arena, struct document *ret_document,
                         struct pf_error *error)
{
    json_error_t where;
    json_t *json = json_loadf(file, JSON_REJECT_DUPLICATES, &where);
    if (!json && ferror(file))
        return pf_error_set(error, -EIO, "cannot be read");
    if (!json)
        return pf_error_set(error, -EBADMSG, "line %d: %s", where.line, where.text);
    const char *schema = json_string_value(json_object_get(json, "schema"));
    int r = 0;
    if (!schema || strcmp(schema, PF_RECORDED_SCHEMA) != 0)
        r = pf_error_set(
            error, -EBADMSG, "is no plan of a sweep: its \"schema\" should be \"%s\", not %s%s%s",
            PF_RECORDED_SCHEMA, schema ? "\"" : "", schema ? schema : "missing", schema ? "\"" : "");
    else if (pf_record_read(&document_record, json, arena, ret_document, error) < 0)
        r = -EBADMSG;
    else
        r = check_faults(ret_document, arena, error);
    json_decref(json);
    return r;
}

int pf_recorded_read(FILE *file, const char *name, struct pf_recorded **ret_recorded, struct pf_error *error)
{
    struct pf_arena *arena = pf_arena_new();
    struct document document;
    struct pf_error inner = {""};
    int r = read_document(file, arena, &document, &inner);
    if (r < 0) {
        pf_arena_free(arena);
        return pf_error_set(error, r, "%s: %s; a plan is made by pitfall sweep --record FILE", name,
                            inner.message);
    }
    *ret_recorded = recorded_of(&document, arena);
    return 0;
}

static const char *words(const char *const *command, size_t count, struct pf_arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = pf_arena_printf(arena, "%s%s%s", text, i ? " " : "", command[i]);
    return text;
}

int pf_recorded_check(const struct pf_recorded *recorded, const struct pf_trial *base, const char *name,
                      struct pf_error *error)
{
    struct pf_arena *arena = pf_arena_new();
    const char *own = words((const char *const *)base->command, base->command_count, arena);
    const char *theirs = words((const char *const *)recorded->command, recorded->command_count, arena);
    int r = 0;
    if (strcmp(own, theirs) != 0)
        r = pf_error_set(error, -EINVAL, "%s is a plan for \"%s\", and not for \"%s\"", name, theirs, own);
    else if (strcmp(recorded->plan->fingerprint, pf_sweep_plan_fingerprint(recorded->plan, base, arena)) != 0)
        r = pf_error_set(error, -EINVAL,
                         "%s was recorded with other options, or by another version of pitfall: give it the "
                         "same --inject, --limit, --deadline, --grace, --share and --expect-…, or record it "
                         "anew",
                         name);
    pf_arena_free(arena);
    return r;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

#include "error_internal.h"
#include "pool_internal.h"

static const char no_memory[] = "no memory for it";

static size_t record_size(size_t len)
{
    return (sizeof(struct pool_record) + len + 7) & ~(size_t)7;
}

/* Always leaves room for bare records of what is to come. */
static bool make_room(struct pool_job *job, size_t more)
{
    size_t need = job->results_len + more + (job->items - job->resolved) * record_size(0);

    if (need <= job->results_room)
        return true;
    size_t room = job->results_room + need;
    unsigned char *results = realloc(job->results, room);
    if (!results)
        return false;
    job->results = results;
    job->results_room = room;
    return true;
}

int mproc_job_reserve(struct pool_job *job)
{
    return make_room(job, 0) ? 0 : mproc_fail(-ENOMEM, "no memory for the results of %u tasks", job->items);
}

void mproc_job_record(struct mproc_pool *pool, struct pool_job *job, const struct pool_record *record,
                      const void *bytes)
{
    struct pool_record kept = *record;

    if (!make_room(job, record_size(kept.len))) {
        /* A result that is lost in its owner; there is room for this much. */
        kept.len = 0;
        if (kept.outcome == MPROC_OUTCOME_DONE) {
            kept.outcome = MPROC_OUTCOME_FAILED;
            kept.error = -ENOMEM;
            kept.is_lost = true;
        }
    }
    memcpy(job->results + job->results_len, &kept, sizeof(kept));
    if (kept.len > 0)
        memcpy(job->results + job->results_len + sizeof(kept), bytes, kept.len);
    job->results_len += record_size(kept.len);
    job->resolved++;
    pool->stat.finished[kept.outcome]++;
    pool->unfinished--;
    pool->finished++;
}

void mproc_view_clean(struct pool_view *view)
{
    mproc_args_free(view->parcel);
    view->parcel = NULL;
}

static void read_values(struct pool_job *job, const struct pool_record *record, const unsigned char *bytes,
                        struct pool_view *view, struct mproc_result *result)
{
    int r = 0;

    if (record->in_parcel && job->parcels) {
        struct pool_parcel *parcel = job->parcels;
        job->parcels = parcel->next;
        view->parcel = parcel->values;
        free(parcel);
        result->values = view->parcel;
        return;
    }
    if (!view->values)
        r = mproc_args_new(&view->values);
    if (r == 0)
        r = mproc_args_refer(view->values, bytes, record->len);
    if (r == 0) {
        result->values = view->values;
        return;
    }
    result->outcome = MPROC_OUTCOME_FAILED;
    result->error = r;
    snprintf(view->detail, sizeof(view->detail), "%s", mproc_error_detail());
}

static void describe(const struct pool_job *job, const struct pool_death *death, struct pool_view *view,
                     const struct mproc_result *result)
{
    const char *entry = job->pool->context->entries[job->entry].name;
    char end[96];

    if (death)
        mproc_status_describe(&death->status, end, sizeof(end));
    switch (result->outcome) {
    case MPROC_OUTCOME_DIED:
        snprintf(view->detail, sizeof(view->detail),
                 "worker '%s/%d' (%d) died while it ran '%s', attempt %u: %s%s%s", job->pool->name,
                 result->worker, death ? (int)death->pid : 0, entry, result->attempts,
                 death ? end : "unknown", death && death->status.detail[0] ? ": " : "",
                 death ? death->status.detail : "");
        return;
    case MPROC_OUTCOME_TIMED_OUT:
        snprintf(view->detail, sizeof(view->detail), "'%s' ran longer than %llu ms; worker '%s/%d' (%d): %s",
                 entry, (unsigned long long)(job->timeout_ns / 1000000), job->pool->name, result->worker,
                 death ? (int)death->pid : 0, death ? end : "unknown");
        return;
    case MPROC_OUTCOME_CANCELLED:
        snprintf(view->detail, sizeof(view->detail), "'%s' was cancelled %s", entry,
                 death ? "while it ran" : "before it began");
        return;
    default:
        snprintf(view->detail, sizeof(view->detail), "'%s' was not run: %s", entry, job->pool->broken_detail);
    }
}

void mproc_job_read(struct pool_job *job, uint32_t item, size_t *offset, struct pool_view *view,
                    struct mproc_result *ret_result)
{
    const unsigned char *bytes = job->results + *offset + sizeof(struct pool_record);
    struct pool_record record;
    struct pool_death death;

    memcpy(&record, job->results + *offset, sizeof(record));
    *offset += record_size(record.len);
    mproc_view_clean(view);
    view->detail[0] = '\0';
    struct mproc_result result = {.index = job->first + item,
                                  .outcome = (enum mproc_outcome)record.outcome,
                                  .error = record.error,
                                  .attempts = record.attempts,
                                  .worker = record.worker,
                                  .detail = view->detail};
    if (record.outcome == MPROC_OUTCOME_DONE) {
        read_values(job, &record, bytes, view, &result);
    } else if (record.outcome == MPROC_OUTCOME_NOT_RUN && record.len > 0) {
        snprintf(view->detail, sizeof(view->detail), "'%s' was not run: %.*s",
                 job->pool->context->entries[job->entry].name, (int)record.len, (const char *)bytes);
    } else if (record.is_lost) {
        snprintf(view->detail, sizeof(view->detail), "'%s' ran, but its result is lost in the owner: %.*s",
                 job->pool->context->entries[job->entry].name,
                 record.len > 0 ? (int)record.len : (int)strlen(no_memory),
                 record.len > 0 ? (const char *)bytes : no_memory);
    } else if (record.outcome == MPROC_OUTCOME_FAILED) {
        snprintf(view->detail, sizeof(view->detail), "%.*s", (int)record.len, (const char *)bytes);
        if (record.len == 0)
            snprintf(view->detail, sizeof(view->detail), "'%s' returned %d",
                     job->pool->context->entries[job->entry].name, record.error);
    } else {
        bool has_died = record.len == sizeof(death);
        if (has_died) {
            memcpy(&death, bytes, sizeof(death));
            result.status = death.status;
        }
        describe(job, has_died ? &death : NULL, view, &result);
    }
    *ret_result = result;
}

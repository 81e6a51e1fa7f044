/* System V semaphores and message queues: what is wanted of them, and what is there. */
#include <inttypes.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "probe/calls.h"
#include "probe/ipc.h"
#include "probe/objects.h"
#include "probe/reach.h"

/* Whoever has the number, which is one of the harness's namespace: a process that lives, or one that has
 * ended. */
static const char *address_of(struct pf_survey *survey, pid_t pid)
{
    const struct pf_site *site = pf_survey_site(survey, pid);
    if (site)
        return site->process->address;
    for (size_t i = survey->request->dead_count; i-- > 0 && pid;)
        if (survey->request->dead[i].tid == pid)
            return survey->request->dead[i].address;
    return NULL;
}

/* " (it is 0; 0.1 was the last to change it)"; "" where that cannot be read. */
static const char *state_of(struct pf_blocked *blocked, unsigned number)
{
    struct pf_survey *survey = blocked->survey;
    struct pf_ipc_semaphore semaphore;
    if (pf_ipc_read_semaphore(blocked->site->reader, (int)blocked->call->args[0], number, &semaphore))
        return "";
    const char *last = address_of(survey, semaphore.last_pid);
    return last ? pf_arena_printf(survey->arena, " (it is %d; %s was the last to change it)", semaphore.value,
                                  last)
                : pf_arena_printf(survey->arena, " (it is %d)", semaphore.value);
}

/* "semaphore 1 to be at least 1 (it is 0), in the System V set 3": all that the call asks for at once. NULL:
 * it cannot be read. */
static const char *wanted_of_set(struct pf_blocked *blocked)
{
    enum { OPERATIONS_TOLD = 4 };
    struct sembuf operations[OPERATIONS_TOLD];
    struct pf_arena *arena = blocked->survey->arena;
    const uint64_t *args = blocked->call->args;
    size_t count = args[2] < OPERATIONS_TOLD ? (size_t)args[2] : OPERATIONS_TOLD;
    const char *text = NULL;
    if (pf_proc_memory(blocked->thread->tid, args[1], operations, count * sizeof(*operations)))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct sembuf *one = &operations[i];
        if (one->sem_op > 0)
            continue; /* waits for nobody */
        text = pf_arena_printf(arena, "%s%ssemaphore %d to %s%s%s", text ? text : "", text ? " and " : "",
                               one->sem_num, one->sem_op ? "be at least " : "be 0",
                               one->sem_op ? pf_arena_printf(arena, "%d", -one->sem_op) : "",
                               state_of(blocked, one->sem_num));
    }
    return text ? pf_arena_printf(arena, "%s%s, in the System V set %d", text,
                                  args[2] > OPERATIONS_TOLD ? " and more" : "", (int)args[0])
                : NULL;
}

/* ", which has 16384 of 16384 bytes in 4 messages"; "" where that cannot be read. */
static const char *fill_of(struct pf_blocked *blocked, int queue)
{
    struct pf_ipc_queue fill;
    if (pf_ipc_read_queue(blocked->site->reader, queue, &fill))
        return "";
    return pf_arena_printf(blocked->survey->arena,
                           ", which has %" PRIu64 " of %" PRIu64 " bytes in %" PRIu64 " message%s",
                           fill.bytes, fill.most_bytes, fill.messages, fill.messages == 1 ? "" : "s");
}

/* "a message of type 7 in the System V queue 0, which has …". */
static const char *wanted_of_queue(struct pf_blocked *blocked)
{
    struct pf_arena *arena = blocked->survey->arena;
    const uint64_t *args = blocked->call->args;
    int queue = (int)args[0];
    long type = (long)args[3];
    if (blocked->row->kind == PF_WAIT_WRITE)
        return pf_arena_printf(arena, "room for %" PRIu64 " bytes in the System V queue %d%s", args[2], queue,
                               fill_of(blocked, queue));
    const char *kind = type == 0  ? "a message"
                       : type > 0 ? pf_arena_printf(arena, "a message of %s %ld",
                                                    args[4] & MSG_EXCEPT ? "another type than" : "type", type)
                                  : pf_arena_printf(arena, "a message of a type up to %ld", -type);
    return pf_arena_printf(arena, "%s in the System V queue %d%s", kind, queue, fill_of(blocked, queue));
}

void pf_decode_sysv(struct pf_blocked *blocked)
{
    struct pf_survey *survey = blocked->survey;
    const char *id =
        pf_arena_printf(survey->arena, "%s:[%d]", blocked->row->detail, (int)blocked->call->args[0]);
    struct pf_object *object = pf_survey_object(survey, id);
    if (!object) {
        object = pf_survey_add(survey, PF_OBJECT_SYSV, id);
        pf_object_set_named(object, pf_reach_own_ipc(survey), "any process may use it by its key");
    }
    struct pf_target *target = pf_wait_add_target(blocked, id, -1);
    target->writable = blocked->row->kind == PF_WAIT_WRITE;
    target->readable = !target->writable;
    blocked->wait->detail =
        blocked->row->kind == PF_WAIT_SEMAPHORE ? wanted_of_set(blocked) : wanted_of_queue(blocked);
}

/*
 * Writers of a log, and its listener, which is killed now and then: another one goes on where it was. What
 * was accepted is in the files once, whole, and in its writer's order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/log.h>
#include <mproc/process.h>

#include "soak.h"

enum { LIVES = 4096, PER_LIFE = 1 << 14, KEEP = 2000, FILE_BYTES = 400000, PATH_ROOM = 64 };

struct ledger {
    uint32_t begun[LIVES];
    uint8_t is_accepted[LIVES][PER_LIFE];
    uint8_t written[LIVES][PER_LIFE];
};

struct work {
    struct mproc_context *context;
    struct mproc_log *log;
    struct mproc_log_listener *listener;
    struct mproc_log_handler handler;
    struct ledger *ledger;
    char folder[PATH_ROOM];
    char path[PATH_ROOM + 8];
};

enum { WRITE_FAILS = 10 };

static const char *words(int code)
{
    return code == WRITE_FAILS ? "a record was refused" : "?";
}

static void run(void *user, unsigned role, uint32_t life)
{
    struct work *work = user;
    struct ledger *ledger = work->ledger;

    (void)role;
    for (uint32_t number = 0; !soak_is_over();) {
        if (number == PER_LIFE) {
            usleep(1000);
            continue;
        }
        ledger->begun[life] = number + 1;
        int r = mproc_log_info(work->log, "life %u number %u %.*s.", life, number, (int)(number % 60),
                               "------------------------------------------------------------");
        soak_must(r == 0 || soak_is_limit(r), WRITE_FAILS);
        ledger->is_accepted[life][number] = r == 0;
        number++;
    }
}

/* A context runs something; here the listener alone does. */
static int run_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static bool listen(struct soak_round *round, struct work *work, struct soak_victim *ret_server)
{
    struct mproc_process *process;

    if (mproc_log_listen(work->log, &work->handler, 1, work->context, &work->listener))
        return soak_fail(round, "no listener: %s", mproc_error_detail());
    if (mproc_process_active(work->context, &process, 1) != 1)
        return soak_fail(round, "the listener has ended");
    bool opened = soak_victim_open(mproc_process_pid(process), ret_server);
    mproc_process_free(process);
    return opened;
}

static bool renew_listener(struct soak_round *round, void *user, struct soak_victim *server)
{
    struct work *work = user;
    struct mproc_process *process;

    if (mproc_process_active(work->context, &process, 1) == 1) {
        mproc_process_kill(process);
        mproc_process_free(process);
    }
    int r = mproc_log_listener_join(work->listener, mproc_deadline_ms(SOAK_HANG_MS));
    mproc_log_listener_free(work->listener);
    work->listener = NULL;
    soak_victim_close(server);
    if (r != -ECHILD)
        return soak_fail(round, "a killed listener ended with: %s", mproc_strerror(r));
    return listen(round, work, server);
}

static bool read_line(struct soak_round *round, struct work *work, const char *line, uint32_t *next)
{
    const char *found = strstr(line, "life ");
    unsigned life, number;

    if (!found || sscanf(found, "life %u number %u", &life, &number) != 2 || life >= LIVES ||
        number >= PER_LIFE || line[strlen(line) - 1] != '.')
        return soak_fail(round, "a torn record: %.150s", line);
    if (number < next[life])
        return soak_fail(round, "record %u of life %u comes late or again", number, life);
    next[life] = number + 1;
    work->ledger->written[life][number]++;
    return true;
}

/* All files, the oldest first. */
static bool read_files(struct soak_round *round, struct work *work)
{
    uint32_t *next = soak_share(LIVES * sizeof(*next));
    char name[PATH_ROOM + 24];
    char *line = NULL;
    size_t room = 0;
    bool holds = true;

    for (int number = KEEP; number >= 0 && holds; number--) {
        snprintf(name, sizeof(name), number ? "%s.%d" : "%s", work->path, number);
        FILE *file = fopen(name, "re");
        ssize_t len;
        while (file && holds && (len = getline(&line, &room, file)) > 0) {
            line[len - 1] = '\0';
            holds = read_line(round, work, line, next);
        }
        if (file)
            fclose(file);
        unlink(name);
    }
    free(line);
    munmap(next, LIVES * sizeof(*next));
    return holds;
}

static bool settle(struct soak_round *round, struct work *work, uint32_t lives)
{
    const struct ledger *ledger = work->ledger;

    if (!read_files(round, work))
        return false;
    for (uint32_t life = 0; life < lives; life++) {
        for (uint32_t number = 0; number < ledger->begun[life]; number++) {
            round->records += ledger->is_accepted[life][number];
            if (ledger->is_accepted[life][number] && ledger->written[life][number] != 1)
                return soak_fail(round, "record %u of life %u was accepted, and is there %u times", number,
                                 life, ledger->written[life][number]);
        }
    }
    return true;
}

static bool open_work(struct soak_round *round, struct work *work, struct soak_victim *ret_server)
{
    static const struct mproc_entry entries[] = {{"nothing", run_nothing}, {NULL, NULL}};
    const struct mproc_log_options options = {.queue_bytes = 16384u << soak_random(round, 4),
                                              .wait_ms = SOAK_HANG_MS};

    work->ledger = soak_share(sizeof(*work->ledger));
    strcpy(work->folder, "/tmp/mproc-soak-XXXXXX");
    if (!mkdtemp(work->folder))
        return soak_fail(round, "no folder: %s", strerrordesc_np(errno));
    snprintf(work->path, sizeof(work->path), "%s/log", work->folder);
    work->handler = (struct mproc_log_handler){
        .target = MPROC_LOG_TO_FILE, .path = work->path, .max_bytes = FILE_BYTES, .keep = KEEP};
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &work->context) ||
        mproc_log_create(&options, &work->log))
        return soak_fail(round, "no log: %s", mproc_error_detail());
    return listen(round, work, ret_server);
}

static bool finish(struct soak_round *round, struct work *work)
{
    mproc_log_unref(work->log);
    work->log = NULL;
    if (mproc_log_listener_join(work->listener, mproc_deadline_ms(SOAK_HANG_MS)))
        return soak_fail(round, "the listener does not end: %s", mproc_error_detail());
    return true;
}

static void close_work(struct soak_round *round, struct work *work)
{
    mproc_log_unref(work->log);
    mproc_log_listener_free(work->listener);
    mproc_context_close(work->context, MPROC_NOW);
    if (round->failure[0])
        read_files(round, work);
    rmdir(work->folder);
    munmap(work->ledger, sizeof(*work->ledger));
}

bool soak_log(struct soak_round *round)
{
    struct work work = {0};
    struct soak_victim server;
    struct soak_crew crew = {.count = 1 + soak_random(round, SOAK_CREW_MAX - 1),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .server = &server,
                             .renew_server = renew_listener,
                             .lives_max = LIVES - SOAK_CREW_MAX};

    if (open_work(round, &work, &server)) {
        if (soak_crew_rage(round, &crew) && soak_crew_join(round, &crew) && finish(round, &work))
            settle(round, &work, crew.lives);
        soak_victim_close(&server);
    }
    soak_crew_kill(&crew);
    close_work(round, &work);
    return !round->failure[0];
}

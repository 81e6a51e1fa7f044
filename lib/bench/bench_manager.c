/*
 * A manager against CPython's: calls a second on a dictionary, a counter under a lock, and a queue, by one
 * process and by four, each with a proxy of the same object.
 *
 * Figures are medians of rounds in which everybody takes its turn. Without python3 the peer is skipped,
 * visibly.
 */
#include <stdio.h>
#include <unistd.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/manager.h>
#include <mproc/process.h>

#include "measure/measure.h"

enum { ROUNDS = FIGURE_ROUNDS, CLIENTS = 4, CALLS = 20000, WAIT_MS = 60000 };

static const char peers[] = "import time, multiprocessing as m\n"
                            "N = 4000\n"
                            "def get(d, l, q):\n"
                            "    for i in range(N): d['key']\n"
                            "def put(d, l, q):\n"
                            "    for i in range(N): d['key'] = i\n"
                            "def lock(d, l, q):\n"
                            "    for i in range(N // 2):\n"
                            "        l.acquire(); l.release()\n"
                            "def pass_on(d, l, q):\n"
                            "    for i in range(N // 2):\n"
                            "        q.put(i); q.get()\n"
                            "def run(f, n, a):\n"
                            "    ps = [m.Process(target=f, args=a) for _ in range(n)]\n"
                            "    t = time.perf_counter()\n"
                            "    [p.start() for p in ps]; [p.join() for p in ps]\n"
                            "    return n * N / (time.perf_counter() - t)\n"
                            "if __name__ == '__main__':\n"
                            "    with m.Manager() as g:\n"
                            "        a = (g.dict({'key': 1}), g.Lock(), g.Queue())\n"
                            "        for f in (get, put, lock, pass_on):\n"
                            "            for n in (1, 4): print(f.__name__ + str(n), run(f, n, a))\n";

static uint64_t soon(void)
{
    return mproc_deadline_ms(WAIT_MS);
}

/* The objects, as arguments and at work. */
enum { DICT, LOCK, QUEUE, OBJECTS };

static void open_objects(const struct mproc_args *args, struct mproc_shared **ret_objects)
{
    for (size_t i = 0; i < OBJECTS; i++)
        require(mproc_args_get_shared(args, i, &ret_objects[i]) == 0, "proxy");
}

static int get(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    for (int i = 0; i < CALLS; i++) {
        require(mproc_shared_dict_get(objects[DICT], "key", soon(), &values) == 0, "get");
        mproc_args_free(values);
    }
    return 0;
}

static int put(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    require(mproc_args_new(&values) == 0, "values");
    for (int i = 0; i < CALLS; i++) {
        mproc_args_clear(values);
        mproc_args_add_int(values, i);
        require(mproc_shared_dict_set(objects[DICT], "key", values, soon()) == 0, "set");
    }
    return 0;
}

static int lock(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];

    open_objects(args, objects);
    for (int i = 0; i < CALLS / 2; i++) {
        require(mproc_shared_lock_acquire(objects[LOCK], soon()) == 0, "acquire");
        require(mproc_shared_lock_release(objects[LOCK], soon()) == 0, "release");
    }
    return 0;
}

static int pass_on(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    for (int i = 0; i < CALLS / 2; i++) {
        require(mproc_args_new(&values) == 0, "values");
        mproc_args_add_int(values, i);
        require(mproc_shared_queue_put(objects[QUEUE], values, soon()) == 0, "put");
        mproc_args_free(values);
        require(mproc_shared_queue_get(objects[QUEUE], soon(), &values) == 0, "get");
        mproc_args_free(values);
    }
    return 0;
}

static const struct mproc_entry entries[] = {
    {"get", get}, {"put", put}, {"lock", lock}, {"pass_on", pass_on}, {NULL, NULL}};

static const char *const words[] = {"get of a dictionary", "set of a dictionary", "acquire and release",
                                    "put and get of a queue"};

enum { KINDS = sizeof(words) / sizeof(words[0]), FIGURES = 2 * KINDS };

static double seconds(void)
{
    return (double)mproc_clock_ns() / 1e9;
}

/* Calls a second. */
static double run(struct mproc_context *context, const char *entry, int clients,
                  const struct mproc_args *args)
{
    struct mproc_process *processes[CLIENTS];
    struct mproc_status status;
    double begun = seconds();

    for (int i = 0; i < clients; i++)
        require(mproc_process_start(context, entry, args, NULL, &processes[i]) == 0, "start");
    for (int i = 0; i < clients; i++) {
        require(mproc_process_join(processes[i], soon(), &status) == 0, "join");
        require(status.code == 0, "client");
        mproc_process_free(processes[i]);
    }
    return clients * (double)CALLS / (seconds() - begun);
}

static void print(const char *what, int clients, double ours, double theirs)
{
    printf("%-26s%8d%14.0f/s", what, clients, ours);
    if (theirs > 0)
        printf("%14.0f/s%8.1f\n", theirs, ours / theirs);
    else
        printf("       skipped: no python3\n");
}

static struct mproc_args *open_all(struct mproc_manager *manager)
{
    static const enum mproc_shared_kind kinds[] = {MPROC_SHARED_DICT, MPROC_SHARED_LOCK, MPROC_SHARED_QUEUE};
    struct mproc_shared *shared;
    struct mproc_args *args;

    require(mproc_args_new(&args) == 0, "args");
    for (size_t i = 0; i < OBJECTS; i++) {
        require(mproc_shared_open(manager, &(struct mproc_shared_options){.kind = kinds[i]}, soon(),
                                  &shared) == 0,
                "open");
        if (i == DICT)
            require(mproc_shared_dict_add(shared, "key", 1, soon(), NULL) == 0, "add");
        require(mproc_args_add_shared(args, shared) == 0, "args");
        mproc_shared_unref(shared);
    }
    return args;
}

int main(void)
{
    static char names[FIGURES][32];
    static struct figure theirs[FIGURES];
    double ours[FIGURES][ROUNDS];
    struct mproc_context *context;
    struct mproc_manager *manager;

    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0,
            "context");
    require(mproc_manager_start(context, NULL, &manager) == 0, "manager");
    struct mproc_args *args = open_all(manager);
    for (int i = 0; i < FIGURES; i++) {
        snprintf(names[i], sizeof(names[i]), "%s%d", entries[i / 2].name, i % 2 ? CLIENTS : 1);
        theirs[i].name = names[i];
    }
    for (int round = 0; round < ROUNDS; round++) {
        python_figures(peers, round, theirs, FIGURES);
        for (int i = 0; i < FIGURES; i++)
            ours[i][round] = run(context, entries[i / 2].name, i % 2 ? CLIENTS : 1, args);
    }
    printf("%-26s%8s%16s%16s%8s\n", "calls a second", "clients", "mproc", "Manager", "ratio");
    for (int i = 0; i < FIGURES; i++)
        print(words[i / 2], i % 2 ? CLIENTS : 1, median(ours[i], ROUNDS), median(theirs[i].rounds, ROUNDS));
    mproc_args_free(args);
    mproc_manager_unref(manager);
    require(mproc_context_close(context, mproc_deadline_ms(1000)) == 0, "close");
    return 0;
}

/*
 * A manager against CPython's: calls a second on a dictionary, a counter under a lock, and a queue, by one
 * process and by four, each with a proxy of the same object.
 *
 * Figures are medians of rounds in which everybody takes its turn. Without python3 the peer is skipped,
 * visibly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/manager.h>
#include <mproc/process.h>

enum { ROUNDS = 5, CLIENTS = 4, CALLS = 20000, WAIT_MS = 60000 };

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

static void require(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, mproc_error_detail());
    exit(1);
}

static uint64_t soon(void)
{
    return mproc_deadline_ms(WAIT_MS);
}

/* The objects, as arguments and at work. */
enum { DICT, LOCK, QUEUE, OBJECTS };

static void open_objects(const struct mproc_args *args, struct mproc_shared **ret_objects)
{
    for (size_t i = 0; i < OBJECTS; i++)
        require(mproc_args_get_shared(args, i, &ret_objects[i]), "proxy");
}

static int get(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    for (int i = 0; i < CALLS; i++) {
        require(mproc_shared_dict_get(objects[DICT], "key", soon(), &values), "get");
        mproc_args_free(values);
    }
    return 0;
}

static int put(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    require(mproc_args_new(&values), "values");
    for (int i = 0; i < CALLS; i++) {
        mproc_args_clear(values);
        mproc_args_add_int(values, i);
        require(mproc_shared_dict_set(objects[DICT], "key", values, soon()), "set");
    }
    return 0;
}

static int lock(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];

    open_objects(args, objects);
    for (int i = 0; i < CALLS / 2; i++) {
        require(mproc_shared_lock_acquire(objects[LOCK], soon()), "acquire");
        require(mproc_shared_lock_release(objects[LOCK], soon()), "release");
    }
    return 0;
}

static int pass_on(struct mproc_args *args)
{
    struct mproc_shared *objects[OBJECTS];
    struct mproc_args *values;

    open_objects(args, objects);
    for (int i = 0; i < CALLS / 2; i++) {
        require(mproc_args_new(&values), "values");
        mproc_args_add_int(values, i);
        require(mproc_shared_queue_put(objects[QUEUE], values, soon()), "put");
        mproc_args_free(values);
        require(mproc_shared_queue_get(objects[QUEUE], soon(), &values), "get");
        mproc_args_free(values);
    }
    return 0;
}

static const struct mproc_entry entries[] = {
    {"get", get}, {"put", put}, {"lock", lock}, {"pass_on", pass_on}, {NULL, NULL}};

static const char *const words[] = {"get of a dictionary", "set of a dictionary", "acquire and release",
                                    "put and get of a queue"};

enum { KINDS = sizeof(words) / sizeof(words[0]), FIGURES = 2 * KINDS };

struct figure {
    char name[32];
    double ours[ROUNDS], theirs[ROUNDS];
};

static double seconds(void)
{
    return (double)mproc_clock_ns() / 1e9;
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return difference < 0 ? -1 : difference > 0;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

/* Calls a second. */
static double run(struct mproc_context *context, const char *entry, int clients,
                  const struct mproc_args *args)
{
    struct mproc_process *processes[CLIENTS];
    struct mproc_status status;
    double begun = seconds();

    for (int i = 0; i < clients; i++)
        require(mproc_process_start(context, entry, args, NULL, &processes[i]), "start");
    for (int i = 0; i < clients; i++) {
        require(mproc_process_join(processes[i], soon(), &status), "join");
        require(status.code, "client");
        mproc_process_free(processes[i]);
    }
    return clients * (double)CALLS / (seconds() - begun);
}

static void run_peers(struct figure *figures, int round)
{
    char command[sizeof(peers) + 64], name[32];
    double rate;

    snprintf(command, sizeof(command), "python3 -c \"$(cat <<'PYTHON'\n%sPYTHON\n)\" 2>/dev/null", peers);
    FILE *file = popen(command, "re");
    while (file && fscanf(file, "%31s %lf", name, &rate) == 2) {
        for (int i = 0; i < FIGURES; i++) {
            if (strcmp(figures[i].name, name) == 0)
                figures[i].theirs[round] = rate;
        }
    }
    if (file)
        pclose(file);
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

    require(mproc_args_new(&args), "args");
    for (size_t i = 0; i < OBJECTS; i++) {
        require(mproc_shared_open(manager, &(struct mproc_shared_options){.kind = kinds[i]}, soon(), &shared),
                "open");
        if (i == DICT)
            require(mproc_shared_dict_add(shared, "key", 1, soon(), NULL), "add");
        require(mproc_args_add_shared(args, shared), "args");
        mproc_shared_unref(shared);
    }
    return args;
}

int main(void)
{
    static struct figure figures[FIGURES];
    struct mproc_context *context;
    struct mproc_manager *manager;

    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context), "context");
    require(mproc_manager_start(context, NULL, &manager), "manager");
    struct mproc_args *args = open_all(manager);
    for (int i = 0; i < FIGURES; i++)
        snprintf(figures[i].name, sizeof(figures[i].name), "%s%d", entries[i / 2].name, i % 2 ? CLIENTS : 1);
    for (int round = 0; round < ROUNDS; round++) {
        run_peers(figures, round);
        for (int i = 0; i < FIGURES; i++)
            figures[i].ours[round] = run(context, entries[i / 2].name, i % 2 ? CLIENTS : 1, args);
    }
    printf("%-26s%8s%16s%16s%8s\n", "calls a second", "clients", "mproc", "Manager", "ratio");
    for (int i = 0; i < FIGURES; i++)
        print(words[i / 2], i % 2 ? CLIENTS : 1, median(figures[i].ours), median(figures[i].theirs));
    mproc_args_free(args);
    mproc_manager_unref(manager);
    require(mproc_context_close(context, mproc_deadline_ms(1000)), "close");
    return 0;
}

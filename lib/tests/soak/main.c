#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <mproc/deadline.h>

#include "soak.h"

enum { ROUND_MS = 1000 };

static const struct {
    const char *name;
    bool (*run)(struct soak_round *round);
} kinds[] = {{"queue", soak_queue},     {"sync", soak_sync},   {"pool", soak_pool},
             {"manager", soak_manager}, {"event", soak_event}, {"barrier", soak_barrier},
             {"shm", soak_shm},         {"pipe", soak_pipe},   {"log", soak_log}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* splitmix64 */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t soak_random(struct soak_round *round, uint32_t bound)
{
    return (uint32_t)(mix(&round->random) >> 32) % bound;
}

bool soak_fail(struct soak_round *round, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    if (!round->failure[0])
        vsnprintf(round->failure, sizeof(round->failure), format, list);
    va_end(list);
    return false;
}

void *soak_share(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        perror("soak: no memory");
        exit(1);
    }
    return memory;
}

static void add_up(struct soak_round *total, const struct soak_round *round)
{
    total->kills += round->kills;
    total->stops += round->stops;
    total->limits += round->limits;
    total->messages += round->messages;
    total->tasks += round->tasks;
    total->sections += round->sections;
    total->calls += round->calls;
    total->meetings += round->meetings;
    total->frames += round->frames;
    total->records += round->records;
}

static void print_total(const struct soak_round *total, uint64_t rounds, uint64_t seed)
{
    printf("soak: %llu rounds, %llu kills, %llu stops, %llu limits; %llu messages, %llu tasks, %llu locked "
           "sections, %llu calls of a manager, %llu meetings, %llu frames, %llu records; seed %llu\n",
           (unsigned long long)rounds, (unsigned long long)total->kills, (unsigned long long)total->stops,
           (unsigned long long)total->limits, (unsigned long long)total->messages,
           (unsigned long long)total->tasks, (unsigned long long)total->sections,
           (unsigned long long)total->calls, (unsigned long long)total->meetings,
           (unsigned long long)total->frames, (unsigned long long)total->records, (unsigned long long)seed);
}

/* Round `number` of a seed is the same whichever came before it. */
static bool run_round(uint64_t seed, uint64_t number, struct soak_round *total)
{
    uint64_t state = seed + number * KINDS;
    struct soak_round round = {.random = mix(&state), .end_ns = mproc_deadline_ms(ROUND_MS)};

    bool balances = kinds[number % KINDS].run(&round);
    add_up(total, &round);
    if (!balances)
        printf("soak: round %llu (%s) does not balance: %s\n      again: --seed %llu --round %llu\n",
               (unsigned long long)number, kinds[number % KINDS].name, round.failure,
               (unsigned long long)seed, (unsigned long long)number);
    return balances;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--seconds N] [--seed S] [--round R]\n", program);
    return 2;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
    char *end;

    *ret_number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},
        {"round", required_argument, NULL, 'r'},
        {0},
    };
    uint64_t seconds = 60;
    uint64_t seed = 0;
    uint64_t only = UINT64_MAX;
    uint64_t rounds = 0;
    struct soak_round total = {0};

    if (getrandom(&seed, sizeof(uint32_t), 0) < 0)
        perror("soak: no random seed, so it is 0");
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t *number = c == 't' ? &seconds : c == 's' ? &seed : &only;
        if (c == '?' || !read_number(optarg, number))
            return usage(argv[0]);
    }
    if (optind < argc || seconds > UINT32_MAX)
        return usage(argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    uint64_t end_ns = mproc_deadline_ms(seconds * 1000);
    if (only != UINT64_MAX)
        return run_round(seed, only, &total) ? print_total(&total, 1, seed), 0 : 1;
    do {
        if (!run_round(seed, rounds++, &total))
            break;
        if (mproc_clock_ns() >= end_ns) {
            print_total(&total, rounds, seed);
            return 0;
        }
    } while (true);
    print_total(&total, rounds, seed);
    return 1;
}

#include "supervise/memory.h"

#include <inttypes.h>
#include <stdio.h>

enum { NEAR_NULL = 65536 }; /* below it nobody has memory: a null pointer, or a member behind one */

/* Does the process have memory at the address that it may read? */
static bool has_memory(pid_t pid, uint64_t address, bool *ret_shared)
{
    char path[32], line[512];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof(line), maps)) {
        uint64_t start, end;
        char rights[5];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, rights) != 3 || address < start ||
            address >= end || rights[0] != 'r')
            continue;
        *ret_shared = rights[3] == 's';
        found = true;
    }
    if (maps)
        fclose(maps);
    return found;
}

void pf_memory_look(struct pf_run *run, const struct pf_process *process, const siginfo_t *info,
                    struct pf_ev_signal *signal)
{
    bool refused = (info->si_signo == SIGSEGV || info->si_signo == SIGBUS) && info->si_code > 0 &&
                   info->si_code < SI_KERNEL;
    uint64_t address = refused ? (uint64_t)(uintptr_t)info->si_addr : 0;
    if (address < NEAR_NULL)
        return;
    signal->address = address;
    for (size_t i = 0; i < run->tasks.process_count && !signal->mapped_in; i++) {
        const struct pf_process *other = run->tasks.processes[i];
        if (other != process && other->alive && has_memory(other->pid, address, &signal->mapped_shared))
            signal->mapped_in = other->address;
    }
}

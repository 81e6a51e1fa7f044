/* Registers, memory and instructions of a stopped thread, for single-stepping. x86-64 only. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "probe/procfs.h"
#include "supervise/step_internal.h"

#ifdef __x86_64__

static int poke_debug(pid_t tid, size_t number, uint64_t value)
{
    size_t offset = offsetof(struct user, u_debugreg) + number * sizeof(uint64_t);
    return ptrace(PTRACE_POKEUSER, tid, offset, value) < 0 ? -errno : 0;
}

int pf_thread_watch(pid_t tid, const uint64_t addresses[PF_STEP_REGISTERS])
{
    /* Bits 0, 2, 4, 6 switch the registers on; zeros elsewhere: stop before the instruction is executed. */
    uint64_t control = 0;
    int r = poke_debug(tid, 7, 0);
    for (size_t i = 0; i < PF_STEP_REGISTERS && r == 0; i++) {
        if (!addresses[i])
            continue;
        control |= 1ULL << (2 * i);
        r = poke_debug(tid, i, addresses[i]);
    }
    return r == 0 && control ? poke_debug(tid, 7, control) : r;
}

/* Prefixes, then one byte that tells. F3 repeats movs (a4, a5) and stos (aa, ab); ins (6c, 6d) needs
 * privileges. What only reads (lods, cmps, scas) leaves nothing half-done behind and is one instruction. */
static size_t repeated_length(const unsigned char *code, size_t size)
{
    bool repeats = false;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = code[i];
        if (byte == 0xf3 || byte == 0xf2)
            repeats = true;
        else if (repeats && (byte == 0xa4 || byte == 0xa5 || byte == 0xaa || byte == 0xab))
            return i + 1;
        else if (byte != 0x66 && byte != 0x67 && (byte & 0xf0) != 0x40 && byte != 0x2e && byte != 0x36 &&
                 byte != 0x3e && byte != 0x26 && byte != 0x64 && byte != 0x65)
            return 0;
    }
    return 0;
}

int pf_thread_stand(pid_t tid, struct pf_stand *ret_stand)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
        return -errno;
    struct pf_stand stand = {.ip = registers.rip, .sp = registers.rsp, .number = (int64_t)registers.rax};
    int64_t result = (int64_t)registers.rax;
    stand.restarts = (int64_t)registers.orig_rax >= 0 &&
                     ((result <= -512 && result >= -514) || result == -516); /* ERESTARTSYS and its kin */
    uint64_t word;
    unsigned char code[sizeof(word)];
    if (pf_thread_word(tid, stand.ip, &word) == 0) {
        memcpy(code, &word, sizeof(code));
        size_t length = repeated_length(code, sizeof(code));
        stand.call = code[0] == 0x0f && code[1] == 0x05;
        stand.turns = length ? registers.rcx : 0;
        stand.behind = stand.ip + length;
    }
    *ret_stand = stand;
    return 0;
}

/* Above a handler's return address lies a struct ucontext: 40 bytes, then the registers, RSP and RIP as the
 * 16th and 17th. */
int pf_thread_handler_return(pid_t tid, uint64_t sp, uint64_t *ret_ip, uint64_t *ret_sp)
{
    uint64_t registers = sp + 8 + 40, back_ip = 0, back_sp = 0;
    int r = pf_thread_word(tid, registers + 15 * sizeof(uint64_t), &back_sp);
    if (r == 0)
        r = pf_thread_word(tid, registers + 16 * sizeof(uint64_t), &back_ip);
    if (r < 0)
        return r;
    *ret_ip = back_ip;
    *ret_sp = back_sp;
    return 0;
}

#else

int pf_thread_watch(pid_t tid, const uint64_t addresses[PF_STEP_REGISTERS])
{
    (void)tid;
    (void)addresses;
    return -ENOTSUP;
}

int pf_thread_stand(pid_t tid, struct pf_stand *ret_stand)
{
    (void)tid;
    (void)ret_stand;
    return -ENOTSUP;
}

int pf_thread_handler_return(pid_t tid, uint64_t sp, uint64_t *ret_ip, uint64_t *ret_sp)
{
    (void)tid;
    (void)sp;
    (void)ret_ip;
    (void)ret_sp;
    return -ENOTSUP;
}

#endif

int pf_thread_word(pid_t tid, uint64_t address, uint64_t *ret_word)
{
    errno = 0;
    long word = ptrace(PTRACE_PEEKDATA, tid, address, NULL);
    if (word == -1 && errno != 0)
        return -errno;
    *ret_word = (uint64_t)word;
    return 0;
}

bool pf_thread_same_mapping(pid_t tid, uint64_t low, uint64_t high)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
    struct pf_arena *arena = pf_arena_new();
    char *line = NULL;
    bool same = false;
    if (pf_proc_read_all(path, arena, &line) < 0)
        line = NULL;
    for (; line && !same; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        uint64_t begin, end;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &begin, &end) != 2)
            break;
        same = begin <= low && high <= end;
    }
    pf_arena_free(arena);
    return same;
}

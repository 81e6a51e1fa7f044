/*
 * refuse CALL ERRNO COMMAND…: runs the command where a system call is refused, as the profiles of containers
 * do.
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    unsigned code = (unsigned)atoi(argv[2]);
    if (!context ||
        seccomp_rule_add(context, SCMP_ACT_ERRNO(code), seccomp_syscall_resolve_name(argv[1]), 0) < 0 ||
        seccomp_load(context) < 0) {
        fprintf(stderr, "refuse: no filter for %s\n", argv[1]);
        return 2;
    }
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 2;
}

/* A scene of the actor: children whose makers are killed before anybody knows that they were made. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static _Noreturn void fork_for_ever(int out)
{
    for (;;) {
        if (fork() == 0)
            _exit(0);
        if (write(out, "y", 1) != 1)
            _exit(1);
    }
}

int kill_makers(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = 0; round < 200; round++) {
        int ends[2];
        char byte;
        if (pipe(ends) < 0)
            return 1;
        pid_t maker = fork();
        if (maker == 0)
            fork_for_ever(ends[1]);
        for (int i = 0; i <= round % 5; i++)
            if (read(ends[0], &byte, 1) != 1)
                return 2;
        kill(maker, SIGKILL);
        close(ends[0]);
        close(ends[1]);
        while (wait(NULL) > 0)
            ;
    }
    return 0;
}

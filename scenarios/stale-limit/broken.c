/*
 * A service keeps files open for its clients, as many as there are. Its
 * operator raises the limit of open files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int serve(int orders)
{
    int clients, served = 0;
    while (read(orders, &clients, sizeof(clients)) == sizeof(clients))
        for (; served < clients; served++)
            if (open("/dev/null", O_RDONLY) == -1) {
                perror("service: open");
                break;
            }
    printf("%d clients served\n", served);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What an operator does, and what a script does for him: ulimit -n. */
static int raise_limit(rlim_t need)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return -1;
    limit.rlim_cur = need;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
    int orders[2], clients = 40;
    if (pipe(orders) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    pid_t service = fork();
    if (service == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (service == 0) {
        close(orders[1]);
        _exit(serve(orders[0]));
    }
    close(orders[0]);
    if (raise_limit(128) == -1)
        perror("limit");
    if (write(orders[1], &clients, sizeof(clients)) != sizeof(clients))
        perror("order");
    close(orders[1]);
    waitpid(service, NULL, 0);
    return EXIT_SUCCESS;
}

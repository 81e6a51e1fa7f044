/*
 * A service answers each request in a process of its own, so that none can harm
 * the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REQUESTS 40

static int answer(int request, int out)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%d squared is %d\n", request,
                          request * request);
    if (write(out, text, (size_t)length) != length)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* The answer is complete when the pipe ends. */
static int serve(int request)
{
    int ends[2];
    char text[64];
    if (pipe(ends) == -1)
        return -1;
    pid_t child = fork();
    if (child == 0)
        _exit(answer(request, ends[1]));
    close(ends[1]);
    for (ssize_t length;
         child != -1 && (length = read(ends[0], text, sizeof(text))) > 0;)
        fwrite(text, 1, (size_t)length, stdout);
    close(ends[0]);
    return child == -1 ? -1 : 0;
}

int main(void)
{
    for (int request = 1; request <= REQUESTS; request++)
        if (serve(request) == -1) {
            perror("no process for the request");
            return EXIT_FAILURE;
        }
    printf("%d requests served\n", REQUESTS);
    return EXIT_SUCCESS;
}

/*
 * A worker waits for pictures and says how bright they are; its parent loads
 * them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIXELS (1 << 20)

struct picture {
    unsigned char *pixels;
    size_t count;
};

static int work(int pictures)
{
    struct picture picture;
    while (read(pictures, &picture, sizeof(picture)) == sizeof(picture)) {
        size_t sum = 0;
        for (size_t i = 0; i < picture.count; i++)
            sum += picture.pixels[i];
        printf("brightness %zu\n", sum / picture.count);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int load(struct picture *picture)
{
    picture->count = PIXELS;
    picture->pixels = malloc(picture->count);
    if (picture->pixels)
        memset(picture->pixels, 128, picture->count);
    return picture->pixels ? 0 : -1;
}

int main(void)
{
    struct picture picture;
    int pictures[2], status;
    if (pipe(pictures) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    pid_t worker = fork();
    if (worker == 0) {
        close(pictures[1]);
        _exit(work(pictures[0]));
    }
    close(pictures[0]);
    if (load(&picture) == -1 ||
        write(pictures[1], &picture, sizeof(picture)) != sizeof(picture))
        perror("picture");
    close(pictures[1]);
    if (waitpid(worker, &status, 0) == -1 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return EXIT_FAILURE;
    }
    free(picture.pixels);
    return EXIT_SUCCESS;
}

/* Runs a target over files and folders of them, without libFuzzer: the corpus as a regression test, and one
 * input that a compiler without libFuzzer is to reproduce. */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

enum { STUCK_SECONDS = 10 };

static unsigned count;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    int err = 1;

    if (file && fstat(fileno(file), &status) == 0) {
        size_t size = (size_t)status.st_size;
        uint8_t *data = malloc(size + 1);
        if (data && fread(data, 1, size, file) == size) {
            /* To be seen when the next line is a crash. */
            fprintf(stderr, "%s\n", path);
            alarm(STUCK_SECONDS); /* which ends the program */
            LLVMFuzzerTestOneInput(data, size);
            alarm(0);
            count++;
            err = 0;
        }
        free(data);
    }
    if (file)
        fclose(file);
    if (err)
        fprintf(stderr, "cannot read %s\n", path);
    return err;
}

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    char file[PATH_MAX];
    int err = n < 0;

    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            err |= replay_file(file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return err;
}

int main(int argc, char **argv)
{
    int err = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
            err |= replay_folder(argv[i]);
        else
            err |= replay_file(argv[i]);
    }
    if (count == 0) {
        fprintf(stderr, "usage: %s FILE|FOLDER…: nothing was replayed\n", argv[0]);
        return 2;
    }
    printf("%u inputs\n", count);
    return err;
}

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "model/nearest.h"

static const struct pf_command *const commands[] = {
    &pf_command_list,  &pf_command_show,     &pf_command_demo,  &pf_command_check,  &pf_command_run,
    &pf_command_sweep, &pf_command_diagnose, &pf_command_judge, &pf_command_report,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *file)
{
    fputs("Usage: pitfall COMMAND [OPTION]... [ARG]...\n\n"
          "Runs multi-process programs under signals, limits and faults, and proves and explains their "
          "hangs.\n\n"
          "Commands:\n",
          file);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\nOptions:\n"
          "  -h, --help     show this help and exit\n"
          "      --version  show the version and exit\n\n"
          "`pitfall COMMAND --help` teaches each command. Start with:\n"
          "  pitfall run -- CMD      is my program hung, and what does it wait for?\n"
          "  pitfall diagnose PID    the same for one that runs already\n"
          "  pitfall demo            the lessons; pitfall demo ID shows one as it happens\n"
          "  pitfall check           every documented pitfall: broken programs fall in, safe ones do not\n",
          file);
}

static const struct pf_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    struct pf_nearest nearest = pf_nearest_new(name, strlen(name));
    for (int i = 0; i < COMMANDS; i++)
        pf_nearest_offer(&nearest, commands[i]->name);
    if (nearest.best)
        return pf_complain(NULL, PF_STATUS_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name,
                           nearest.best);
    return pf_complain(NULL, PF_STATUS_USAGE, "there is no command \"%s\"; `pitfall --help` lists them",
                       name);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return PF_STATUS_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        printf("pitfall %s\n", PITFALL_VERSION);
        return PF_STATUS_CLEAN;
    }
    bool help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
    if (help && argc < 3) {
        print_help(stdout);
        return PF_STATUS_CLEAN;
    }
    if (!help && word[0] == '-')
        return pf_complain(NULL, PF_STATUS_USAGE,
                           "unknown option %s; a command was expected first: "
                           "`pitfall --help` lists them",
                           word);
    const struct pf_command *command = find_command(help ? argv[2] : word);
    if (!command)
        return unknown_command(help ? argv[2] : word);
    if (help) {
        char *ask[] = {argv[2], "--help", NULL};
        return command->run(command, 2, ask);
    }
    return command->run(command, argc - 1, argv + 1);
}

/*
 * A standard descriptor that the caller has closed would be given to the next file that is opened, and what
 * is meant for the terminal would end in it. It is filled so that using it fails as it did before: /dev/null
 * open the wrong way round.
 */
static void fill_closed_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    fill_closed_descriptors();
    setlocale(LC_CTYPE, "");
    /* A report has hundreds of pieces; what others write may come between its lines. */
    setvbuf(stderr, NULL, _IOLBF, 0);
    /* A reader that has gone is an error to be reported, and children are waited for whatever the caller did.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);

    int status = dispatch(argc, argv);
    errno = 0;
    if (fflush(stdout) == EOF || ferror(stdout))
        return pf_complain(argc > 1 ? argv[1] : NULL, PF_STATUS_HARNESS,
                           "standard output cannot be written: %s", strerror(errno ? errno : EIO));
    return status;
}

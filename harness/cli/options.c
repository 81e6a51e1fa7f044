#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "model/nearest.h"
#include "reports/page.h"
#include "reports/plain.h"

enum {
    OPTIONS_MAX = 32,
    LONG_BASE = 256, /* getopt's value of the first option: above every letter */
    HELP_COLUMN = 28,
};

static const struct pf_option help_option = {'h', "help", NULL, "show this help and exit", NULL};

int pf_complain(const char *name, int status, const char *format, ...)
{
    struct pf_arena *arena = pf_arena_new();
    char message[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    fprintf(stderr, "pitfall%s%s: %s\n", name ? " " : "", name ? name : "", pf_plain_text(arena, message));
    pf_arena_free(arena);
    return status;
}

static size_t count_options(const struct pf_command *command)
{
    size_t count = 0;
    while (command->options[count].name)
        count++;
    return count;
}

static void print_option(const struct pf_page *page, const struct pf_option *option)
{
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    int column = fprintf(page->file, "  %s--%s%s%s", letter, option->name, option->argument ? " " : "",
                         option->argument ? option->argument : "");
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', page->file);
        column = 0;
    }
    fprintf(page->file, "%*s", HELP_COLUMN - column, "");
    pf_page_prose(page, HELP_COLUMN, HELP_COLUMN, option->help);
}

static void print_status(const struct pf_page *page, int status, const char *meaning)
{
    fprintf(page->file, "  %-4d", status);
    pf_page_prose(page, 6, 6, meaning);
}

static void print_help(const struct pf_command *command)
{
    struct pf_page page = {
        .file = stdout, .arena = pf_arena_new(), .width = pf_terminal_width(STDOUT_FILENO)};
    printf("Usage: pitfall %s %s\n\n", command->name, command->operands);
    pf_page_prose(&page, 0, 0, command->about);
    printf("\nOptions:\n");
    for (const struct pf_option *option = command->options; option->name; option++)
        print_option(&page, option);
    print_option(&page, &help_option);
    printf("\nExit status:\n");
    print_status(&page, PF_STATUS_CLEAN, command->clean);
    if (command->findings) {
        print_status(&page, PF_STATUS_FINDINGS, command->findings);
        print_status(&page, PF_STATUS_USAGE,
                     "bad usage or bad input; the message says where and what was expected");
        print_status(&page, PF_STATUS_HARNESS, "pitfall itself could not do it; the message says what to do");
        print_status(&page, PF_STATUS_SKIPPED, "everything was skipped");
    } else {
        print_status(&page, PF_STATUS_USAGE, "bad usage or bad input");
        print_status(&page, PF_STATUS_HARNESS,
                     "the scenarios are missing, or the output could not be written");
    }
    printf("\nExamples:\n%s", command->examples);
    pf_arena_free(page.arena);
}

static int unknown_letter(const struct pf_command *command, int letter)
{
    return pf_complain(command->name, PF_STATUS_USAGE, "unknown option -%c; `pitfall %s --help` lists them",
                       letter, command->name);
}

static int unknown_long(const struct pf_command *command, const char *word)
{
    size_t length = strcspn(word, "=");
    struct pf_nearest nearest = pf_nearest_new(word + 2, length - 2);
    const char *candidates[2] = {NULL, NULL};
    size_t count = 0;
    for (const struct pf_option *option = command->options; option->name; option++) {
        pf_nearest_offer(&nearest, option->name);
        if (strncmp(option->name, word + 2, length - 2) == 0 && count < 2)
            candidates[count++] = option->name;
    }
    if (count == 2)
        return pf_complain(command->name, PF_STATUS_USAGE, "%.*s could be --%s or --%s", (int)length, word,
                           candidates[0], candidates[1]);
    if (nearest.best)
        return pf_complain(command->name, PF_STATUS_USAGE, "unknown option %.*s; did you mean --%s?",
                           (int)length, word, nearest.best);
    return pf_complain(command->name, PF_STATUS_USAGE, "unknown option %.*s; `pitfall %s --help` lists them",
                       (int)length, word, command->name);
}

static const struct pf_option *option_of(const struct pf_command *command, int value)
{
    if (value >= LONG_BASE)
        return &command->options[value - LONG_BASE];
    for (const struct pf_option *option = command->options; option->name; option++)
        if (option->letter == value)
            return option;
    return NULL;
}

/* Why getopt_long has refused a word: '?' or ':'. */
static int mistake(const struct pf_command *command, int found, char **argv)
{
    const struct pf_option *option = optopt ? option_of(command, optopt) : NULL;
    if (found == ':' && option)
        return pf_complain(command->name, PF_STATUS_USAGE, "--%s needs a value: --%s %s", option->name,
                           option->name, option->argument);
    if (optopt >= LONG_BASE && option)
        return pf_complain(command->name, PF_STATUS_USAGE, "--%s takes no value", option->name);
    return optopt ? unknown_letter(command, optopt) : unknown_long(command, argv[optind - 1]);
}

/* getopt's two descriptions of the table. */
static void describe(const struct pf_command *command, char *letters, struct option *longs)
{
    size_t count = count_options(command);
    if (command->program_follows)
        *letters++ = '+';
    *letters++ = ':';
    *letters++ = 'h';
    for (size_t i = 0; i < count; i++) {
        const struct pf_option *option = &command->options[i];
        longs[i] = (struct option){.name = option->name,
                                   .has_arg = option->argument ? required_argument : no_argument,
                                   .val = LONG_BASE + (int)i};
        if (option->letter)
            *letters++ = option->letter;
        if (option->letter && option->argument)
            *letters++ = ':';
    }
    *letters = '\0';
    longs[count] = (struct option){.name = "help", .val = 'h'};
    longs[count + 1] = (struct option){0};
}

int pf_options_parse(const struct pf_command *command, int argc, char **argv, void *settings,
                     int *ret_operand)
{
    char letters[3 + 2 * OPTIONS_MAX + 1];
    struct option longs[OPTIONS_MAX + 2];
    describe(command, letters, longs);
    opterr = 0;
    optind = 1;
    for (int found; (found = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (found == 'h') {
            print_help(command);
            return PF_STATUS_CLEAN;
        }
        if (found == '?' || found == ':')
            return mistake(command, found, argv);
        const struct pf_option *option = option_of(command, found);
        struct pf_error error = {""};
        if (option->set(settings, optarg, &error) < 0)
            return pf_complain(command->name, PF_STATUS_USAGE, "--%s: %s", option->name, error.message);
    }
    *ret_operand = optind;
    return PF_GO_ON;
}

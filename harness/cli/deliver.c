#include "cli/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/terminal.h"
#include "model/nearest.h"

static int unknown_format(const char *name, size_t length, struct pf_error *error)
{
    char known[128] = "";
    struct pf_nearest nearest = pf_nearest_new(name, length);
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++) {
        pf_nearest_offer(&nearest, format->name);
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", format->name);
    }
    if (nearest.best)
        return pf_error_set(error, -EINVAL, "there is no format \"%.*s\"; did you mean \"%s\"?", (int)length,
                            name, nearest.best);
    return pf_error_set(error, -EINVAL, "there is no format \"%.*s\"; there are: %s", (int)length, name,
                        known);
}

int pf_deliver_add(struct pf_deliveries *deliveries, const char *text, struct pf_error *error)
{
    const char *colon = strchr(text, ':');
    char *name = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
    const struct pf_report_format *format = name ? pf_report_find(name) : NULL;
    free(name);
    if (!format)
        return unknown_format(text, strcspn(text, ":"), error);
    if (colon && !colon[1])
        return pf_error_set(error, -EINVAL,
                            "\"%s\": a file name was expected after the colon, or - for standard "
                            "output",
                            text);
    bool to_stdout = !colon || strcmp(colon + 1, "-") == 0;
    if (to_stdout && pf_deliver_to_stdout(deliveries))
        return pf_error_set(error, -EINVAL,
                            "two reports on standard output would mix; give one of them a file: %s:FILE",
                            format->name);
    if (deliveries->count == PF_DELIVERIES_MAX)
        return pf_error_set(error, -EINVAL, "at most %d reports can be written at once", PF_DELIVERIES_MAX);
    deliveries->items[deliveries->count++] =
        (struct pf_delivery){.format = format, .file = to_stdout ? NULL : colon + 1};
    return 0;
}

bool pf_deliver_to_stdout(const struct pf_deliveries *deliveries)
{
    for (size_t i = 0; i < deliveries->count; i++)
        if (!deliveries->items[i].file)
            return true;
    return false;
}

/* Exists, and is no file that could be replaced: a device, a pipe, a socket, a directory. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int cannot_write(const char *path, int errnum, struct pf_error *error)
{
    return pf_error_set(error, -errnum, "%s: the report cannot be written: %s", path, strerror(errnum));
}

static int check_one(const char *path, struct pf_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return cannot_write(path, EISDIR, error);
    if (is_special(path))
        return access(path, W_OK) < 0 ? cannot_write(path, errno, error) : 0;
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return cannot_write(path, ENAMETOOLONG, error);
    return access(dirname(copy), W_OK | X_OK) < 0 ? cannot_write(path, errno, error) : 0;
}

int pf_deliver_check(const struct pf_deliveries *deliveries, struct pf_error *error)
{
    int r = 0;
    for (size_t i = 0; i < deliveries->count && r == 0; i++)
        if (deliveries->items[i].file)
            r = check_one(deliveries->items[i].file, error);
    return r;
}

/* The report goes to the descriptor, which is closed. */
static int write_to(const struct pf_delivery *delivery, const struct pf_result *result,
                    const struct pf_report_options *options, int fd)
{
    FILE *file = fdopen(fd, "w");
    if (!file) {
        int r = -errno;
        close(fd);
        return r;
    }
    int r = delivery->format->write(result, options, file);
    if (fclose(file) == EOF && r == 0)
        r = -errno;
    return r;
}

static int write_special(const struct pf_delivery *delivery, const struct pf_result *result,
                         const struct pf_report_options *options)
{
    int fd = open(delivery->file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : write_to(delivery, result, options, fd);
}

static int write_file(const struct pf_delivery *delivery, const struct pf_result *result,
                      const struct pf_report_options *options)
{
    /* Of a symbolic link the file it points to is replaced, not the link. */
    char resolved[PATH_MAX], temporary[PATH_MAX];
    const char *target = realpath(delivery->file, resolved) ? resolved : delivery->file;
    if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", target, (int)getpid()) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    struct stat old;
    bool replaces = stat(target, &old) == 0;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    if (replaces)
        (void)fchmod(fd, old.st_mode & 07777);
    int r = write_to(delivery, result, options, fd);
    if (r == 0 && rename(temporary, target) < 0)
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}

static int write_stdout(const struct pf_delivery *delivery, const struct pf_result *result,
                        struct pf_report_options *options)
{
    options->colour = pf_terminal_colour(STDOUT_FILENO);
    options->width = pf_terminal_width(STDOUT_FILENO);
    int r = delivery->format->write(result, options, stdout);
    if (r < 0) {
        /* It has been said; the end of the program shall not say it again. */
        __fpurge(stdout);
        clearerr(stdout);
    }
    return r;
}

int pf_deliver(const struct pf_deliveries *deliveries, const struct pf_result *result,
               struct pf_report_options options, const char *command)
{
    int first = 0;
    for (size_t i = 0; i < deliveries->count; i++) {
        const struct pf_delivery *delivery = &deliveries->items[i];
        struct pf_report_options own = options;
        int r;
        if (!delivery->file)
            r = write_stdout(delivery, result, &own);
        else if (is_special(delivery->file))
            r = write_special(delivery, result, &own);
        else
            r = write_file(delivery, result, &own);
        if (r < 0)
            pf_complain(command, PF_STATUS_HARNESS, "the %s report could not be written to %s: %s",
                        delivery->format->name, delivery->file ? delivery->file : "standard output",
                        strerror(-r));
        first = first ? first : r;
    }
    return first;
}

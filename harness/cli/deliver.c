#include "cli/deliver.h"

#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/replace.h"
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

/* Lines for people and lines for a CI server's log may follow each other; anything else must stand alone. */
static bool would_mix(const struct pf_deliveries *deliveries, const struct pf_report_format *format)
{
    for (size_t i = 0; i < deliveries->count; i++)
        if (!deliveries->items[i].file &&
            (!deliveries->items[i].format->log || !format->log || deliveries->items[i].format == format))
            return true;
    return false;
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
    if (to_stdout && would_mix(deliveries, format))
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

int pf_deliver_check(const struct pf_deliveries *deliveries, struct pf_error *error)
{
    int r = 0;
    for (size_t i = 0; i < deliveries->count && r == 0; i++)
        if (deliveries->items[i].file)
            r = pf_replace_check(deliveries->items[i].file, "report", error);
    return r;
}

/* A report on its way to its file. */
struct writing {
    const struct pf_delivery *delivery;
    const struct pf_result *result;
    const struct pf_report_options *options;
};

static int write_report(void *context, FILE *file)
{
    const struct writing *writing = context;
    return writing->delivery->format->write(writing->result, writing->options, file);
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

static const char *why_not(int error)
{
    return error == -ELIBACC ? "libxml2.so.2 is not installed (on Debian: apt-get install libxml2)"
                             : strerror(-error);
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
        else
            r = pf_replace_file(delivery->file, write_report, &(struct writing){delivery, result, &own});
        if (r < 0)
            pf_complain(command, PF_STATUS_HARNESS, "the %s report could not be written to %s: %s",
                        delivery->format->name, delivery->file ? delivery->file : "standard output",
                        why_not(r));
        first = first ? first : r;
    }
    return first;
}

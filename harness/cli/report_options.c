#include "cli/report_options.h"

#include <stdlib.h>
#include <unistd.h>

int pf_report_settings_add(void *settings, const char *value, struct pf_error *error)
{
    struct pf_report_settings *reports = settings;
    return pf_deliver_add(&reports->deliveries, value, error);
}

int pf_report_settings_json(void *settings, const char *value, struct pf_error *error)
{
    (void)value;
    return pf_report_settings_add(settings, "json:-", error);
}

int pf_report_settings_check(const struct pf_report_settings *settings, const char *command)
{
    struct pf_error error = {""};
    if (pf_deliver_check(&settings->deliveries, &error) < 0)
        return pf_complain(command, PF_STATUS_HARNESS, "%s", error.message);
    return PF_GO_ON;
}

int pf_report_settings_deliver(const struct pf_report_settings *settings, const struct pf_result *result,
                               const char *command)
{
    char title[64];
    snprintf(title, sizeof(title), "pitfall %s", command);
    struct pf_deliveries deliveries = settings->deliveries;
    if (!deliveries.count)
        (void)pf_deliver_add(&deliveries, "text", NULL);
    char *directory = getcwd(NULL, 0);
    struct pf_report_options options = {.show_output = true, .title = title, .directory = directory};
    int r = pf_deliver(&deliveries, result, options, command);
    free(directory);
    return r < 0 ? PF_STATUS_HARNESS : pf_result_exit_status(result);
}

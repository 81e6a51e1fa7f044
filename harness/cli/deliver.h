/*
 * deliver.h - carry reports to where --report says.
 *
 * A report file appears whole or not at all: it is written under a temporary name beside its target and
 * renamed. Devices and pipes are written to directly.
 */
#ifndef PF_CLI_DELIVER_H
#define PF_CLI_DELIVER_H

#include "reports/reports.h"

enum { PF_DELIVERIES_MAX = 16 };

struct pf_delivery {
    const struct pf_report_format *format;
    const char *file; /* NULL: standard output */
};

struct pf_deliveries {
    struct pf_delivery items[PF_DELIVERIES_MAX];
    size_t count;
};

/*
 * Takes "FORMAT[:FILE]". Errors: -EINVAL for an unknown format, for two reports on standard output that would
 * mix, for too many.
 */
int pf_deliver_add(struct pf_deliveries *deliveries, const char *text, struct pf_error *error);

bool pf_deliver_to_stdout(const struct pf_deliveries *deliveries);

/*
 * Can the files be made at all? To be asked before a long run, so that its result is not lost. Returns 0 or
 * -errno with a message.
 */
int pf_deliver_check(const struct pf_deliveries *deliveries, struct pf_error *error);

/*
 * Writes every report, also when one of them fails. Colour and width of `options` are set for each target.
 * Returns 0, or -errno of the first failure with a message for each failure on standard error.
 */
int pf_deliver(const struct pf_deliveries *deliveries, const struct pf_result *result,
               struct pf_report_options options, const char *command);

#endif

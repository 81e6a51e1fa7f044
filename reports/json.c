#include "reports/formats.h"
#include "reports/json_text.h"

int pf_json_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    (void)options;
    return pf_json_finish(pf_result_to_json(result), file);
}

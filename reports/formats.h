/* formats.h - the writers behind the registry; one per file of the same name. */
#ifndef PF_REPORTS_FORMATS_H
#define PF_REPORTS_FORMATS_H

#include "reports/reports.h"

int pf_text_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_json_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_junit_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_tap_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_html_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_markdown_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_dot_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_sarif_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_github_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_gitlab_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
int pf_perfetto_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file);

#endif

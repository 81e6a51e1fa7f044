#include "reports/reports.h"

#include <errno.h>
#include <string.h>

#include "reports/formats.h"

const struct pf_report_format pf_report_formats[] = {
    {"text", "for people: one line per program, then each diagnosis in words", true, pf_text_write},
    {"json", "everything there is to know (schema pitfall-result/1)", false, pf_json_write},
    {"junit", "JUnit XML, which every CI server reads", false, pf_junit_write},
    {"tap", "Test Anything Protocol, with YAML diagnostics", false, pf_tap_write},
    {"html", "one self-contained page for a browser", false, pf_html_write},
    {"markdown", "for a pull-request comment or a job summary", false, pf_markdown_write},
    {"sarif", "SARIF 2.1.0, for code scanning", false, pf_sarif_write},
    {"github", "annotations for GitHub Actions (workflow commands)", true, pf_github_write},
    {"gitlab", "GitLab's Code Quality report", false, pf_gitlab_write},
    {"dot", "who waits on whom, as a graph for Graphviz", false, pf_dot_write},
    {"perfetto", "lanes over time, for ui.perfetto.dev and chrome://tracing", false, pf_perfetto_write},
    {NULL, NULL, false, NULL},
};

const struct pf_report_format *pf_report_find(const char *name)
{
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++)
        if (strcmp(format->name, name) == 0)
            return format;
    return NULL;
}

int pf_report_flush(FILE *file)
{
    errno = 0;
    if (fflush(file) == EOF)
        return errno ? -errno : -EIO;
    /* An earlier write that failed has left only its mark, not its errno. */
    return ferror(file) ? -EIO : 0;
}

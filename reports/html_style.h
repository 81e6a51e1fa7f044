/* html_style.h - the looks of the HTML report: one style sheet inside the page, light and dark. */
#ifndef PF_REPORTS_HTML_STYLE_H
#define PF_REPORTS_HTML_STYLE_H

static const char html_style[] =
    "\n:root { color-scheme: light dark; --back: #fff; --text: #1c2024; --soft: #5f6b76; --line: #d9dee3;"
    " --panel: #f5f7f9; --pass: #18794e; --fail: #c62a2f; --error: #c62a2f; --skip: #8a6100; }\n"
    "@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e9ec; --soft: #9aa5b0;"
    " --line: #30363c; --panel: #1d2125; --pass: #4cc38a; --fail: #ff6369; --error: #ff6369; --skip: "
    "#f1a10d; } }\n"
    "body { margin: 0 auto; max-width: 68rem; padding: 1.5rem; background: var(--back); color: var(--text);"
    " font: 1rem/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 0 0 .5rem; }"
    " h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }\n"
    "p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); }\n"
    "a { color: inherit; }\n"
    ".scroll { overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }\n"
    "th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line);"
    " white-space: nowrap; } th { color: var(--soft); font-weight: 500; }\n"
    "td.number, th.number { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums; }\n"
    "section { border-top: 1px solid var(--line); padding: 1.2rem 0; }\n"
    ".pass { color: var(--pass); } .fail { color: var(--fail); } .error { color: var(--error); }"
    " .skip { color: var(--skip); } .verdict { font-weight: 600; }\n"
    "pre, code { font: .875rem/1.5 ui-monospace, monospace; }\n"
    "pre { background: var(--panel); padding: .7rem .9rem; border-radius: .4rem; overflow-x: auto; margin: "
    ".4rem 0; }\n"
    "ol.chain { list-style: none; padding: 0; margin: .4rem 0; } ol.chain > li { border-left: 3px solid"
    " var(--line); padding: .1rem 0 .1rem .8rem; margin: .4rem 0; }\n"
    "ol.chain ul { margin: .2rem 0; padding-left: 1.2rem; list-style: \"\\2192\\00a0\"; }\n"
    "table.points td { padding: .15rem .7rem .15rem 0; font-size: .875rem; white-space: normal; }\n"
    ".fix { border-left: 3px solid var(--pass); padding-left: .8rem; }\n";

#endif

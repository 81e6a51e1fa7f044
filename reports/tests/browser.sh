#!/usr/bin/env bash
# HTML reports in a real browser. Without chromium and node it is skipped; without axe-core the scan for
# barriers is.
#
# browser.sh PITFALL CACHE      CACHE: a folder where axe-core stays, which npm brings once
set -eu
pitfall=$1
cache=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=reports/tests/from_npm.sh
. "$here/from_npm.sh"

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] || ! command -v node >/dev/null; then
    echo "skipped: no chromium and node here"
    exit 77
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    echo "skipped: node is older than 18"
    exit 77
fi

axe=${PITFALL_AXE-$(from_npm "$cache" axe-core 4.10.2 axe.min.js \
    b511cd9dec01c76f4b2ad1723b66b6db37d4c2eb4ed199076e1829d9ee7b75e3)} || true
if [ ! -f "$axe" ]; then
    echo "skipped: axe-core is not here and cannot be fetched; PITFALL_AXE names its axe.min.js"
    axe=-
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The reports of failures end with a failure.
"$pitfall" check terminate-with-lock hung-thread --report "html:$scratch/check.html" >"$scratch/log" 2>&1 ||
    [ $? = 1 ] || { cat "$scratch/log"; exit 1; }
python3 "$here/synthetic.py" verdicts | "$pitfall" report --report "html:$scratch/verdicts.html" - || [ $? = 1 ]
python3 "$here/synthetic.py" sweep 200 | "$pitfall" report --report "html:$scratch/sweep.html" - || [ $? = 1 ]
node "$here/browser/read_pages.mjs" "$chromium" "$axe" "$scratch"/*.html

#!/usr/bin/env bash
# HTML reports in a real browser. Without chromium and node it is skipped; without axe-core, which npm brings
# once, the scan for barriers is.
#
# browser.sh PITFALL CACHE      CACHE: a folder where axe-core stays
set -eu
pitfall=$1
cache=$2
here=$(cd "$(dirname "$0")" && pwd)
axe_version=4.10.2

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] || ! command -v node >/dev/null; then
    echo "skipped: no chromium and node here"
    exit 77
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    echo "skipped: node is older than 18"
    exit 77
fi

axe=${PITFALL_AXE:-$cache/node_modules/axe-core/axe.min.js}
if [ ! -f "$axe" ] && command -v npm >/dev/null; then
    mkdir -p "$cache"
    timeout 30 npm install --prefix "$cache" --no-audit --no-fund --no-package-lock --ignore-scripts \
        --fetch-retries=0 "axe-core@$axe_version" >"$cache/npm.log" 2>&1 || true
fi
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

#!/usr/bin/env bash
# The manual pages of the library: each header with functions has a page, which mproc(3) names; each page tells the
# prototype of every function of the headers that it names, and of no other; and mandoc has nothing to object. And
# each header says in the beginning what holds for its functions unless they say otherwise.
# usage: manuals.sh
set -euo pipefail
lib=$(cd "$(dirname "$0")/.." && pwd)
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# "int mproc_event_set(struct mproc_event *event)", a line for each function.
of_header() {
    tr '\n' ' ' <"$1" | grep -oE 'MPROC_EXPORT [^;]*;' | sed -E 's/^MPROC_EXPORT //; s/;$//; s/ MPROC_PRINTF\([0-9, ]*\)$//; s/ +/ /g; s/\* /*/g'
}

of_page() {
    sed -nE '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/{s/^\.Ft "(.*)"$/\1/p; s/^\.Fn (mproc_[a-z_]+) "(.*)"$/\1(\2)/p}' "$1" |
        sed -E 's/" "/, /g' | awk '/\(/ { print type ($0 ~ /^x/ || type ~ /\*$/ ? "" : " ") $0; next } { type = $0 }'
}

for header in "$lib"/include/mproc/*.h; do
    name=mproc/${header##*/}
    [ -n "$(of_header "$header")" ] || continue # all of them in one, or macros alone
    grep -qxF ".In $name" "$lib"/man/mproc_*.3 || fail "no page tells of $name"
    grep -qxF ".In $name" "$lib"/man/mproc.3 || grep -qxF "#include <$name>" "$lib"/include/mproc/sync.h ||
        fail "mproc.3 does not name $name"
    beginning=$(sed '/^#ifndef/q' "$header" | tr '\n*' '  ' | tr -s ' ')
    for word in "Threads:" "Async-signal safety:" "Blocking:" "Source:"; do
        [[ $beginning == *" $word "* ]] || fail "$name does not begin with '$word'"
    done
done
for page in "$lib"/man/mproc_*.3; do
    name=${page##*/}
    grep -q "^\.Xr ${name%.3} 3" "$lib"/man/mproc.3 || fail "mproc.3 does not refer to $name"
    grep -q '^\.Sh EXAMPLES' "$page" || fail "$name has no example"
    mapfile -t headers < <(sed -n 's/^\.In \(mproc\/.*\)/\1/p' "$page")
    known=$(for header in "${headers[@]}"; do of_header "$lib/include/$header"; done | sort)
    # A macro has no prototype.
    told=$(of_page "$page" | grep -vE ' \*?mproc_(shm_get|args_add)\(' | sort)
    [ -n "$known" ] || fail "${page##*/}: its headers have no functions"
    while IFS= read -r line; do
        fail "${page##*/}: $line"
    done < <(diff <(echo "$known") <(echo "$told") | grep '^[<>]' |
        sed 's/^</only in the headers:/; s/^>/only in the page:/')
done
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$lib"/man/*.3 || fail "mandoc"
else
    echo "skipped: no mandoc here"
fi
[ "$failures" -eq 0 ] || exit 1
echo "the manual pages tell what the headers tell"

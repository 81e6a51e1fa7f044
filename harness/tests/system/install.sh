#!/usr/bin/env bash
# What is installed works from wherever it was put.
# usage: install.sh PITFALL (in its build tree)
set -euo pipefail

build=$(dirname "$1")/..
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
failures=0

# holds WHAT COMMAND…
holds() {
    local what=$1
    shift
    if "$@" >"$prefix/output" 2>&1; then
        echo "ok: $what"
    else
        echo "FAILED: $what"
        cat "$prefix/output"
        failures=$((failures + 1))
    fi
}

cmake --install "$build" --prefix "$prefix" >/dev/null
holds "the installed catalogue" "$prefix/bin/pitfall" check hung-thread --variant broken --report "text:$prefix/report"
holds "the scenarios are those beside it" grep -q -- "-- $prefix/" "$prefix/report"
holds "a manual page" test -s "$prefix/share/man/man1/pitfall.1"
holds "a manual page of the library" test -s "$prefix/share/man/man3/mproc_sync.3"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name mproc.pc)")
export PKG_CONFIG_PATH
holds "pkg-config finds the headers" test -e "$(pkg-config --variable=includedir mproc)/mproc/queue.h"
holds "pkg-config finds the library" test -e "$(pkg-config --variable=libdir mproc)/libmproc.so"

[ "$failures" -eq 0 ]

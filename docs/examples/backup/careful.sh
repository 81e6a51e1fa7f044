#!/bin/bash
# Packs the rows, and says how many there are; or says that it could not.
set -o pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! seq 20000 | gzip >"$folder/rows.gz"; then
    echo "backup failed" >&2
    exit 1
fi
echo "backup done: $(zcat "$folder/rows.gz" | wc -l) rows"

#!/usr/bin/env bash
# The memory of a sweep does not grow with its trials beyond what their report needs.
# usage: sweep_memory.sh PITFALL
[ -x /usr/bin/python3 ] || { echo "skipped: no /usr/bin/python3 here"; exit 77; }
exec /usr/bin/python3 "$(dirname "$0")/sweep_memory.py" "$@"

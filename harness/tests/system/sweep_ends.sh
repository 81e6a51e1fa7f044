#!/usr/bin/env bash
# A sweep that is not let end in peace: Ctrl-C once and twice, and the death of whoever carries out a trial.
# usage: sweep_ends.sh PITFALL
exec /usr/bin/python3 "$(dirname "$0")/sweep_ends.py" "$@"

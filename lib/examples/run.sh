#!/usr/bin/env bash
# Runs an example: it ends with status 0 and prints what is written beside it.
# usage: run.sh PROGRAM EXPECTED-OUTPUT
set -euo pipefail
diff <("$1" || echo "status $?") "$2"

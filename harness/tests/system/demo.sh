#!/usr/bin/env bash
# `pitfall demo` on a terminal and in a pipe: what it draws, which keys it knows, and how it leaves the terminal.
# usage: demo.sh PITFALL
exec /usr/bin/python3 "$(dirname "$0")/demo.py" "$@"

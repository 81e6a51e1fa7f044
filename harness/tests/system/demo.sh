#!/usr/bin/env bash
# `pitfall demo` on a terminal and in a pipe: what it draws, which keys it knows, and how it leaves the terminal.
# usage: demo.sh PITFALL
# The leak checker does not work in a program that is traced, and would end it with a status of its own.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
exec /usr/bin/python3 "$(dirname "$0")/demo.py" "$@"

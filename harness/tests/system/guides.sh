#!/usr/bin/env bash
# What the guides tell people to type does what they say. usage: guides.sh PITFALL
# The leak checker does not work in a program that is traced, and would end it with a status of its own.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
exec /usr/bin/python3 "$(dirname "$0")/guides.py" "$@"

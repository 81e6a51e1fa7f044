#!/usr/bin/env bash
# What the guides tell people to type does what they say. usage: guides.sh PITFALL
exec /usr/bin/python3 "$(dirname "$0")/guides.py" "$@"

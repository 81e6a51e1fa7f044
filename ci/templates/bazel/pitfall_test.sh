#!/bin/sh
# Bazel: what each shard of the test runs. "auto" reads TEST_SHARD_INDEX and TEST_TOTAL_SHARDS, and makes the
# file with which Bazel wants to be told so.
exec pitfall check --shard auto --report text --report "junit:$XML_OUTPUT_FILE" \
    --report "json:$TEST_UNDECLARED_OUTPUTS_DIR/shard.json" "$(dirname "$0")/scenarios"

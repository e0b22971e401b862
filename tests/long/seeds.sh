#!/usr/bin/env bash
# The property tests with many seeds; a run that fails has printed its own.   seeds.sh <sources> [<rounds>]
set -euo pipefail
cd "$1"
rounds=${2:-${TREADMILL_SEED_ROUNDS:-50}}
ctest --test-dir build/dev -L '^property$' --repeat until-fail:"$rounds" -j "$(nproc)" --output-on-failure --no-tests=error

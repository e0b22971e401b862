#!/usr/bin/env bash
# Drives clients of CouchDB against nodes (tests/clients/README.md).
# usage: run.sh TREADMILL FOLDER [<test>…]
#
#   TREADMILL   the executable of the node, beside treadmill-map
#   FOLDER      where the clients are installed, once for each content of package.json
#   <test>      pouchdb, nano …: the tests of <test>.test.mjs; none: all
#
# TREADMILL_COUCH_REFERENCE=URL: the tests of one server ask the CouchDB at that URL, to check the tests themselves.
set -euo pipefail
# shellcheck source=tests/clients/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
TREADMILL_BINARY=$(realpath "$1")
export TREADMILL_BINARY
install_clients "$2"
shift 2
if [[ $* == browser ]]; then
  command -v chromium >/dev/null || skip "there is no chromium"
  command -v chromedriver >/dev/null || skip "there is no chromedriver (Debian's chromium-driver)"
fi
files=()
for name in "$@"; do files+=("$here/$name.test.mjs"); done
((${#files[@]})) || files=("$here"/*.test.mjs)
# A test whose client does not end by itself shall not outlive its file.
exec node --test --test-reporter=spec --test-timeout=240000 --test-force-exit "${files[@]}"

#!/usr/bin/env bash
# Sourced by run.sh and bench.sh: finds node, and installs the clients into the folder $packages.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
skip() { echo "SKIPPED: $*" && exit 77; }

# Installs what package.json names below $1, once for each content of package.json.
install_clients() { # <folder>
  command -v node >/dev/null || skip "there is no node"
  command -v npm >/dev/null || skip "there is no npm"
  [[ $(node --version) =~ ^v([2-9][0-9]|[0-9]{3,})\. ]] || skip "node $(node --version) is older than the clients need, v20"
  local hash
  hash=$(sha256sum "$here/package.json" | cut -c1-16)
  mkdir -p "$1"
  packages=$(realpath "$1")/packages-$hash
  # Tests that ctest runs at the same time wait here for the first.
  exec 9>"$1/lock"
  flock 9
  if [[ ! -e $packages/installed ]]; then
    rm -rf "$1"/packages-*
    mkdir -p "$packages"
    cp "$here/package.json" "$packages"
    if ! (cd "$packages" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error) >"$packages/log" 2>&1; then
      cat "$packages/log"
      ! grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|E403|E50[0-9]' "$packages/log" ||
        skip "the npm registry cannot be reached"
      exit 1
    fi
    touch "$packages/installed"
  fi
  exec 9>&-
  export TREADMILL_CLIENT_PACKAGES=$packages
}

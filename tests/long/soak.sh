#!/usr/bin/env bash
# A node under mixed load for half an hour: no unexpected answer, no growth of memory, of open files, or of what a change takes on
# disk, a clean end, and the activity log without a gap after a restart.   soak.sh <sources> [<seconds>]
set -euo pipefail
cd "$1"
seconds=${2:-${TREADMILL_SOAK_SECONDS:-1800}}
work=$(mktemp -d)
node=
finish() {
  [[ -z $node ]] || kill -9 "$node" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "soak: $*"
  tail -n 20 "$work/log" || true
  exit 1
}

start() {
  : >"$work/log"
  build/release/treadmill serve --http 127.0.0.1:0 --zmq tcp://127.0.0.1:0 --data "$work/data" --log-format json 2>"$work/log" &
  node=$!
  for ((i = 0; i < 300; i++)); do
    base=$(jq -r 'select(.message == "ready") | "http://" + .http' "$work/log" 2>/dev/null) && [[ -n $base ]] && return 0
    kill -0 "$node" 2>/dev/null || fail "the node did not start"
    sleep 0.1
  done
  fail "the node was not ready in 30 s"
}
load() { wrk --threads 2 --connections 32 --duration "$1"s --script tests/long/soak.lua "$base" 2>&1; }
memory() { awk '/^RssAnon/ { print $2 }' "/proc/$node/status"; }
files() { find "/proc/$node/fd" -mindepth 1 | wc -l; }
sequence() { curl -fsS "$base/soak" | jq .sequence; }
disk() { # bytes a change, when what is superseded is given back
  build/release/treadmill compact "$base" >/dev/null
  echo $(($(du -s --block-size=1 "$work/data" | cut -f1) / $(sequence)))
}

cmake --build --preset release --target treadmill
start
# All ids are there after the first part, so that what grows later grows without need.
load $((seconds / 3)) >"$work/warm" || fail "$(<"$work/warm")"
disk_before=$(disk) memory_before=$(memory) files_before=$(files)
load $((seconds - seconds / 3)) >"$work/load" || fail "$(<"$work/load")"
memory_after=$(memory) files_after=$(files) disk_after=$(disk)
grep -E 'Requests/sec|requests in' "$work/load"
echo "memory $memory_before kB -> $memory_after kB, open files $files_before -> $files_after, disk $disk_before -> $disk_after bytes a change"
! grep -q 'unexpected' "$work/warm" "$work/load" || fail "$(sort "$work/warm" "$work/load" | uniq -c | grep unexpected)"
((memory_after < memory_before + memory_before / 4 + 16384)) || fail "memory grows"
# LevelDB keeps files of its tables open: their number follows the data.
((files_after < files_before + 200)) || fail "open files grow"
((disk_after < disk_before + disk_before / 4)) || fail "what a change takes on disk grows"

last=$(sequence)
kill -TERM "$node"
wait "$node" || fail "the node did not end cleanly"
start
[[ $(sequence) == "$last" ]] || fail "the sequence is another after a restart"
# Into a file: a node waits ten seconds for a reader that does nothing, and jq takes its time.
curl -fsS "$base/soak/_activity?since=0" >"$work/activity"
jq -e '[.activity[].seq] | . == [range(1; length + 1)]' "$work/activity" >/dev/null || fail "the activity has a gap"
jq -e --argjson last "$last" '.last_seq == $last and (.activity | length) == $last' "$work/activity" >/dev/null ||
  fail "the activity does not end with the last sequence"
kill -TERM "$node"
wait "$node" || fail "the node did not end cleanly"
node=

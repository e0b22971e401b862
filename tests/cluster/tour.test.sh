#!/usr/bin/env bash
# Runs the README's tours against fresh nodes, one and two that are federated, and compares every answer with what the README prints.
# usage: tour.test.sh TREADMILL README
set -euo pipefail
binary=$1 readme=$2
declare -A replaced=()
export patience=1
commands=0 failures=0
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/readme.sh"
work=$(mktemp -d)
nodes=()
cleanup() {
  local node
  for node in "${nodes[@]}"; do kill -9 "$node" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

# Starts a node, and sets http and zmq to where it listens.
start() { # <name>
  : >"$work/$1.log" # before it is looked at
  "$binary" serve --name "$1" --data "$work/$1" --http 127.0.0.1:0 --zmq tcp://127.0.0.1:0 --free-disk-floor 0 2>"$work/$1.log" &
  nodes+=($!)
  http=
  for _ in $(seq 200); do
    http=$(sed -n 's/.* ready .*http=\([0-9.:]*\).*/\1/p' "$work/$1.log")
    [[ -z $http ]] || break
    sleep 0.05
  done
  [[ -n $http ]] || { echo "the node did not start:" && cat "$work/$1.log" && exit 1; }
  zmq=$(sed -n 's/.* ready .*zmq=\([a-z0-9.:/]*\).*/\1/p' "$work/$1.log")
}
start tour
replaced['127.0.0.1:1444']=$http
start box1
replaced['127.0.0.1:1441']=$http
start box2
replaced['127.0.0.1:1442']=$http
replaced['tcp://127.0.0.1:1452']=$zmq

tour tour "$readme"
first=$commands
curl -s -X POST "http://${replaced['127.0.0.1:1441']}/_system/peers" -d "{\"zmq_uri\":\"$zmq\"}" >/dev/null
patience=100
tour 'federation tour' "$readme"

for node in "${nodes[@]}"; do
  kill "$node"
  wait "$node" || { echo "a node did not end cleanly" && failures=$((failures + 1)); }
done
nodes=()
echo "$commands commands, $failures differ"
((first >= 12 && commands - first >= 9 && failures == 0))

#!/usr/bin/env bash
# Runs the README's tours against fresh nodes, one and two that are federated, and compares every answer with what the README prints; `…` there matches anything.
# usage: tour.test.sh TREADMILL README
set -euo pipefail
binary=$1 readme=$2
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
address=$http
start box1
address1=$http
start box2
address2=$http zmq2=$zmq

commands=0 failures=0 command='' expected=''
# Reads of another node are asked again until what was written has come there.
compare() {
  [[ -n $command ]] || return 0
  local answer pattern
  pattern=${expected//\\/\\\\}
  pattern=${pattern//[/\\[}
  pattern=${pattern//\*/\\*}
  pattern=${pattern//\?/\\?}
  pattern=${pattern//…/*}
  commands=$((commands + 1))
  for _ in $(seq "$patience"); do
    answer=$(bash -c "${command/curl /curl -s }" || true)
    # shellcheck disable=SC2053 # the right side is a pattern
    [[ $answer != $pattern ]] || return 0
    [[ $command != *' -X '* ]] || break
    sleep 0.1
  done
  failures=$((failures + 1))
  printf 'command:  %s\nexpected: %s\nanswer:   %s\n\n' "$command" "$expected" "$answer"
}
# Runs what stands between two marks of the README.
tour() { # <mark>
  local line
  while IFS= read -r line; do
    case $line in
      '$ '*)
        compare
        command=${line#\$ }
        command=${command//127.0.0.1:1444/$address}
        command=${command//127.0.0.1:1441/$address1}
        command=${command//127.0.0.1:1442/$address2}
        command=${command//tcp:\/\/127.0.0.1:1452/$zmq2}
        expected=
        ;;
      '```'*)
        compare
        command=
        ;;
      *) [[ -z $command ]] || expected+=${expected:+$'\n'}${line//tcp:\/\/127.0.0.1:1452/$zmq2} ;;
    esac
  done < <(sed -n "/<!-- $1 -->/,/<!-- \/$1 -->/p" "$readme")
  compare
}
patience=1
tour tour
first=$commands
curl -s -X POST "http://$address1/_system/peers" -d "{\"zmq_uri\":\"$zmq2\"}" >/dev/null
patience=100
tour 'federation tour'

for node in "${nodes[@]}"; do
  kill "$node"
  wait "$node" || { echo "a node did not end cleanly" && failures=$((failures + 1)); }
done
nodes=()
echo "$commands commands, $failures differ"
((first >= 12 && commands - first >= 9 && failures == 0))

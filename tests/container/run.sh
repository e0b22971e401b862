#!/usr/bin/env bash
# Builds the image, brings up the three nodes of deploy/compose.yaml, and does to them what happens to containers: writes on
# every node, a stop, a cut off the network. In the end all are alike, and everything can be read on each. Then one node that
# may do nothing but write its data.
#
#   tests/container/run.sh            with docker or podman (and podman-compose), whichever is there
#   tests/container/run.sh --keep     leaves the nodes running, on the ports 1441 to 1443 of this machine
#
# Where there is no engine it says so, and its exit code is 77.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

keep=no
case ${1:-} in
'') ;;
--keep) keep=yes ;;
*) echo "container: unknown argument $1; known: --keep" >&2 && exit 2 ;;
esac

project=treadmill-test base=debian:bookworm-slim
say() { printf '== %4d s: %s\n' "$SECONDS" "$*"; }
fail() { echo "container: $*" >&2 && exit 1; }

if command -v docker >/dev/null && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  engine=docker compose=(docker compose)
elif command -v podman-compose >/dev/null && podman info >/dev/null 2>&1; then
  engine=podman compose=(podman-compose)
else
  echo "SKIPPED: there is no container engine: neither docker with compose nor podman with podman-compose" && exit 77
fi
compose+=(-p "$project" -f deploy/compose.yaml)

log=$(mktemp)
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2 && fail "failed: $*"; }; }
clean_up() {
  [[ $keep == no ]] || return 0
  "${compose[@]}" down -v >/dev/null 2>&1 || true
  $engine rm -f "$project-bare" >/dev/null 2>&1 || true
  $engine volume ls -q | grep "^$project" | xargs -r "$engine" volume rm >/dev/null 2>&1 || true
  rm -f "$log"
}
trap clean_up EXIT

container() { # <number>: of the node
  $engine ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=box$1"
}
ask() { # <number> <path> [<argument of curl>…]
  local number=$1 path=$2
  shift 2
  curl --silent --show-error --fail --max-time 10 "$@" "http://127.0.0.1:144$number$path"
}
digest() { ask "$1" /people 2>/dev/null | grep -o '"digest":"[0-9a-f]*"'; }
documents() { ask "$1" /people 2>/dev/null | sed -n 's/.*"documents":\([0-9]*\).*/\1/p'; }
put() { # <number> <id>
  ask "$1" "/people/$2" -X PUT -d "{\"name\":\"$2\"}" >/dev/null
}
inside() { # <container> <method> <path> <body> <what the answer has>: a request that needs no network
  $engine exec "$1" bash -c "exec 3<>/dev/tcp/127.0.0.1/1444
    printf '$2 $3 HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: ${#4}\r\n\r\n%s' '$4' >&3
    grep -qF '$5' <&3"
}
put_inside() { # <number> <id>
  inside "$(container "$1")" PUT "/people/$2" "{\"name\":\"$2 of the one that is cut off\"}" '"status":"OK"'
}
await() { # <seconds> <what is awaited> <command…>
  local seconds=$1 what=$2 try
  shift 2
  for ((try = 0; try < seconds * 5; ++try)); do
    if "$@"; then return 0; fi
    sleep 0.2
  done
  "${compose[@]}" logs 2>&1 | tail -n 60 >&2
  fail "not within $seconds s: $what"
}
healthy() { $engine exec "$(container "$1")" treadmill health >/dev/null 2>&1; }
all_live() { # <number>: both of its links
  [[ $(ask "$1" /_system/peers 2>/dev/null | grep -o '"name":"box[123]","zmq_uri":"[^"]*","node_id":"[^"]*","state":"live"' | wc -l) == 2 ]]
}
alike() { # <documents that each has>
  local first
  first=$(digest 1) && [[ $first == "$(digest 2)" && $first == "$(digest 3)" ]] &&
    [[ $(documents 1) == "$1" && $(documents 2) == "$1" && $(documents 3) == "$1" ]]
}

say "building the image with $engine"
quietly "${compose[@]}" build
image=$($engine image inspect --format '{{.Size}}' treadmill)
added=$(((image - $($engine image inspect --format '{{.Size}}' "$base")) / 1000000))
say "the image adds $added MB to $base"
((added <= 120)) || fail "the image adds more than 120 MB"

say "starting three nodes"
quietly "${compose[@]}" up -d
for node in 1 2 3; do await 30 "box$node is healthy" healthy "$node"; done
for node in 1 2 3; do await 30 "box$node has two live peers" all_live "$node"; done
[[ $($engine exec "$(container 1)" id -u) == 1444 ]] || fail "the node does not run as the user 1444"

say "writing on every node"
for i in $(seq 100); do for node in 1 2 3; do put "$node" "all-$node-$i"; done; done
await 20 "three nodes with 300 documents" alike 300
ask 2 /people/_query/name -X POST -d '{"map":"doc => doc.name"}' >/dev/null
asks_right() { [[ $(ask "$1" '/people/_query/name?term=all-3-7' 2>/dev/null) == *'"key":"all-3-7"'* ]]; }
for node in 1 2 3; do await 20 "the query is answered by box$node" asks_right "$node"; done

say "box2 stops, and comes back"
quietly "$engine" stop -t 10 "$(container 2)"
code=$($engine inspect --format '{{.State.ExitCode}}' "$(container 2)")
[[ $code == 0 ]] || fail "a stop ends the node with $code"
for i in $(seq 50); do for node in 1 3; do put "$node" "stop-$node-$i"; done; done
quietly "$engine" start "$(container 2)"
await 30 "three nodes with 400 documents" alike 400

say "box3 is cut off, and comes back"
# shellcheck disable=SC2016 # the engine's variables
network=$($engine inspect --format '{{range $name, $facts := .NetworkSettings.Networks}}{{$name}}{{end}}' "$(container 3)")
quietly "$engine" network disconnect "$network" "$(container 3)"
for i in $(seq 50); do for node in 1 2; do put "$node" "cut-$node-$i"; done; done
put 1 both
put_inside 3 both
for i in $(seq 10); do put_inside 3 "cut-3-$i"; done
quietly "$engine" network connect --alias box3 "$network" "$(container 3)"
await 60 "three nodes with 511 documents" alike 511

say "everything can be read on each"
for node in 1 2 3; do
  for id in all-1-1 all-2-100 all-3-50 stop-1-50 stop-3-1 cut-1-1 cut-2-50 cut-3-10; do
    ask "$node" "/people/$id" >/dev/null || fail "box$node does not show $id"
  done
  [[ $(ask "$node" /people/_conflicts) == *'"id":"both"'*'"count":1}' ]] || fail "box$node does not show the conflict"
done

say "a node that may do nothing but write its data"
$engine run -d --rm --name "$project-bare" --read-only --cap-drop all --security-opt no-new-privileges \
  -v "$project-bare:/data" treadmill >/dev/null
await 30 "it takes a write" inside "$project-bare" PUT /b/d '{"n":1}' '"status":"OK"'
inside "$project-bare" POST /b/_query/n '{"map":"doc => doc.n"}' '"status":"OK"' || fail "it takes no query"
await 20 "its query is answered" inside "$project-bare" GET /b/_query/n '' '"n":1'
quietly "$engine" stop -t 10 "$project-bare"
say "done"

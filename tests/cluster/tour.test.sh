#!/usr/bin/env bash
# Runs the README's tour against a fresh node and compares every answer with what the README prints; `…` there matches anything.
# usage: tour.test.sh TREADMILL README
set -euo pipefail
binary=$1 readme=$2
work=$(mktemp -d)
node=
cleanup() {
  [[ -z $node ]] || kill -9 "$node" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

"$binary" serve --name tour --data "$work/data" --http 127.0.0.1:0 --free-disk-floor 0 2>"$work/log" &
node=$!
for _ in $(seq 200); do
  address=$(sed -n 's/.* ready .*http=\([0-9.:]*\).*/\1/p' "$work/log")
  [[ -z $address ]] || break
  sleep 0.05
done
[[ -n $address ]] || { echo "the node did not start:"; cat "$work/log"; exit 1; }

commands=0 failures=0 command='' expected=''
compare() {
  [[ -n $command ]] || return 0
  local answer pattern
  answer=$(bash -c "${command/curl /curl -s }" || true)
  pattern=${expected//\\/\\\\}
  pattern=${pattern//[/\\[}
  pattern=${pattern//\*/\\*}
  pattern=${pattern//\?/\\?}
  pattern=${pattern//…/*}
  commands=$((commands + 1))
  # shellcheck disable=SC2053 # the right side is a pattern
  if [[ $answer != $pattern ]]; then
    failures=$((failures + 1))
    printf 'command:  %s\nexpected: %s\nanswer:   %s\n\n' "$command" "$expected" "$answer"
  fi
}
while IFS= read -r line; do
  case $line in
    '$ '*)
      compare
      command=${line#\$ }
      command=${command//127.0.0.1:1444/$address}
      expected=
      ;;
    '```'*)
      compare
      command=
      ;;
    *) [[ -z $command ]] || expected+=${expected:+$'\n'}$line ;;
  esac
done < <(sed -n '/<!-- tour -->/,/<!-- \/tour -->/p' "$readme")
compare

kill "$node"
wait "$node" || { echo "the node did not end cleanly"; failures=$((failures + 1)); }
node=
echo "$commands commands, $failures differ"
((commands >= 12 && failures == 0))

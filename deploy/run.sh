#!/usr/bin/env bash
# One command for a fresh machine: installs what is missing, builds, and runs a node on 127.0.0.1:1444 with its data in
# ./data of this checkout, until Ctrl-C or SIGTERM.
# Arguments go to `treadmill serve`:   deploy/run.sh --http 127.0.0.1:2000 --log-level debug
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/install-deps.sh
[[ -e build/release/build.ninja ]] || {
  echo "run: building, some minutes the first time"
  cmake --preset release >/dev/null
}
cmake --build --preset release --target treadmill treadmill-map

# What says where the node listens goes to `treadmill health` too.
where=()
previous=
for argument in "$@"; do
  case $previous in --http | --config) where+=("$previous" "$argument") ;; esac
  case $argument in --http=* | --config=*) where+=("$argument") ;; esac
  previous=$argument
done

# Waits beside the node until it is ready, then says what to try. Not for ever: with port 0 nobody knows where to ask.
hint() {
  local base tries=0
  until base=$(build/release/treadmill health --ready ${where[@]+"${where[@]}"} 2>/dev/null); do
    kill -0 $$ 2>/dev/null && ((++tries < 600)) || return 0
    sleep 0.1
  done
  cat <<END
Treadmill is ready. Try:
  curl -X POST -d '{"id":"hello","text":"Hello"}' $base/notes
  curl $base/notes/hello
  curl '$base/notes/_activity?since=0'
END
}
hint &

# In place of this shell: signals reach the node itself.
exec build/release/treadmill serve "$@"
